"""Facts about the newest frame of a live source."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from thermedge.errors import SourceError
from thermedge.events import Event
from thermedge.frame import Frame
from thermedge.runtime.mailbox import newest


class Numbered:
    """A live source of frames that all show their own number, in both pictures."""

    live = True

    def __init__(self, count, *, pause_s=0.0, fail_at=None, visible=True):
        self.count, self.pause_s, self.fail_at, self.visible = count, pause_s, fail_at, visible
        self.counts = np.empty((96, 128), np.uint16)
        self.second = np.empty((48, 64), np.uint8)
        self.waits = threading.Event()
        self.closed = False

    def __iter__(self):
        for index in range(self.count):
            if index == self.fail_at:
                raise SourceError("The cable broke.", "Mend it.")
            self.counts[:] = index
            self.second[:] = index % 251
            frame = Frame(self.counts, index, 0, visible=self.second if self.visible else None)
            yield replace(frame, events=self.events(index))
            time.sleep(self.pause_s)

    def events(self, index):
        return (Event("stall", 0, index, "."),) if index % 3 == 0 else ()

    def close(self):
        self.closed = True
        self.waits.set()


def test_a_frame_in_the_tracker_s_hands_is_not_overwritten_in_either_picture():
    for frame in newest(Numbered(250, pause_s=0.0002)):
        time.sleep(0.002)
        assert np.all(frame.counts == frame.index)
        assert np.all(frame.visible == frame.index % 251)


def test_a_source_without_a_second_camera_has_no_second_picture():
    assert all(frame.visible is None for frame in newest(Numbered(5, visible=False)))


def test_events_of_overtaken_frames_come_with_the_next_one_delivered():
    met = []
    last = -1
    for frame in newest(Numbered(300, pause_s=0.0003)):
        met += [event.frame_index for event in frame.events]
        assert all(last < event.frame_index <= frame.index for event in frame.events)
        last = frame.index
        time.sleep(0.003)
    assert last == 299
    assert met == list(range(0, 300, 3))


def test_the_second_picture_may_come_and_go():
    class Degrading(Numbered):
        def __iter__(self):
            for frame in super().__iter__():
                yield replace(frame, visible=None) if frame.index % 2 else frame

    for frame in newest(Degrading(60, pause_s=0.001)):
        assert (frame.visible is None) == bool(frame.index % 2)


def test_what_breaks_the_source_is_raised_after_its_last_good_frame():
    frames = newest(Numbered(10, pause_s=0.005, fail_at=5))
    with pytest.raises(SourceError, match="cable"):  # noqa: PT012
        for frame in frames:
            last = frame.index
    assert last == 4


def test_a_caller_who_has_enough_ends_the_thread_within_a_frame():
    source = Numbered(10_000, pause_s=0.001)
    frames = newest(source)
    next(frames)
    frames.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "frames"]
    assert not source.closed  # that is its owner's


def test_a_source_that_waits_for_a_frame_is_closed_when_nobody_wants_it(monkeypatch):
    class Stalled(Numbered):
        def __iter__(self):
            yield from super().__iter__()
            self.waits.wait()

    monkeypatch.setattr("thermedge.runtime.mailbox._PATIENCE_S", 0.05)
    source = Stalled(1)
    frames = newest(source)
    next(frames)
    frames.close()
    assert source.closed
    assert not [thread for thread in threading.enumerate() if thread.name == "frames"]
