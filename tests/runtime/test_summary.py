"""Facts about what a run came to."""

import math

import pytest

from thermedge.events import Event
from thermedge.geometry import Box
from thermedge.runtime.summary import Latency, Summary
from thermedge.runtime.track import NO_BOX, STAGES, Track

BOX = Box(40, 40, 20, 20)


def test_percentiles_are_those_of_the_frames_noted():
    latency = Latency()
    for value in range(1, 101):
        stages = dict.fromkeys(STAGES, float(value))
        latency.add(Track(BOX, 1.0, "tracking", 0, 0, 0, stages, age_ms=2.0 * value), 0.5)
    rows = latency.percentiles(50, 100)
    assert rows["infer"] == pytest.approx((50.5, 100))
    assert rows["tracker"] == pytest.approx((50.5 * 5, 500))  # all stages but the waiting
    assert rows["sinks"] == (0.5, 0.5)
    assert rows["age"] == pytest.approx((101, 200))


def test_a_recording_has_no_row_of_ages():
    latency = Latency()
    latency.add(Track(BOX, 1.0, "tracking", 0, 0, 0, {"infer": 1.0}), 0.5)
    assert list(latency.percentiles(50)) == [*STAGES, "sinks", "tracker"]


def test_a_run_without_end_keeps_only_the_newest_times():
    latency = Latency()
    for value in (0.0,) * 9000 + (7.0,) * 8192:
        latency.add(Track(BOX, 1.0, "tracking", 0, 0, 0, {"infer": value}), 0.0)
    assert latency.percentiles(0)["infer"] == (7.0,)


def test_a_run_without_frames_has_no_percentiles():
    assert Latency().percentiles(50) == {}


def test_frames_losses_states_and_events_are_counted():
    summary = Summary()
    stall = Event("stall", 0, 3, "No frame for 2 s.")
    for index, state in enumerate(("idle", "tracking", "tracking", "lost")):
        events = (stall, stall) if index == 3 else ()
        track = Track(BOX, 1.0, state, index, 0, 2, {}, events)
        summary.add(track, sinks_ms=0.0, seconds=0.1 * index)
    assert (summary.frames, summary.dropped) == (4, 8)
    assert summary.states == {"idle": 1, "tracking": 2, "lost": 1}
    assert summary.events == {"stall": 2}
    assert summary.fps == pytest.approx(10)


def test_frames_without_a_target_do_not_hide_what_tracking_costs():
    summary = Summary()
    summary.add(Track(NO_BOX, 0.0, "idle", 0, 0, 0, {}), sinks_ms=0, seconds=0)
    summary.add(Track(BOX, 1.0, "tracking", 1, 0, 0, {}, start=BOX), sinks_ms=0, seconds=0)
    assert summary.latency.percentiles(50) == {}
    summary.add(Track(BOX, 1.0, "tracking", 2, 0, 0, {"infer": 4.0}), sinks_ms=0, seconds=0)
    assert summary.latency.percentiles(50)["infer"] == (4.0,)


def test_faults_are_those_of_all_parts_that_have_any():
    class Part:
        def __init__(self, **faults):
            self.faults = faults

    summary = Summary(fallible=[Part(stalls=2, gaps=0), Part(unsent=1)])
    assert summary.faults == {"stalls": 2, "unsent": 1}


def test_faults_of_one_name_are_added_up():
    class Part:
        faults = {"frames not recorded": 2}

    assert Summary(fallible=[Part(), Part()]).faults == {"frames not recorded": 4}


def test_no_frames_are_no_frames_per_second():
    assert Summary().fps == 0.0
    assert math.isfinite(Summary(frames=1).fps)
