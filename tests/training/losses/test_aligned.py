"""Facts about what a head with distances to the edges and an aligned score is asked for."""

import pytest
import torch

from thermedge.models.siamcross import Maps
from thermedge.training.losses import Targets
from thermedge.training.losses.aligned import aligned_label, box_cells, inside, losses
from thermedge.training.losses.grid import grid_of
from thermedge.training.losses.ltrb import cell_iou, distances

SIDE, STRIDE_PX = 20, 8
CENTRES = (torch.arange(SIDE) + 0.5) * STRIDE_PX


def some_targets(present=(1.0, 1.0, 1.0)):
    return Targets(
        target_px=torch.tensor([[40.0, 40.0], [50.0, 30.0], [20.0, 60.0]]),
        box=torch.tensor(
            [[80.0, 80.0, 36.0, 36.0], [31.7, 98.2, 60.0, 25.0], [120.0, 44.0, 12.0, 9.0]]
        ),
        present=torch.tensor(present),
        motion=torch.zeros(3, 2),
        changed=torch.zeros(3, 2),
        search_px=SIDE * STRIDE_PX,
    )


def grid_for(targets):
    return grid_of(torch.zeros(len(targets.box), 1, SIDE, SIDE), targets)


def perfect(targets):
    """The maps of a network that knows everything; its boxes reach 0.5 px at least."""
    grid = grid_for(targets)
    ltrb = distances(grid, targets).clamp(min=0.5)
    score = torch.logit(grid.bump[:, None].clamp(1e-6, 1 - 1e-6))
    label = aligned_label(cell_iou(ltrb, grid, targets), grid, targets)[:, None]
    aligned = torch.logit(label.clamp(1e-6, 1 - 1e-6))
    return Maps(score, ltrb, aligned, score.sigmoid())


def random_maps(count=3):
    torch.manual_seed(0)
    score, aligned = torch.randn(2, count, 1, SIDE, SIDE)
    ltrb = 5 + 30 * torch.rand(count, 4, SIDE, SIDE)
    leaves = [part.requires_grad_() for part in (score, ltrb, aligned)]
    return Maps(*leaves, score.detach().sigmoid())


def test_perfect_maps_cost_nothing_and_hit_every_target():
    parts = losses(perfect(some_targets()), some_targets())
    for term in ("score", "overlap", "edges", "aligned"):
        assert parts.terms[term] == pytest.approx(0, abs=1e-4), term
    assert parts.hit == 1
    assert parts.iou == pytest.approx(1, abs=1e-5)


def test_every_kind_of_mistake_costs():
    targets = some_targets()
    maps = perfect(targets)
    right = losses(maps, targets)
    larger = losses(maps._replace(ltrb=maps.ltrb * 1.5), targets)
    score_elsewhere = losses(maps._replace(score=maps.score.roll(6, dims=3)), targets)
    aligned_elsewhere = losses(maps._replace(aligned=maps.aligned.roll(6, dims=3)), targets)
    assert larger.terms["overlap"] > right.terms["overlap"] + 0.3
    assert larger.terms["edges"] == pytest.approx(4 * 0.4055, abs=1e-3)  # ln 1.5 for each edge
    assert larger.iou < 0.6
    assert score_elsewhere.terms["score"] > right.terms["score"] + 1
    assert aligned_elsewhere.terms["aligned"] > right.terms["aligned"] + 1


def test_the_cell_that_is_believed_in_is_the_one_that_counts():
    targets = some_targets()
    maps = perfect(targets)
    assert losses(maps._replace(belief=maps.belief.roll(8, dims=3)), targets).hit == 0


def test_boxes_are_learned_by_cells_of_the_target_within_two_cells_of_its_centre():
    targets = some_targets()
    learning = box_cells(grid_for(targets), targets) > 0
    for one, (cx, cy, w, h) in zip(learning, targets.box.tolist(), strict=True):
        for row, column in one.nonzero().tolist():
            dx, dy = abs(CENTRES[column] - cx), abs(CENTRES[row] - cy)
            assert (dx**2 + dy**2) ** 0.5 <= 16
            assert (dx < w / 2 and dy < h / 2) or max(dx, dy) <= STRIDE_PX / 2
    assert learning.sum((1, 2)).tolist() == [12, 12, 2]  # 120 px is half-way between two cells


def test_all_learning_cells_count_the_same_and_sum_to_1():
    weight = box_cells(grid_for(some_targets()), some_targets())
    assert weight.sum() == pytest.approx(1)
    assert weight[weight > 0].unique().numel() == 1


def test_the_aligned_label_is_the_overlap_of_the_cells_own_box_inside_the_target():
    targets = some_targets(present=(1.0, 1.0, 0.0))
    grid, maps = grid_for(targets), random_maps()
    iou = cell_iou(maps.ltrb, grid, targets)
    label = aligned_label(iou, grid, targets)
    is_in = inside(grid, targets)
    assert not label.requires_grad
    assert torch.equal(label[:2], torch.where(is_in, iou, torch.zeros(()))[:2])
    assert is_in[2].any()
    assert not label[2].any()  # this target is absent


def test_the_aligned_loss_moves_the_aligned_score_alone():
    maps = random_maps()
    losses(maps, some_targets()).terms["aligned"].backward()
    assert maps.aligned.grad.abs().sum() > 0
    assert maps.score.grad is None
    assert maps.ltrb.grad is None


def test_where_the_target_is_absent_only_the_scores_are_pushed_down():
    maps = random_maps()
    parts = losses(maps, some_targets(present=(0.0, 0.0, 0.0)))
    parts.total.backward()
    assert (parts.terms["overlap"], parts.terms["edges"]) == (0, 0)
    assert (parts.hit, parts.iou) == (0, 0)
    assert (maps.score.grad > 0).all()  # a step down the gradient lowers every score
    assert (maps.aligned.grad > 0).all()
    assert not maps.ltrb.grad.abs().sum()


def test_a_network_without_aligned_branch_is_asked_for_the_rest():
    maps = random_maps()
    without = losses(maps._replace(aligned=None), some_targets())
    both = losses(maps, some_targets())
    assert without.terms.keys() == {"score", "overlap", "edges"}
    torch.testing.assert_close(without.total, both.total - 0.25 * both.terms["aligned"])


def test_half_precision_maps_give_full_precision_losses():
    half = Maps(*(part.detach().bfloat16() for part in random_maps()))
    parts = losses(half, some_targets())
    assert {part.dtype for part in (parts.total, *parts.terms.values())} == {torch.float32}
