"""Facts about asking a driver."""

import errno

import pytest

from thermedge.runtime.sources.capture.device import Device, Format, Offer, Sizes
from thermedge.runtime.sources.capture.scripted import ScriptedCamera

MODES = (("Y16", 640, 512, 1280), ("Y16", 320, 256, 640), ("GREY", 640, 512, 640))


@pytest.fixture
def device():
    camera = ScriptedCamera((), path="/dev/null", modes=MODES, controls={"Zoom, Absolute": 1})
    made = Device(camera, "/dev/null")
    yield made
    made.close()


def test_a_device_tells_who_it_is(device) -> None:
    who = device.identity()
    assert (who.driver, who.card, who.bus) == (
        "scripted",
        "Scripted camera",
        "platform:scripted-000",
    )
    assert who.captures
    assert not who.is_metadata


def test_a_device_lists_formats_and_sizes(device) -> None:
    assert [str(offer) for offer in device.offers()] == ["Y16 640x512, 320x256", "GREY 640x512"]
    assert device.rates_hz("Y16", 640, 512) == (60.0,)


def test_sizes_are_told_with_the_format(device) -> None:
    assert device.set_format("Y16", 320, 256) == Format("Y16", 320, 256, 640, 640 * 256)
    assert device.format().width_px == 320


def test_controls_have_the_names_of_v4l2_ctl(device) -> None:
    assert device.controls() == {"zoom_absolute": 1}
    device.set_control(1, 0x8004)
    assert device.kernel.controls == {"Zoom, Absolute": 0x8004}


def test_a_rate_that_is_not_told_is_none() -> None:
    device = Device(ScriptedCamera((), path="/dev/null", tells_rate=False), "/dev/null")
    assert device.rate_hz() is None
    assert device.set_rate(9) is None


def test_a_closed_device_answers_nothing(device) -> None:
    device.close()
    device.close()
    with pytest.raises(OSError, match="Bad file") as caught:
        device.identity()
    assert caught.value.errno == errno.EBADF


def test_a_busy_camera_is_known() -> None:
    camera = ScriptedCamera((), path="/dev/null", busy=True)
    assert Device(camera, "/dev/null").is_busy()
    camera.busy = False
    assert not Device(camera, "/dev/null").is_busy()


def test_a_range_of_sizes_holds_its_steps() -> None:
    sizes = Sizes((16, 640, 16), (16, 480, 4))
    assert sizes.contain(640, 480)
    assert not sizes.contain(650, 480)
    assert not sizes.contain(656, 480)
    assert str(sizes) == "16x16 to 640x480"
    assert Offer("Y16", ()).has(1, 1)
