"""Facts about the two minutes that the page looks back on."""

import math

import pytest

from thermedge.events import Event
from thermedge.geometry import Box
from thermedge.runtime.preview.history import KEPT_SLICES, SLICE_S, History


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def history(clock):
    return History(clock)


def test_a_slice_sums_up_its_frames(history, clock, make_frame, make_track):
    for index, (spent, shutter) in enumerate([(2.0, "none"), (8.0, "closed"), (5.0, "none")]):
        track = make_track(
            make_frame(index), Box(1, 2, 3, 4), stage_ms={"wait": 99, "infer": spent}
        )
        history.frame(track, shutter)
        clock.now += 0.1
    clock.now += SLICE_S
    history.frame(make_track(make_frame(3)), "none")
    (ended,) = history.since(0, 0)["slices"]
    assert (ended["frames"], ended["ms"], ended["most_ms"]) == (3, 5.0, 8.0)
    assert (ended["shut"], ended["state"], ended["t"]) == (True, "tracking", 0.0)


def test_a_slice_without_a_target_has_no_latency(history, clock, make_frame, make_track):
    history.frame(make_track(make_frame(0)), "none")
    clock.now += SLICE_S
    history.frame(make_track(make_frame(1)), "none")
    (ended,) = history.since(0, 0)["slices"]
    assert ended["ms"] is None


def test_what_was_told_is_not_told_again(history, clock, make_frame, make_track):
    event = Event("lost", 0, 7, "It went behind the house.")
    history.frame(make_track(make_frame(7), events=(event,)), "none")
    slices, events = history.end
    assert history.since(0, 0)["events"] == [
        {"t": 0.0, "kind": "lost", "frame": 7, "detail": event.detail}
    ]
    assert history.since(slices, events) == {"slices": [], "events": []}


def test_it_keeps_two_minutes_only(history, clock, make_frame, make_track):
    for index in range(KEPT_SLICES + 50):
        history.frame(make_track(make_frame(index)), "none")
        clock.now += SLICE_S
    kept = history.since(0, 0)["slices"]
    assert len(kept) == KEPT_SLICES
    assert kept[-1]["t"] - kept[0]["t"] == pytest.approx(120, abs=1)


def test_the_rate_is_that_of_now_and_falls_to_nothing(history, clock, make_frame, make_track):
    for rate, num_frames in ((10, 30), (50, 400)):
        for index in range(num_frames):
            history.frame(make_track(make_frame(index)), "none")
            clock.now += 1 / rate
        assert math.isclose(history.fps, rate, rel_tol=0.1)
    clock.now += 10
    assert history.fps == 0
