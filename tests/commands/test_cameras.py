"""Facts about `thermedge cameras`."""

import json

import pytest

from thermedge.commands import main
from thermedge.runtime.sources.capture import listing
from thermedge.runtime.sources.capture.listing import Connected, Listed

BOSON = Connected(
    path="/dev/video2",
    card="FLIR Video",
    driver="uvcvideo",
    bus="usb-1",
    usb="09cb:4007",
    serial="4711",
    by_id="usb-FLIR-index0",
    by_path="pci-0-index0",
    uri="v4l2:by-id/usb-FLIR-index0",
    profile="boson",
    title="Teledyne FLIR Boson",
    hints=("keep it cool",),
    formats=(Listed("Y16", "640x514", (60.0, 30.0)), Listed("YU12", "640x512", ())),
    is_streaming=True,
    users=("ffmpeg (77)",),
    problem=None,
)


@pytest.fixture
def told(monkeypatch, capsys):
    """Return what the verb says about the cameras given."""

    def run(*arguments, cameras=(BOSON,)):
        monkeypatch.setattr(listing, "connected", lambda: list(cameras))
        assert main(["cameras", *arguments]) == 0
        return capsys.readouterr().out

    return run


def test_a_camera_is_told_with_the_words_to_track_with_it(told) -> None:
    text = told()
    for fact in (
        "/dev/video2  FLIR Video",
        "track-camera v4l2:by-id/usb-FLIR-index0",
        "4711",
        "pci-0-index0",
        "uvcvideo, usb-1",
        "boson: Teledyne FLIR Boson",
        "Y16 640x514 60/30 Hz; YU12 640x512\n",
        "somebody streams from it: ffmpeg (77)",
        "keep it cool",
    ):
        assert fact in text


def test_the_list_for_programs_has_every_fact(told) -> None:
    (camera,) = json.loads(told("--json"))
    assert camera["path"] == "/dev/video2"
    assert camera["formats"][0] == {
        "format": "Y16",
        "size": "640x514",
        "rates_hz": [60, 30],
    }
    assert camera["is_streaming"]
    assert set(camera) == set(Connected.__dataclass_fields__)


def test_no_camera_is_no_error_and_says_what_to_check(told) -> None:
    assert "No camera is connected" in told(cameras=())
    assert "lsusb" in told(cameras=())
    assert json.loads(told("--json", cameras=())) == []


def test_a_camera_that_could_not_be_looked_into_is_told_with_the_reason(told) -> None:
    import dataclasses

    blind = dataclasses.replace(
        BOSON, driver=None, profile=None, formats=(), hints=(), problem="It may not be opened."
    )
    text = told(cameras=(blind,))
    assert "It may not be opened." in text
    assert "profile" not in text


def test_this_machine_can_be_listed(capsys) -> None:
    assert main(["cameras", "--json"]) == 0
    assert isinstance(json.loads(capsys.readouterr().out), list)
