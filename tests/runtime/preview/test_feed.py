"""Facts about the frame that goes from the tracker's thread to the page."""

import tracemalloc

import numpy as np

from thermedge.frame import Frame
from thermedge.runtime.preview.feed import Feed
from thermedge.runtime.preview.history import History


def made():
    woken = []
    return Feed(History()), woken, lambda: woken.append(1)


def test_a_frame_that_nobody_wants_is_not_copied(make_frame, make_track):
    feed, _, _ = made()
    frame = make_frame(0)
    feed.write(frame, make_track(frame))
    assert feed.take() is None
    assert feed.newest.track.frame_index == 0


def test_the_next_frame_is_handed_over_once(make_frame, make_track):
    feed, woken, wake = made()
    feed.want(wake, every_s=0.0)
    for index in range(3):
        frame = make_frame(index)
        feed.write(frame, make_track(frame))
    assert feed.take().track.frame_index == 0
    assert len(woken) == 1


def test_the_copy_outlives_the_source_s_buffer(make_track):
    feed, _, wake = made()
    counts = np.full((4, 5), 7, np.uint16)
    frame = Frame(counts, 0, 0)
    feed.want(wake, every_s=0.0)
    feed.write(frame, make_track(frame))
    counts[:] = 9
    assert (feed.take().frame.counts == 7).all()


def test_frames_are_taken_no_faster_than_asked(make_frame, make_track, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("thermedge.runtime.preview.feed.time.monotonic", lambda: clock[0])
    feed, woken, wake = made()
    for index in range(400):  # two seconds at 200 Hz
        feed.want(wake, every_s=1 / 30)
        frame = make_frame(index)
        feed.write(frame, make_track(frame))
        clock[0] += 0.005
    assert 58 <= len(woken) <= 64


def test_a_camera_at_the_rate_loses_no_frame_to_its_jitter(make_frame, make_track, monkeypatch):
    rng, clock = np.random.default_rng(1), [0.0]
    monkeypatch.setattr("thermedge.runtime.preview.feed.time.monotonic", lambda: clock[0])
    feed, woken, wake = made()
    for index in range(300):
        clock[0] = 100 + index / 30 + rng.uniform(-0.003, 0.003)
        feed.want(wake, every_s=1 / 30)
        frame = make_frame(index)
        feed.write(frame, make_track(frame))
    assert len(woken) >= 298


def test_handing_over_allocates_no_picture_after_the_first(make_frame, make_track):
    feed, _, wake = made()
    frame = make_frame(0)
    track = make_track(frame)
    for _ in range(3):
        feed.want(wake, every_s=0.0)
        feed.write(frame, track)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(50):
        feed.want(wake, every_s=0.0)
        feed.write(frame, track)
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert peak < frame.counts.nbytes
