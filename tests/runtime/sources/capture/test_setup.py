"""Facts about agreeing with a driver."""

import errno
import logging

import pytest

from thermedge.errors import SourceError
from thermedge.runtime.sources.capture.address import parse
from thermedge.runtime.sources.capture.device import Device
from thermedge.runtime.sources.capture.scripted import ScriptedCamera
from thermedge.runtime.sources.capture.setup import set_up

BOSON = (("YU12", 640, 512, 640), ("Y16", 640, 512, 1280), ("Y16", 640, 514, 1280))


def agreed(uri="v4l2:auto", *, usb=None, modes=BOSON, **settings):
    camera = ScriptedCamera((), path="/dev/null", modes=modes, **settings)
    return set_up(Device(camera, "/dev/null"), parse(uri), usb)


def refused(uri="v4l2:auto", **settings):
    with pytest.raises(SourceError) as caught:
        agreed(uri, **settings)
    assert caught.value.remedy
    return caught.value.problem


def test_a_known_family_is_asked_for_its_best_mode() -> None:
    setup = agreed(usb="09cb:4007")
    assert setup.profile.name == "boson"
    assert str(setup.format) == "Y16 640x514"
    assert setup.rate_hz == 60


def test_an_unknown_camera_is_asked_for_the_most_bits() -> None:
    setup = agreed(modes=(("GREY", 8, 8, 8), ("Y12", 8, 8, 16), ("YUYV", 8, 8, 16)))
    assert (setup.profile.name, setup.format.name, setup.mode.bits) == ("generic", "Y12", 12)


def test_size_and_format_are_what_was_asked_for() -> None:
    setup = agreed("v4l2:auto?size=640x512", usb="09cb:4007")
    assert (str(setup.format), setup.profile.name) == ("Y16 640x512", "boson")
    assert agreed("v4l2:auto?format=YU12", usb="09cb:4007").mode.bits == 8


def test_a_size_that_the_family_does_not_list_is_taken_as_it_comes() -> None:
    setup = agreed("v4l2:auto?size=32x24", usb="09cb:4007", modes=(("Y16", 32, 24, 64),))
    assert setup.mode.telemetry is None
    assert setup.profile.name == "boson"


def test_a_profile_can_be_chosen() -> None:
    assert agreed("v4l2:auto?profile=generic", usb="09cb:4007").profile.name == "generic"


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("v4l2:auto?format=Y12", "does not offer the format Y12; it offers YU12 640x512; Y16"),
        ("v4l2:auto?size=320x256", "does not offer 320x256; it offers"),
        ("v4l2:auto?format=Y16&size=1x1", "does not offer Y16 1x1"),
        ("v4l2:auto?profile=lepton", "no format of grey counts that FLIR Lepton"),
        ("v4l2:auto?profile=x", "no camera profile 'x'"),
    ],
)
def test_what_is_not_offered_is_told_with_what_is(uri: str, problem: str) -> None:
    assert problem in refused(uri)


def test_a_colour_camera_is_refused() -> None:
    mjpeg = (("MJPG", 640, 480, 0),)
    assert "no format of grey counts" in refused(modes=mjpeg)
    assert "no format of grey counts" in refused("v4l2:auto?format=MJPG", modes=mjpeg)


@pytest.mark.parametrize(
    "other", [("Y16", 640, 480, 1280), ("YUYV", 640, 514, 1280), ("Y16", 320, 514, 1280)]
)
def test_a_silent_substitution_is_an_error(other) -> None:
    problem = refused(usb="09cb:4007", substitute=other)
    assert "was asked for Y16 640x514 and put" in problem
    assert "it offers YU12 640x512; Y16 640x512, 640x514" in problem


def test_rows_too_short_for_their_pixels_are_an_error() -> None:
    assert "1000 bytes a row, expected 1280" in refused(modes=(("Y16", 640, 512, 1000),))


def test_a_rate_that_the_driver_replaces_is_an_error() -> None:
    assert "asked for 9 Hz and runs at 60 Hz" in refused("v4l2:auto?rate=9")
    assert agreed("v4l2:auto?rate=60").rate_hz == 60


def test_a_driver_without_a_rate_believes_the_user_only() -> None:
    assert "doesn't tell its frame rate" in refused(tells_rate=False)
    assert agreed("v4l2:auto?rate=8.6", tells_rate=False).rate_hz == 8.6


def test_a_stream_that_repeats_has_the_rate_of_its_sensor() -> None:
    lepton = (("Y16", 80, 63, 160),)
    assert agreed(usb="1e4e:0100", modes=lepton, rate_hz=27).rate_hz == 9


def test_a_familys_controls_are_set_and_missing_ones_told(caplog) -> None:
    modes = (("YUYV", 384, 292, 768),)
    camera = ScriptedCamera((), path="/dev/null", modes=modes, controls={"Zoom, Absolute": 0})
    set_up(Device(camera, "/dev/null"), parse("v4l2:auto"), "1514:0001")
    assert camera.controls == {"Zoom, Absolute": 0x8004}
    with caplog.at_level(logging.WARNING):
        agreed(usb="1514:0001", modes=modes)
    assert "no control zoom_absolute" in caplog.text


def test_a_camera_without_any_format_has_no_signal() -> None:
    camera = ScriptedCamera((), path="/dev/null")
    camera.modes = ()
    with pytest.raises(SourceError, match="has no signal"):
        set_up(Device(camera, "/dev/null"), parse("v4l2:auto?format=Y16"), None)


def test_a_camera_without_a_present_format_has_no_signal(monkeypatch) -> None:
    camera = ScriptedCamera((), path="/dev/null")

    def no_format(told):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(camera, "_g_fmt", no_format)
    with pytest.raises(SourceError, match="has no signal"):
        set_up(Device(camera, "/dev/null"), parse("v4l2:auto"), None)
