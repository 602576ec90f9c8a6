"""Facts about buffers."""

import errno

import pytest

from thermedge.runtime.sources.capture.device import Device
from thermedge.runtime.sources.capture.scripted import ScriptedCamera
from thermedge.runtime.sources.capture.stream import NUM_BUFFERS, Stream


@pytest.fixture
def start():
    def make(*script, **settings):
        camera = ScriptedCamera(script, path="/dev/null", modes=(("Y16", 16, 8, 32),), **settings)
        stream = Stream(Device(camera, "/dev/null"))
        stream.start()
        return camera, stream

    return make


def test_a_frame_comes_with_its_number_time_and_size(start) -> None:
    camera, stream = start("frame", "damaged", "short", first_sequence=2**32 - 1)
    camera.sleep(1)
    frames = [stream.take() for _ in range(4)]
    assert [frame and frame.sequence for frame in frames] == [2**32 - 1, 0, 1, None]
    assert [frame.is_damaged for frame in frames[:3]] == [False, True, False]
    assert [frame.num_bytes for frame in frames[:3]] == [256, 256, 128]
    assert frames[0].stamp_ns == 10**9
    assert frames[0].is_monotonic


def test_a_clock_of_its_own_is_no_monotonic_one(start) -> None:
    camera, stream = start("frame", stamp_flags=0x4000)
    camera.sleep(1)
    assert not stream.take().is_monotonic


def test_without_free_buffers_frames_are_lost(start) -> None:
    camera, stream = start(*["frame"] * 9)
    camera.sleep(1)
    taken = [stream.take() for _ in range(NUM_BUFFERS)]
    assert stream.take() is None
    assert camera.produced == 9
    for frame in taken:
        stream.give_back(frame.index)


def test_a_camera_in_use_is_refused_before_anything_is_mapped() -> None:
    camera = ScriptedCamera((), path="/dev/null", busy=True)
    with pytest.raises(OSError, match="busy") as caught:
        Stream(Device(camera, "/dev/null"))
    assert caught.value.errno == errno.EBUSY


def test_a_driver_that_grants_no_buffer_is_an_error(monkeypatch) -> None:
    camera = ScriptedCamera((), path="/dev/null")
    monkeypatch.setattr(camera, "_reqbufs", lambda asked: setattr(asked, "count", 0))
    with pytest.raises(OSError, match="grants no buffer"):
        Stream(Device(camera, "/dev/null"))


def test_memory_is_given_back_also_of_a_camera_that_is_gone(start, monkeypatch) -> None:
    camera, stream = start()
    given_back = []
    monkeypatch.setattr(camera, "unmap", given_back.append)
    camera.is_plugged = False
    stream.close()
    stream.close()
    assert len(given_back) == NUM_BUFFERS
