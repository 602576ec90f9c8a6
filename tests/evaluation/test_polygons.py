"""Facts about polygons: areas against counting small squares."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thermedge.evaluation import polygons


def turned(angle: float, cx: float, cy: float, w: float, h: float) -> np.ndarray:
    corners = np.array([(-w, -h), (w, -h), (w, h), (-w, h)]) / 2
    turn = np.array([(math.cos(angle), -math.sin(angle)), (math.sin(angle), math.cos(angle))])
    return corners @ turn.T + (cx, cy)


def counted(polygon: np.ndarray, box: np.ndarray, bounds: np.ndarray | None) -> float:
    """IoU by asking of a fine grid of points which are inside what."""
    step = 0.1
    xs, ys = np.meshgrid(np.arange(-12, 32, step) + step / 2, np.arange(-12, 32, step) + step / 2)
    inside = np.ones(xs.shape, bool)
    for start, end in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        side = (end[0] - start[0]) * (ys - start[1]) - (end[1] - start[1]) * (xs - start[0])
        inside &= side >= 0
    x, y, w, h = box
    within = (xs >= x) & (xs < x + w) & (ys >= y) & (ys < y + h)
    if bounds is not None:
        frame = (xs >= 0) & (xs < bounds[0]) & (ys >= 0) & (ys < bounds[1])
        inside, within = inside & frame, within & frame
    return float((inside & within).sum() / max((inside | within).sum(), 1))


@settings(deadline=None, max_examples=15)
@given(
    st.floats(0, math.pi),
    st.integers(2, 18),
    st.integers(2, 14),
    st.sampled_from([None, np.array([20.0, 12.0])]),
)
def test_overlap_with_a_turned_box_is_what_counting_gives(
    angle: float, cx: int, cy: int, bounds: np.ndarray | None
) -> None:
    polygon = turned(angle, cx, cy, 9, 5)
    box = np.array([6.0, 3.0, 8.0, 7.0])
    expected = counted(polygon, box, bounds)
    assert polygons.iou_with_box(polygon, box, bounds) == pytest.approx(expected, abs=0.02)


def test_an_upright_polygon_overlaps_like_a_box() -> None:
    polygon = turned(0, 5, 5, 10, 10)
    assert polygons.iou_with_box(polygon, np.array([5.0, 0, 10, 10])) == pytest.approx(1 / 3)
    assert polygons.iou_with_box(polygon[::-1], np.array([0.0, 0, 10, 10])) == pytest.approx(1)


def test_shapes_apart_and_shapes_without_area_do_not_overlap() -> None:
    polygon = turned(0.3, 5, 5, 4, 4)
    assert polygons.iou_with_box(polygon, np.array([50.0, 50, 4, 4])) == 0
    assert polygons.iou_with_box(np.zeros((4, 2)), np.array([0.0, 0, 0, 0])) == 0
    assert polygons.area(np.zeros((2, 2))) == 0
    assert polygons.clipped(polygon, np.array([50.0, 50, 4, 4])).shape == (0, 2)
