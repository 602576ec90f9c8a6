import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermedge.geometry import Box
from thermedge.runtime.crop import Cropper, Window


def cut(counts, window, low=0.0, high=255.0):
    out = np.empty((window.size_px, window.size_px), np.float32)
    Cropper().cut(counts, window, low=low, high=high, out=out)
    return out


def picture_of(x, y, side, dtype=np.uint8, shape=(512, 640)):
    counts = np.zeros(shape, dtype)
    counts[y : y + side, x : x + side] = 255
    return counts


@pytest.mark.parametrize("corner", [(0, 0), (620, 0), (0, 492), (620, 492)])
@pytest.mark.parametrize("size_px", [128, 24])  # magnified, and averaged first
def test_target_stays_in_the_middle_at_every_frame_corner(corner, size_px):
    window = Window.around(Box(*corner, 20, 20), 4.0, size_px)

    picture = cut(picture_of(*corner, 20), window)

    ys, xs = np.nonzero(picture > 0.5)
    assert xs.mean() == pytest.approx(size_px / 2 - 0.5, abs=0.05)
    assert ys.mean() == pytest.approx(size_px / 2 - 0.5, abs=0.05)


def test_a_window_of_the_same_scale_is_the_picture_itself():
    counts = np.random.default_rng(1).integers(0, 65535, (60, 60)).astype(np.uint16)
    window = Window(30.0, 30.0, 40.0, 40)

    picture = cut(counts, window, low=1000, high=50000)

    expected = np.clip((counts[10:50, 10:50] - 1000.0) / 49000.0, 0, 1)
    assert picture == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_both_count_widths_give_the_same_picture(dtype):
    window = Window.around(Box(100, 80, 30, 20), 4.0, 160)
    assert np.array_equal(
        cut(picture_of(110, 90, 12, dtype), window), cut(picture_of(110, 90, 12), window)
    )


def test_beyond_the_frame_lies_the_mean_of_what_is_inside():
    counts = np.full((50, 50), 100, np.uint8)
    picture = cut(counts, Window(0.0, 0.0, 40.0, 40))
    assert picture == pytest.approx(np.full((40, 40), 100 / 255), abs=1e-5)


def test_a_window_far_outside_is_plain_grey():
    picture = cut(np.zeros((50, 50), np.uint8), Window(500.0, 500.0, 40.0, 16))
    assert np.all(picture == 0.5)


def test_shrinking_averages_instead_of_skipping_pixels():
    board = np.indices((256, 256)).sum(0) % 2 * 255  # a checkerboard of single pixels
    picture = cut(board.astype(np.uint8), Window(128.0, 128.0, 200.0, 25))
    assert picture == pytest.approx(np.full((25, 25), 0.5), abs=0.03)


def test_values_never_leave_zero_to_one():
    counts = np.random.default_rng(2).integers(0, 65535, (80, 80)).astype(np.uint16)
    picture = cut(counts, Window(40.0, 40.0, 90.0, 64), low=20000, high=30000)
    assert picture.min() == 0.0
    assert picture.max() == 1.0


@given(
    st.floats(-50, 400),
    st.floats(-50, 400),
    st.floats(5, 300),
    st.floats(0, 160),
    st.floats(0, 160),
)
def test_a_window_point_returns_to_where_the_map_took_it_from(cx, cy, side, x, y):
    window = Window(cx, cy, side, 160)
    a, b, tx, c, d, ty = window.window_from_frame()
    fx, fy = window.point_in_frame(x, y)
    assert a * fx + b * fy + tx == pytest.approx(x, abs=1e-6 * 160 / side * 1000)
    assert c * fx + d * fy + ty == pytest.approx(y, abs=1e-6 * 160 / side * 1000)


def test_a_turned_map_puts_the_target_where_it_says():
    counts = picture_of(100, 60, 9)
    angle = 0.4
    a, b = 2 * np.cos(angle), -2 * np.sin(angle)
    tx, ty = 50 - (a * 104.5 + b * 64.5), 40 - (-b * 104.5 + a * 64.5)
    out = np.empty((100, 100), np.float32)

    Cropper().warp(counts, (a, b, tx, -b, a, ty), low=0, high=255, out=out)

    ys, xs = np.nonzero(out > 0.5)
    assert (xs + 0.5).mean() == pytest.approx(50, abs=0.1)
    assert (ys + 0.5).mean() == pytest.approx(40, abs=0.1)
