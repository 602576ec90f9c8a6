import numpy as np
import pytest

from thermedge.calibration.strata import AXES, describe
from thermedge.frame import Frame
from thermedge.geometry import Box

BOX = Box(60, 50, 20, 16)


def scene(counts, box=BOX, *, bits=None, since_s=None, min_span=120.0):
    bits = bits or 8 * counts.itemsize
    return describe(Frame(counts, 0, 0, bits=bits), box, since_s=since_s, min_span=min_span)


def noise(level, spread, dtype=np.uint8):
    rng = np.random.default_rng(0)
    return rng.normal(level, spread, (120, 160)).round().clip(0, np.iinfo(dtype).max).astype(dtype)


def with_target(counts, value):
    counts = counts.copy()
    counts[50:66, 60:80] = value
    return counts


@pytest.mark.parametrize(("value", "expected"), [(180, "brighter"), (20, "darker"), (100, "level")])
def test_the_sign_of_contrast_is_that_of_the_target_against_its_ring(value, expected):
    assert scene(with_target(noise(100, 6), value)).contrast == expected


def test_what_is_hot_far_away_does_not_change_a_target_s_contrast():
    counts = with_target(noise(100, 6), 150)
    counts[:, :20] = 255
    assert scene(counts).contrast == "brighter"


@pytest.mark.parametrize("box", [Box(-30, -20, 40, 30), Box(150, 110, 30, 30), Box(300, 9, 4, 4)])
def test_a_box_past_the_frame_s_edge_has_some_contrast(box):
    assert scene(noise(100, 6), box).contrast in AXES["contrast"]


@pytest.mark.parametrize(
    ("side", "expected"),
    [(5, "under 8 px"), (8, "8 to 16 px"), (31, "16 to 32 px"), (40, "32 to 64 px")],
)
def test_size_is_that_of_the_square_of_equal_area(side, expected):
    assert scene(noise(100, 6), Box(60, 50, 2 * side, side / 2)).size == expected


def test_a_target_of_64_px_and_more_is_the_largest():
    assert scene(noise(100, 6), Box(10, 10, 64, 64)).size == "over 64 px"


@pytest.mark.parametrize(("spread", "expected"), [(3, "flat"), (12, "narrow"), (40, "wide")])
def test_the_range_of_8_bits_is_that_of_the_picture(spread, expected):
    assert scene(noise(120, spread)).range == expected


@pytest.mark.parametrize(("spread", "expected"), [(15, "flat"), (60, "narrow"), (300, "wide")])
def test_the_range_of_wide_counts_goes_by_what_the_scaler_stretches(spread, expected):
    found = scene(noise(8000, spread, np.uint16), bits=14)
    assert (found.range, found.depth) == (expected, "16 bit")


def test_saturated_parts_make_a_scene_clipped():
    counts = noise(8000, 300, np.uint16)
    assert scene(counts, bits=14).range == "wide"
    counts[:10, :40] = (1 << 14) - 1
    assert scene(counts, bits=14).range == "clipped"


@pytest.mark.parametrize(
    ("since_s", "expected"),
    [(None, "none seen"), (0.0, "under 10 s"), (10.0, "10 to 60 s"), (3600.0, "over 60 s")],
)
def test_the_time_since_the_shutter_is_told(since_s, expected):
    assert scene(noise(100, 6), since_s=since_s).shutter == expected


def test_windows_of_a_scan_are_of_one_kind_whatever_the_target_was_like():
    dark = scene(with_target(noise(100, 40), 20)).strata(look="scan", frames=80)
    bright = scene(with_target(noise(100, 40), 180)).strata(look="scan", frames=3)
    assert dark.key == bright.key
    assert dark.contrast != bright.contrast


@pytest.mark.parametrize(
    ("frames", "expected"),
    [(9, "under 10 frames"), (10, "10 to 50 frames"), (51, "over 50 frames")],
)
def test_age_counts_frames_since_the_start(frames, expected):
    found = scene(noise(100, 6)).strata(look="follow", frames=frames)
    assert found.age == expected
    assert found.key != scene(noise(100, 6)).strata(look="scan", frames=frames).key
