"""Pixels come through as the sensor counted them, in every format, or not at all."""

import loopback
import numpy as np
import pytest

from thermedge.errors import SourceError

SIZES = [(640, 512), (320, 256), (160, 120)]


class Noise:
    """Counts over the whole range, others in every picture, whose number is at (0, 0)."""

    def __init__(self, form: str, size: tuple[int, int]) -> None:
        self._most = np.uint16(0xFFFF if form == "Y16" else 0xFF)
        self._noise = np.random.default_rng(1).integers(0, 1 << 16, size[::-1], np.uint16)

    def __call__(self, number: int, mode: int) -> np.ndarray:
        counts = (self._noise + np.uint16(number * 37)) & self._most
        counts[0, 0] = number & self._most
        return counts


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("form", loopback.FORMS)
def test_every_bit_of_every_pixel_comes_through(form, size, feed, loop_node, opened):
    picture = Noise(form, size)
    feed(picture, form=form, size=size, rate_hz=20)
    source = opened(f"v4l2:{loop_node}?format={form}&size={size[0]}x{size[1]}")
    assert (source.width_px, source.height_px) == size
    assert source.rate_hz == pytest.approx(20)

    numbers = []
    for _, frame in zip(range(5), source, strict=False):
        number = int(frame.counts[0, 0])
        np.testing.assert_array_equal(frame.counts, picture(number, 0))
        numbers.append(number)

    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_formats_of_one_driver_show_one_scene(size, vivid, opened):
    seen = {}
    for form in ("Y16", "Y16_BE", "GREY", "YUYV"):
        with opened(f"v4l2:{vivid.node}?format={form}&size={size[0]}x{size[1]}") as source:
            seen[form] = next(iter(source)).counts.copy()

    assert {counts.shape for counts in seen.values()} == {size[::-1]}
    assert np.ptp(seen["GREY"]) > 200
    np.testing.assert_array_equal(seen["Y16"] >> 8, seen["GREY"])
    np.testing.assert_array_equal(seen["Y16_BE"], seen["Y16"])
    # In video, black is 16 and white 235.
    luma = 16 + seen["GREY"] * (219 / 255)
    assert np.abs(seen["YUYV"] - luma).max() <= 1


def test_a_size_that_the_driver_would_replace_is_refused_with_those_it_has(vivid, opened):
    with pytest.raises(SourceError, match=r"640x512.*GREY 320x180, 640x360"):
        opened(f"v4l2:{vivid.webcam}?format=GREY&size=640x512")


def test_a_format_that_the_driver_lacks_is_refused_with_those_it_has(vivid, opened):
    with pytest.raises(SourceError, match=r"does not offer .*Y14.*Y16_BE"):
        opened(f"v4l2:{vivid.node}?format=Y14")
