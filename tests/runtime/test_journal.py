import numpy as np

from thermedge.events import Event
from thermedge.frame import Frame
from thermedge.runtime.journal import Journal
from thermedge.runtime.shutter import Sight


def frame(index, events=()):
    return Frame(np.zeros((4, 4), np.uint8), index, index * 100_000_000, events=events)


def told(steps):
    """Return (frame, kind) of what a journal notes of (shutter, state) in each frame."""
    journal = Journal()
    journal.start(frame(0))
    seen = []
    for index, (shutter, state) in enumerate(steps, start=1):
        journal.open(frame(index))
        journal.shutter(Sight(shutter=shutter, why="the camera says so"))
        journal.state(state, 0.25)
        seen += [(event.frame_index, event.kind) for event in journal.events]
    return seen


def test_a_quiet_track_has_no_events():
    assert told([("none", "tracking"), ("none", "uncertain"), ("none", "tracking")]) == []


def test_a_shutter_event_is_told_when_it_begins_and_when_it_ends():
    steps = [("closed", "coasting")] * 5 + [("settling", "reacquired"), ("none", "tracking")]
    assert told(steps) == [(1, "shutter_closed"), (6, "shutter_opened"), (6, "reacquired")]


def test_a_loss_is_told_step_by_step_and_each_step_once():
    steps = [("none", "coasting")] * 3 + [("none", "lost")] * 3 + [("none", "reacquired")]
    assert told(steps) == [(1, "coasting"), (4, "lost"), (7, "reacquired")]


def test_what_the_source_tells_comes_first():
    journal = Journal()
    journal.start(frame(0))
    stall = Event("stall", 7, 3, "No frame for 2 s.")
    journal.open(frame(3, (stall,)))
    journal.note("camera_moved", "The scene jumped.")
    assert [event.kind for event in journal.events] == ["stall", "camera_moved"]
    assert journal.events[0] is stall


def test_an_event_says_since_when_and_how_sure():
    journal = Journal()
    journal.start(frame(0))
    for index in range(1, 8):
        journal.open(frame(index))
        journal.state("coasting", 0.05)
    journal.open(frame(8))
    journal.state("reacquired", 0.75)
    assert journal.events[0].detail == "Found again after 0.80 s with score 0.75."
    assert journal.events[0].timestamp_ns == 800_000_000
