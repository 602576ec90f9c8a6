"""Facts about the truth on the grid of a response map."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from thermedge.geometry import Box
from thermedge.training.losses import Targets
from thermedge.training.losses.grid import edges_iou, figures, grid_of, score_loss

SIDE, STRIDE_PX = 20, 8
CENTRES = (torch.arange(SIDE) + 0.5) * STRIDE_PX


def some_targets(present=(1.0, 1.0, 1.0), search_px=SIDE * STRIDE_PX):
    return Targets(
        target_px=torch.tensor([[40.0, 40.0], [50.0, 30.0], [20.0, 60.0]]),
        box=torch.tensor(
            [[80.0, 80.0, 36.0, 36.0], [31.7, 98.2, 60.0, 25.0], [120.0, 44.0, 12.0, 9.0]]
        ),
        present=torch.tensor(present),
        motion=torch.zeros(3, 2),
        changed=torch.zeros(3, 2),
        search_px=search_px,
    )


def test_the_bump_is_1_at_the_nearest_cell_and_small_elsewhere():
    targets = some_targets()
    bump = grid_of(torch.zeros(3, 1, SIDE, SIDE), targets).bump
    for one, (cx, cy, w, h) in zip(bump, targets.box.tolist(), strict=True):
        row, column = divmod(int(one.argmax()), SIDE)
        assert one[row, column] == pytest.approx(1.0, abs=1e-6)
        assert abs(CENTRES[column] - cx) <= STRIDE_PX / 2
        assert abs(CENTRES[row] - cy) <= STRIDE_PX / 2
        far_x, far_y = (CENTRES - cx).abs() > w / 2 + 8, (CENTRES - cy).abs() > h / 2 + 8
        assert one[:, far_x].max() < 0.1
        assert one[far_y].max() < 0.1


def test_the_stride_comes_from_the_window_and_the_map():
    assert grid_of(torch.zeros(3, 1, 10, 10), some_targets()).stride == 16


def test_each_cell_knows_the_way_to_the_target():
    grid = grid_of(torch.zeros(3, 1, SIDE, SIDE), some_targets())
    assert grid.ahead[1, :, 4, 2].tolist() == pytest.approx([31.7 - 20, 98.2 - 36], abs=1e-4)


def test_an_absent_target_teaches_no_box_and_a_low_score():
    targets = some_targets(present=(0.0, 0.0, 0.0))
    score = torch.zeros(3, 1, SIDE, SIDE, requires_grad=True)
    grid = grid_of(score, targets)
    assert not grid.weight.any()
    score_loss(score, grid).backward()
    assert (score.grad > 0).all()


def test_a_hit_is_the_best_cell_within_half_a_target():
    targets = some_targets()
    grid = grid_of(torch.zeros(3, 1, SIDE, SIDE), targets)
    iou = torch.full((3, SIDE, SIDE), 0.5)
    assert [v.item() for v in figures(grid.bump[:, None], iou, grid, targets)] == [1.0, 0.5]
    away = grid.bump[:, None].roll(7, dims=3)
    assert figures(away, iou, grid, targets)[0] == 0


size_px = st.floats(4, 100)


@given(
    made=st.tuples(size_px, size_px),
    true=st.tuples(size_px, size_px),
    shift=st.tuples(st.floats(-80, 80), st.floats(-80, 80)),
)
def test_the_overlap_is_that_of_two_boxes(made, true, shift):
    box = torch.tensor([[0.0, 0.0, *true]])
    targets = Targets(
        torch.ones(1, 2), box, torch.ones(1), torch.zeros(1, 2), torch.zeros(1, 2), 160
    )
    middle, half = (torch.tensor(pair).reshape(1, 2, 1, 1) for pair in (shift, made))
    came = edges_iou(middle - half / 2, middle + half / 2, targets)
    expected = Box.from_center(*shift, *made).iou(Box.from_center(0, 0, *true))
    assert came.item() == pytest.approx(expected, abs=1e-4)
    assert math.isfinite(came.item())
