import math
from dataclasses import replace

import numpy as np
import pytest

from thermedge.geometry import Box
from thermedge.profiling.latency import (
    COLUMNS,
    FrameTimes,
    Latency,
    RecordedSummary,
    figures,
    spread,
)
from thermedge.runtime.track import Track

BOX = Box(1, 2, 3, 4)
STAGES = {"wait": 5.0, "scale": 0.5, "crop": 0.25, "infer": 2.0, "decode": 0.25, "update": 1.0}
TRACK = Track(BOX, 0.9, "tracking", 1, 0, 0, STAGES)


class Clock:
    """Every look is `step_s` later, or earlier where `back` says so."""

    def __init__(self, step_s: float = 0.01, back: tuple[int, ...] = ()) -> None:
        self.now, self.looks, self.step_s, self.back = 100.0, 0, step_s, back

    def __call__(self) -> float:
        self.looks += 1
        self.now += -3600 if self.looks in self.back else self.step_s
        return self.now


def times(count: int, *, clock: Clock | None = None, start: bool = True) -> FrameTimes:
    found = FrameTimes(clock or Clock())
    for index in range(count):
        track = replace(TRACK, frame_index=index, dropped=2 if index == 7 else 0)
        if index == 0 and start:
            track = replace(track, start=BOX, stage_ms={"update": 40.0})
        found.add(track, sinks_ms=0.125)
    return found


def test_the_stages_but_the_waiting_add_up_to_the_tracker() -> None:
    stages = figures(times(200).rows(), warm_up=20).stages
    assert stages["tracker"].p50 == 4.0
    assert (stages["wait"].p99, stages["infer"].max, stages["sinks"].mean) == (5.0, 2.0, 0.125)
    assert stages["tracker"].count == 200 - 1 - 20
    assert "age" not in stages  # a recording


def test_a_start_and_the_first_updates_are_told_apart() -> None:
    found = FrameTimes(Clock())
    found.add(replace(TRACK, start=BOX, stage_ms={"update": 40.0}))
    for infer_ms in [90.0] * 5 + [2.0] * 200:
        found.add(replace(TRACK, stage_ms={"infer": infer_ms}))
    told = figures(found.rows(), warm_up=5)
    assert told.starts is not None
    assert told.warm_up is not None
    assert (told.starts.max, told.warm_up.p50, told.stages["tracker"].max) == (40.0, 90.0, 2.0)


def test_results_per_second_are_counted_between_results() -> None:
    told = figures(times(501).rows(), warm_up=0)
    assert told.fps == pytest.approx(100)
    assert told.slowest_fps == pytest.approx(100, abs=1)
    assert told.jitter_ms == pytest.approx(0, abs=1e-6)
    assert told.dropped == 2


def test_a_steady_camera_has_no_slow_second() -> None:
    told = figures(times(31 * 8, clock=Clock(1 / 8), start=False).rows(), warm_up=0)
    assert (told.fps, told.slowest_fps) == (8, 8)


def test_a_slow_second_is_seen() -> None:
    clock = Clock()
    found = FrameTimes(clock)
    for index in range(1000):
        clock.step_s = 0.05 if 300 <= index < 340 else 0.01
        found.add(TRACK)
    told = figures(found.rows(), warm_up=0)
    assert 20 <= told.slowest_fps <= 22
    assert told.fps == pytest.approx(999 / (959 * 0.01 + 40 * 0.05))


def test_jitter_is_how_much_intervals_change() -> None:
    clock = Clock()
    found = FrameTimes(clock)
    for index in range(100):
        clock.step_s = 0.03 if index % 2 else 0.01
        found.add(TRACK)
    assert figures(found.rows(), warm_up=0).jitter_ms == pytest.approx(20)


def test_a_clock_that_steps_backwards_is_counted_and_left_out() -> None:
    told = figures(times(300, clock=Clock(back=(50, 200))).rows(), warm_up=0)
    assert told.clock_steps == 2
    assert told.fps == pytest.approx(100)


def test_a_pause_in_which_the_source_began_anew_is_not_an_interval() -> None:
    clock = Clock()
    found = FrameTimes(clock)
    for index in range(400):
        clock.step_s = 5.0 if index == 200 else 0.01
        found.add(replace(TRACK, start=BOX if index in (0, 200) else None))
    assert figures(found.rows(), warm_up=0).fps == pytest.approx(100)


@pytest.mark.parametrize(("count", "known"), [(0, 0), (9, 1), (19, 2), (99, 3), (100, 4)])
def test_a_percentile_needs_frames_to_rest_on(count: int, known: int) -> None:
    found = spread(np.arange(count, dtype=float))
    if found is None:
        assert count == 0
        return
    told = [found.p50, found.p90, found.p95, found.p99]
    assert [math.isfinite(value) for value in told] == [True] * known + [False] * (4 - known)
    assert found.max == count - 1


def test_frames_that_hide_the_target_are_left_out_of_the_row_in_sight() -> None:
    found = FrameTimes(Clock())
    for index in range(200):
        state = "coasting" if index % 4 == 0 else "tracking"
        track = replace(TRACK, state=state, stage_ms={"infer": 9.0 if index % 4 == 0 else 2.0})
        found.add(track)
    stages = figures(found.rows(), warm_up=0).stages
    assert (stages["in sight"].max, stages["tracker"].max) == (2.0, 9.0)
    assert stages["in sight"].count == 150


def test_a_live_source_has_an_age() -> None:
    found = FrameTimes(Clock())
    for _ in range(100):
        found.add(replace(TRACK, age_ms=7.5))
    assert figures(found.rows(), warm_up=0).stages["age"].p99 == 7.5


def test_no_frame_at_all_gives_no_figure() -> None:
    told = figures(FrameTimes().rows(), warm_up=10)
    assert (told.frames, told.stages, told.starts) == (0, {}, None)
    assert math.isnan(told.fps)


def test_idle_frames_are_no_updates() -> None:
    found = FrameTimes(Clock())
    for state in ["idle"] * 30 + ["tracking"] * 10:
        found.add(replace(TRACK, state=state))
    assert figures(found.rows(), warm_up=0).frames == 10


def test_a_run_that_never_ends_keeps_the_newest_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thermedge.profiling.latency._BLOCK", 8)
    found = FrameTimes(Clock())
    for index in range(64 * 8 + 3):
        found.add(replace(TRACK, frame_index=index))
    rows = found.rows()
    assert len(rows) == 63 * 8 + 3
    assert rows[-1, COLUMNS.index("frame")] == 64 * 8 + 2
    assert (found.began_s, found.forgotten) == (pytest.approx(100.01), 8)


def test_the_recorded_summary_is_the_summary_and_the_times() -> None:
    summary = RecordedSummary()
    for index in range(5):
        summary.add(replace(TRACK, frame_index=index), sinks_ms=0.5, seconds=index / 10)
    assert (summary.frames, summary.fps) == (5, 10)
    assert set(summary.latency.percentiles(50)) == {*Latency.ROWS} - {"age"}
    assert summary.times.rows()[:, COLUMNS.index("sinks")].tolist() == [0.5] * 5
