"""Facts about the camera families' profiles."""

import pytest

from thermedge.errors import SourceError
from thermedge.runtime.sources.capture.device import Identity, Offer, Sizes
from thermedge.runtime.sources.capture.pixels import row_bytes
from thermedge.runtime.sources.capture.profiles import GENERIC, best_match, load, names, parse

WHO = Identity("uvcvideo", "Some camera", "usb-1", True, False, False)


def offer(name: str, width: int, height: int) -> Offer:
    return Offer(name, (Sizes((width, width, 1), (height, height, 1)),))


@pytest.mark.parametrize("name", names())
def test_every_profile_can_be_read_and_used(name: str) -> None:
    profile = load(name)
    assert profile.modes
    assert profile.is_known == bool(profile.match)
    for mode in profile.modes:
        data_rows = mode.telemetry.rows if mode.telemetry else 0
        assert mode.height_px is None or mode.height_px > (
            data_rows + mode.skip_rows + mode.drop_rows
        )
        assert mode.bits <= 8 * min(2, row_bytes(mode.decode, 1))


def test_the_families_asked_for_are_there() -> None:
    assert {"boson", "lepton", "infiray", "ht301", "xenics", "mlx90640"} < set(names())
    assert names()[-1] == GENERIC


@pytest.mark.parametrize(
    ("usb", "identity", "offers", "profile"),
    [
        ("09cb:4007", WHO, (), "boson"),
        ("1e4e:0100", WHO, (), "lepton"),
        ("1514:0001", WHO, (), "ht301"),
        (None, Identity("tegra-video", "vi-output, DIONE_IR 9-0e", "p", True, False, False), (),
         "xenics"),
        ("0bda:5830", WHO, (offer("YUYV", 256, 384),), "infiray"),
        ("ffff:0001", WHO, (offer("YUYV", 256, 384),), "infiray"),
        (None, Identity("video-i2c", "I2C 1-33", "i2c", True, False, False),
         (offer("Y16_BE", 32, 26),), "mlx90640"),
        (None, Identity("video-i2c", "I2C 1-33", "i2c", True, False, False),
         (offer("Y12", 8, 8),), GENERIC),
        ("0bda:5830", WHO, (offer("YUYV", 640, 480),), GENERIC),
        (None, WHO, (), GENERIC),
    ],
)  # fmt: skip
def test_a_camera_is_known_by_what_it_says_and_offers(usb, identity, offers, profile) -> None:
    assert best_match(identity, usb, offers).name == profile


def test_a_grabber_that_takes_any_size_is_no_camera_family() -> None:
    any_size = Offer("YUYV", (Sizes((16, 4096, 1), (16, 2160, 1)),))
    assert best_match(WHO, None, (any_size,)).name == GENERIC


def test_an_unknown_profile_is_told_which_there_are() -> None:
    with pytest.raises(SourceError) as caught:
        load("bosun")
    assert "'bosun'" in caught.value.problem
    assert "boson" in caught.value.remedy


GOOD = 'title = "x"\n[[modes]]\nformat = "Y16"\ndecode = "u16le"\nbits = 16\n'


def test_a_profile_needs_no_more_than_a_title_and_a_mode() -> None:
    assert parse(GOOD, "x").modes[0].bits == 16


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (GOOD + "bitz = 16\n", "no key 'bitz'"),
        (GOOD.replace("bits = 16", ""), "lacks the key 'bits'"),
        (GOOD.replace("u16le", "u17"), "'u17'"),
        (GOOD + "plausible_c = [0.0, 1.0]\n", "plausible_c"),
        (GOOD + '[[match]]\ncard = "("\n', "wrong"),
        (GOOD + '[[match]]\noffers = "Y16"\n', "wrong"),
        ("title =", "wrong"),
    ],
)
def test_a_typo_in_a_profile_is_an_error(text: str, problem: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse(text, "x")
    assert problem in caught.value.problem
    assert "x.toml" in caught.value.problem


def test_only_what_is_radiometric_in_every_mode_has_a_scale_of_its_own() -> None:
    scaled = {name for name in names() if any(mode.kelvin for mode in load(name).modes)}
    assert scaled == {"infiray"}
