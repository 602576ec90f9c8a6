"""Every frame that the driver numbered is delivered or counted, whatever goes wrong."""

import time

import numpy as np
import pytest

from thermedge.errors import SourceError

SMALL = "format=GREY&size=160x120"


def take(frames, count):
    """Return index and events of the next frames. A source is gone over once, so: of iter()."""
    return [(frame.index, frame.events) for _, frame in zip(range(count), frames, strict=False)]


def dark(number, mode):
    return np.zeros((120, 160), np.uint16)


def lost(source):
    """Return how many frames the source counts as lost."""
    names = ("missing", "damaged", "short", "skipped", "repeated")
    return sum(source.faults.get(name, 0) for name in names)


def kinds(taken):
    return [event.kind for _, events in taken for event in events]


def test_dropped_frames_are_counted_as_the_gaps_that_they_leave(vivid, opened):
    vivid.set(percentage_of_dropped_buffers=30)
    source = opened(f"v4l2:{vivid.node}?{SMALL}")

    indices = [index for index, _ in take(iter(source), 40)]

    assert indices[-1] - indices[0] - 39 == lost(source)
    assert source.faults["missing"] >= 4  # 17 are expected; fewer than 4 in 57 is one in 10^5


def test_a_reader_that_takes_its_time_gets_the_newest_frame(vivid, opened):
    source = opened(f"v4l2:{vivid.node}?{SMALL}")
    frames = iter(source)
    first_index = next(frames).index
    for _ in range(3):
        time.sleep(1)
        frame = next(frames)
        age_s = time.monotonic() - frame.timestamp_ns * 1e-9

    assert age_s < 0.6  # the oldest picture in the queue would be a second old
    assert frame.index - first_index - 3 == lost(source)
    assert lost(source) > 30


def test_a_sequence_that_wraps_at_32_bits_loses_no_frame(vivid, opened):
    vivid.set(wrap_sequence_number=1)
    source = opened(f"v4l2:{vivid.node}?{SMALL}")

    indices = [index for index, _ in take(iter(source), 150)]

    # The driver starts 128 frames below the end of the 32 bits.
    assert indices[-1] - indices[0] - 149 == lost(source)
    assert lost(source) < 100
    assert indices == sorted(set(indices))


def test_a_frame_that_the_driver_calls_damaged_is_not_delivered(vivid, opened):
    source = opened(f"v4l2:{vivid.node}?{SMALL}")
    frames = iter(source)
    take(frames, 3)
    vivid.push("inject_v4l2_buf_flag_error")
    taken = take(frames, 12)

    assert source.faults["damaged"] == 1
    assert taken[-1][0] - taken[0][0] - 11 <= lost(source)


def test_an_io_error_of_the_stream_restarts_it(vivid, opened):
    source = opened(f"v4l2:{vivid.node}?{SMALL}")
    frames = iter(source)
    before = next(frames).index
    vivid.push("inject_fatal_streaming_error")

    taken = take(frames, 12)

    assert kinds(taken) == ["stall"]
    assert source.faults["stalls"] == 1
    assert taken[0][0] > before
    indices = [index for index, _ in taken]
    assert indices == sorted(set(indices))


@pytest.mark.parametrize("call", ["reqbufs", "qbuf", "streamon"])
def test_a_call_that_fails_once_is_tried_again(call, vivid, opened):
    source = opened(f"v4l2:{vivid.node}?{SMALL}")
    frames = iter(source)
    next(frames)
    vivid.push(f"inject_vidioc_{call}_error")
    vivid.push("inject_fatal_streaming_error")  # so that the stream has to be started again

    indices = [next(frames).index for _ in range(8)]

    assert indices == sorted(set(indices))
    assert source.faults["stalls"] >= 1


def test_a_clock_that_jumps_is_noticed_and_time_goes_on(vivid, opened):
    vivid.set(wrap_timestamp=1)
    source = opened(f"v4l2:{vivid.node}?{SMALL}")

    stamps = [frame.timestamp_ns for _, frame in zip(range(6), source, strict=False)]

    assert stamps == sorted(stamps)
    assert abs(time.monotonic() - stamps[-1] * 1e-9) < 1
    assert source.faults["bad_stamp"] >= 1


def test_a_camera_that_never_starts_is_an_error_after_the_time_allowed(feed, loop_node, opened):
    feeding = feed(dark, form="Y16", size=(160, 120), rate_hz=10)
    source = opened(f"v4l2:{loop_node}?wait=2")
    feeding.stop()

    with pytest.raises(SourceError, match="no frame for 2 s"):
        take(iter(source), 100)
