"""A camera that goes away is waited for, and the same one is taken up again."""

import os
import threading
import time

import numpy as np

SMALL = "format=GREY&size=160x120"


def flat(number, mode):
    return np.full((120, 160), number, np.uint16)


def after(seconds, *steps):
    """Do the steps one after the other, each after a pause, beside the reader."""

    def work():
        for step in steps:
            time.sleep(seconds)
            step()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def read_past(frames, kind):
    """Return the first frame that has an event of this kind, and all kinds seen up to it."""
    seen = []
    for frame in frames:
        seen += [event.kind for event in frame.events]
        if kind in seen:
            return frame.index, seen
    raise AssertionError(f"{kind} never came, but {seen}")


def test_an_unplugged_camera_is_taken_up_when_it_is_back(vivid, opened):
    source = opened(f"v4l2:{vivid.node}?{SMALL}&wait=20")
    frames = iter(source)
    before = [next(frames).index for _ in range(3)]
    plugging = after(0.7, vivid.unplug, vivid.replug)

    index, seen = read_past(frames, "reconnected")
    rest = [next(frames).index for _ in range(5)]
    plugging.join()

    assert seen == ["unplugged", "reconnected"]
    assert source.faults["unplugs"] == 1
    assert before[-1] < index < rest[0]
    assert rest == sorted(set(rest))


def test_a_camera_that_comes_back_under_another_number_is_found(vivid, opened):
    first = vivid.node
    source = opened(f"v4l2:{first}?{SMALL}&wait=20")
    frames = iter(source)
    next(frames)
    old = os.open(first, os.O_RDWR)  # somebody else keeps the dead node, so its number is taken
    try:
        plugging = after(0.7, vivid.unplug, vivid.replug)
        read_past(frames, "reconnected")
        plugging.join()
        assert vivid.node != first
        assert next(frames).counts.shape == (120, 160)
    finally:
        os.close(old)


def test_a_dead_camera_leaves_nothing_open(vivid, opened):
    source = opened(f"v4l2:{vivid.node}?{SMALL}&wait=20")
    frames = iter(source)
    next(frames)
    first = vivid.node
    for _ in range(3):
        plugging = after(0.4, vivid.unplug, vivid.replug)
        read_past(frames, "reconnected")
        plugging.join()

    assert vivid.node == first  # a descriptor or mapping of the old node would hold its number
    assert source.faults["unplugs"] == 3


def test_a_driver_that_says_disconnected_counts_as_unplugged(vivid, opened):
    source = opened(f"v4l2:{vivid.node}?{SMALL}&wait=20")
    frames = iter(source)
    next(frames)
    plugging = after(0.5, lambda: vivid.push("disconnect"), vivid.replug)

    _, seen = read_past(frames, "reconnected")
    plugging.join()

    assert seen == ["unplugged", "reconnected"]


def test_a_silent_camera_is_restarted_and_goes_on_when_it_speaks(feed, loop_node, opened):
    how = {"form": "Y16", "size": (160, 120), "rate_hz": 20}
    feeding = feed(flat, **how)
    source = opened(f"v4l2:{loop_node}?stall=0.5&wait=20")
    frames = iter(source)
    next(frames)
    plugging = after(1.2, feeding.stop, lambda: feed(flat, **how))

    _, seen = read_past(frames, "stall")
    for _ in range(5):
        frame = next(frames)
    plugging.join()

    assert "unplugged" not in seen
    assert source.faults["stalls"] >= 1
    assert time.monotonic() - frame.timestamp_ns * 1e-9 < 1
