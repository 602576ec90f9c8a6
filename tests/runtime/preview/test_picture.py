"""Facts about the pictures that browsers get."""

import cv2
import numpy as np
import pytest

from thermedge.frame import Frame, Kelvin
from thermedge.runtime.preview.picture import MOST_PX, Encoder, png_of


def decoded(content):
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)


def ramp(low, high, shape=(64, 80), dtype=np.uint16):
    return np.linspace(low, high, shape[0] * shape[1]).reshape(shape).astype(dtype)


def test_the_range_of_the_scene_fills_the_greys():
    seen = decoded(Encoder().encode(Frame(ramp(7000, 9000), 0, 0)).jpeg)
    assert seen.shape == (64, 80)
    assert seen.min() < 5
    assert seen.max() > 250


def test_counts_of_8_bits_stay_as_they_are():
    counts = ramp(100, 150, dtype=np.uint8)
    seen = decoded(Encoder().encode(Frame(counts, 0, 0, bits=8)).jpeg)
    assert np.abs(seen.astype(int) - counts).max() < 6


def test_a_radiometric_core_tells_what_black_and_white_stand_for():
    seen = Encoder().encode(Frame(ramp(7000, 8000), 0, 0, kelvin=Kelvin(0.04, 0.0)))
    assert seen.low_c == pytest.approx(0.04 * 7005 - 273.15, abs=0.5)
    assert seen.high_c == pytest.approx(0.04 * 7997 - 273.15, abs=0.5)


def test_any_other_core_says_nothing_of_degrees():
    seen = Encoder().encode(Frame(ramp(7000, 8000), 0, 0))
    assert (seen.low_c, seen.high_c) == (None, None)


def test_a_flat_scene_is_no_error():
    assert decoded(Encoder().encode(Frame(np.full((8, 8), 500, np.uint16), 0, 0)).jpeg) is not None


def test_a_wide_frame_is_shown_smaller_in_its_shape():
    seen = decoded(Encoder().encode(Frame(ramp(0, 60000, (1024, 1920)), 0, 0)).jpeg)
    assert seen.shape == (round(1024 * MOST_PX / 1920), MOST_PX)


def test_a_change_of_size_is_followed():
    encoder = Encoder()
    for shape in ((40, 50), (64, 80), (40, 50)):
        assert decoded(encoder.encode(Frame(ramp(0, 900, shape), 0, 0)).jpeg).shape == shape


def test_a_png_holds_every_count():
    counts = ramp(0, 65535)
    assert np.array_equal(decoded(png_of(Frame(counts, 0, 0))), counts)
