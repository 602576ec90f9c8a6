"""Facts about the scripted camera itself: it does to its reader what real ones do."""

import errno

import pytest

from thermedge.runtime.sources.capture.device import Device
from thermedge.runtime.sources.capture.scripted import ScriptedCamera
from thermedge.runtime.sources.capture.stream import Stream


@pytest.fixture
def start():
    def make(*script, **settings):
        camera = ScriptedCamera(script, path="/dev/null", modes=(("Y16", 4, 2, 8),), **settings)
        stream = Stream(Device(camera, "/dev/null"))
        stream.start()
        return camera, stream

    return make


def test_time_passes_only_while_somebody_waits(start) -> None:
    camera, stream = start("frame", "frame", rate_hz=10)
    assert camera.wait(1, -1, 60)
    assert camera.now_ns() == 10**9
    stream.take()
    assert camera.wait(1, -1, 60)
    assert camera.now_ns() == 10**9 + 10**8
    stream.take()
    assert not camera.wait(1, -1, 60)
    assert camera.now_ns() == 61 * 10**9 + 10**8


def test_an_unplugged_camera_answers_enodev_and_comes_back(start) -> None:
    camera, stream = start("unplug", "plug")
    camera.sleep(0)
    with pytest.raises(OSError, match="No such device") as caught:
        stream.take()
    assert caught.value.errno == errno.ENODEV
    with pytest.raises(FileNotFoundError):
        camera.open("/dev/null")
    camera.sleep(1)
    Device(camera, "/dev/null")


def test_a_camera_that_comes_back_stands_at_its_first_mode(start) -> None:
    camera, stream = start("unplug", "plug")
    camera.modes += (("Y16", 8, 4, 16),)
    stream.stop()
    device = Device(camera, "/dev/null")
    device.set_format("Y16", 8, 4)
    stream.start()
    assert device.format().width_px == 8
    camera.sleep(1)
    assert device.format().width_px == 4


def test_a_failing_camera_recovers_with_its_stream(start) -> None:
    camera, stream = start("fail", "frame")
    camera.sleep(0)
    with pytest.raises(OSError, match="Input/output"):
        stream.take()
    stream.stop()
    stream.start()
    camera.sleep(1)
    assert stream.take() is not None


def test_a_hanging_camera_recovers_with_its_stream_a_dead_one_does_not(start) -> None:
    for how, frames in (("hang", 1), ("dead", 0)):
        camera, stream = start(how, "frame")
        camera.sleep(1)
        assert stream.take() is None
        stream.stop()
        stream.start()
        camera.sleep(1)
        assert (stream.take() is not None) == bool(frames)


def test_what_it_does_not_know_it_refuses_as_a_driver_does(start) -> None:
    camera, stream = start()
    fd = camera.open("/dev/null")
    with pytest.raises(OSError, match="Inappropriate"):
        camera.ioctl(fd, int(camera._raw.IOC.G_STD), None)
