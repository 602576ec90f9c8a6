"""Facts about boxes."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermedge.errors import TargetError
from thermedge.geometry import Box, checked_target

positions = st.floats(-1e4, 1e4)
sizes = st.floats(0.1, 1e4)
boxes = st.builds(Box, positions, positions, sizes, sizes)
# Whole numbers are exact, so what holds for them holds to the last bit.
whole = st.integers(1, 1000).map(float)
whole_boxes = st.builds(Box, whole, whole, whole, whole)


@given(boxes, boxes)
def test_iou_is_symmetric_and_between_0_and_1(one: Box, other: Box) -> None:
    assert 0 <= one.iou(other) <= 1
    assert one.iou(other) == other.iou(one)


@given(whole_boxes)
def test_iou_of_a_box_with_itself_is_1(box: Box) -> None:
    assert box.iou(box) == 1


@given(whole_boxes)
def test_boxes_that_only_touch_share_nothing(box: Box) -> None:
    assert box.iou(Box(box.x + box.w, box.y, box.w, box.h)) == 0
    assert box.iou(Box(box.x, box.y - box.h, box.w, box.h)) == 0


@given(whole_boxes, whole_boxes)
def test_iou_is_what_counting_pixels_gives(one: Box, other: Box) -> None:
    columns = set(range(int(one.x), int(one.x + one.w)))
    columns &= set(range(int(other.x), int(other.x + other.w)))
    rows = set(range(int(one.y), int(one.y + one.h)))
    rows &= set(range(int(other.y), int(other.y + other.h)))
    shared = len(columns) * len(rows)
    assert one.iou(other) == shared / (one.w * one.h + other.w * other.h - shared)


def test_half_shifted_squares_overlap_by_a_third() -> None:
    assert Box(0, 0, 10, 10).iou(Box(5, 0, 10, 10)) == pytest.approx(1 / 3)


def test_a_box_inside_another_has_the_ratio_of_their_areas() -> None:
    assert Box(0, 0, 10, 10).iou(Box(2, 3, 5, 4)) == pytest.approx(20 / 100)


@given(boxes)
def test_a_box_comes_back_from_its_center(box: Box) -> None:
    again = Box.from_center(*box.center, box.w, box.h)
    assert tuple(again) == pytest.approx(tuple(box), abs=1e-9)


def test_the_center_of_the_whole_frame_is_its_middle() -> None:
    assert Box(0, 0, 640, 512).center == (320, 256)
    assert Box(0, 0, 640, 512).area == 640 * 512


def test_a_box_unpacks_as_x_y_w_h() -> None:
    assert list(Box(1, 2, 3, 4)) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "box",
    [
        Box(0, 0, 640, 512),  # the whole frame
        Box(-4, -4, 10, 10),  # reaches past the corner, with its middle inside
        Box(639, 511, 1, 1),  # the last pixel
        Box(100, 100, 0.5, 0.5),
    ],
)
def test_a_target_whose_middle_is_in_the_frame_is_taken_as_it_is(box: Box) -> None:
    assert checked_target(box, 640, 512) is box


@pytest.mark.parametrize(
    ("box", "complaint"),
    [
        (Box(math.nan, 0, 10, 10), "not a finite number"),
        (Box(0, 0, math.inf, 10), "not a finite number"),
        (Box(10, 10, 0, 10), "no area"),
        (Box(10, 10, 10, -1), "no area"),
        (Box(100, 100, 1e-170, 1e-170), "too small"),
        (Box(100, 100, 0.09, 20), "too small"),
        (Box(100, 100, 20, 5e-324), "too small"),
        (Box(-10, 0, 10, 10), "outside the 640x512 frame"),
        (Box(635, 100, 10, 10), "outside the 640x512 frame"),  # middle exactly on the border
        (Box(0, 508, 10, 8), "outside the 640x512 frame"),
        (Box(0, 0, 641, 512), "larger than the 640x512 frame"),
        (Box(0, 0, 640, 512.5), "larger than the 640x512 frame"),
    ],
)
def test_an_impossible_target_is_refused_with_its_values(box: Box, complaint: str) -> None:
    with pytest.raises(TargetError, match=complaint) as caught:
        checked_target(box, 640, 512)
    assert ",".join(f"{value:g}" for value in box) in caught.value.problem
