"""Facts about laying one camera's picture over another's frame."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thermedge.errors import SourceError
from thermedge.runtime.registration import Registration, checked

NONE = ((1, 0, 0), (0, 1, 0), (0, 0, 1))


def warped(picture, homography, frame_px):
    height, width = picture.shape
    registration = Registration(homography, picture_px=(width, height), frame_px=frame_px)
    out = np.empty(frame_px[::-1], np.uint8)
    registration.warp(picture, out)
    return out


def blob(width, height, x, y, sigma=3.0):
    """Return a bright spot whose middle is at (x, y), counted from the picture's corner."""
    column, row = np.arange(width) + 0.5, np.arange(height)[:, None] + 0.5
    spot = np.exp(-((column - x) ** 2 + (row - y) ** 2) / (2 * sigma**2))
    return np.asarray(240 * spot, np.uint8)


def middle_of(picture):
    weight = np.clip(picture - 0.3 * picture.max(), 0, None)  # without what is beyond the border
    height, width = picture.shape
    x = (weight.sum(0) * (np.arange(width) + 0.5)).sum() / weight.sum()
    y = (weight.sum(1) * (np.arange(height) + 0.5)).sum() / weight.sum()
    return x, y


def test_the_identity_leaves_the_picture_as_it_is():
    picture = np.random.default_rng(0).integers(0, 255, (20, 30), np.uint8)
    np.testing.assert_array_equal(warped(picture, NONE, (30, 20)), picture)


@settings(max_examples=40)
@given(
    scale=st.floats(0.2, 2),
    turn=st.floats(-0.4, 0.4),
    tilt=st.floats(-4e-4, 4e-4),
    at=st.tuples(st.floats(110, 210), st.floats(90, 150)),
)
def test_a_spot_lands_where_the_matrix_says(scale, turn, tilt, at):
    c, s = scale * math.cos(turn), scale * math.sin(turn)
    matrix = np.array([[c, -s, 0], [s, c, 0], [tilt, 0, 1.0]])
    # Turned about its middle, which comes to lie in the middle of the frame.
    u, v, w = matrix @ (160, 120, 1)
    matrix = np.array([[1, 0, 64 - u / w], [0, 1, 48 - v / w], [0, 0, 1]]) @ matrix
    u, v, w = matrix @ (*at, 1)
    if not (15 < u / w < 113 and 15 < v / w < 81):
        return
    sigma = max(3.0, 2.0 / scale)
    came = middle_of(warped(blob(320, 240, *at, sigma), matrix.tolist(), (128, 96)))
    assert came == pytest.approx((u / w, v / w), abs=0.35)


def test_a_large_picture_is_averaged_not_sampled():
    # Single pixels of a fine checkerboard would be black or white.
    picture = np.indices((480, 640)).sum(0).astype(np.uint8) % 2 * 255
    out = warped(picture, ((0.2, 0, 0), (0, 0.2, 0), (0, 0, 1)), (128, 96))
    assert np.abs(out.astype(int) - 127).max() <= 8  # of five pixels, two or three are white


def test_beyond_the_border_is_the_mean():
    picture = np.full((40, 40), 90, np.uint8)
    out = warped(picture, ((1, 0, 30), (0, 1, 0), (0, 0, 1)), (60, 40))
    assert np.unique(out).tolist() == [90]


def test_it_undoes_what_opencv_found():
    # findHomography works on points counted from pixel middles: half a pixel off.
    shown = np.float32([[10, 10], [200, 12], [190, 150], [8, 160]])
    frame = np.float32([[5, 4], [100, 8], [95, 75], [3, 82]])
    matrix, _ = cv2.findHomography(shown, frame)
    x, y = 100.0, 80.0
    u, v, w = matrix @ (x, y, 1)
    came = middle_of(warped(blob(220, 180, x, y, 5.0), matrix.tolist(), (110, 90)))
    assert came == pytest.approx((u / w, v / w), abs=0.3)


@pytest.mark.parametrize(
    ("homography", "problem"),
    [
        (((1, 0), (0, 1)), "rows of"),
        (((1, 0, 0), (0, 1, 0)), "rows of"),
        (((1, 0, 0), (2, 0, 0), (0, 0, 1)), "not invertible"),
        (((1, 0, math.nan), (0, 1, 0), (0, 0, 1)), "not invertible"),
    ],
)
def test_a_matrix_that_maps_nothing_is_refused(homography, problem):
    with pytest.raises(SourceError, match=problem):
        checked(homography)


def test_a_picture_that_lands_beside_the_frame_is_refused():
    with pytest.raises(SourceError, match="takes no pixel"):
        Registration(((1, 0, 500), (0, 1, 0), (0, 0, 1)), picture_px=(64, 48), frame_px=(64, 48))
