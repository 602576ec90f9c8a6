"""Facts about the loss that knows which edges motion smears."""

import pytest
import torch

from thermedge.models.smmt import Maps
from thermedge.training.losses import Targets
from thermedge.training.losses.edges import edge_weights, losses
from thermedge.training.losses.grid import grid_of
from thermedge.training.losses.ltrb import distances

SIDE, STRIDE_PX = 20, 8


def some_targets(present=(1.0, 1.0, 1.0), motion=(0.0, 0.0)):
    return Targets(
        target_px=torch.tensor([[40.0, 40.0], [50.0, 30.0], [20.0, 60.0]]),
        box=torch.tensor(
            [[80.0, 80.0, 36.0, 36.0], [31.7, 98.2, 60.0, 25.0], [120.0, 44.0, 24.0, 19.0]]
        ),
        present=torch.tensor(present),
        motion=torch.tensor([motion] * 3),
        changed=torch.zeros(3, 2),
        search_px=SIDE * STRIDE_PX,
    )


def perfect(targets, gain=1.0):
    grid = grid_of(torch.zeros(len(targets.box), 1, SIDE, SIDE), targets)
    score = torch.logit(grid.bump[:, None].clamp(1e-6, 1 - 1e-6))
    return Maps(score, distances(grid, targets), gain)


def random_maps():
    torch.manual_seed(0)
    score = torch.randn(3, 1, SIDE, SIDE).requires_grad_()
    ltrb = (30 * torch.rand(3, 4, SIDE, SIDE)).requires_grad_()
    return Maps(score, ltrb, 1.0)


def test_perfect_maps_cost_nothing_and_hit_every_target():
    targets = some_targets(motion=(0.2, 0.1))
    parts = losses(perfect(targets), targets)
    assert parts.total == pytest.approx(0, abs=1e-4)
    assert parts.hit == 1
    assert parts.iou == pytest.approx(1, abs=1e-5)


def test_every_kind_of_mistake_costs():
    targets = some_targets()
    maps = perfect(targets)
    wider = losses(maps._replace(ltrb=maps.ltrb * 1.3), targets)
    elsewhere = losses(maps._replace(score=maps.score.roll(6, dims=3)), targets)
    assert wider.terms["overlap"] > 0.3
    # Errors of ln(1.3) are past the squared part: ln(1.3) less half of its reach, 0.1.
    assert wider.terms["edges"] == pytest.approx(0.2624 - 0.05, abs=1e-3)
    assert wider.iou < 0.7
    assert elsewhere.terms["score"] > 1
    assert elsewhere.hit == 0


def test_a_target_at_rest_has_four_edges_alike():
    assert edge_weights(torch.zeros(2, 2), 1.0).tolist() == [[0.25] * 4] * 2


@pytest.mark.parametrize("way", [1.0, -1.0])
def test_motion_along_x_smears_left_and_right_twice_as_much(way):
    weights = edge_weights(torch.tensor([[0.5 * way, 0.0]]), 1.0)[0]
    assert weights.tolist() == pytest.approx([2 / 6, 1 / 6, 2 / 6, 1 / 6])


def test_slow_motion_smears_in_proportion():
    weights = edge_weights(torch.tensor([[0.0, 0.125]]), 1.0)[0]
    assert weights.tolist() == pytest.approx([1 / 5, 1.5 / 5, 1 / 5, 1.5 / 5])


def test_beyond_a_quarter_of_the_target_faster_motion_smears_no_more():
    fast = torch.tensor([[0.15, 0.2], [3.0, 4.0]])
    weights = edge_weights(fast, 1.0)
    torch.testing.assert_close(weights[0], weights[1])
    assert weights[0].tolist() == pytest.approx([1.6 / 6.8, 1.8 / 6.8] * 2)


def test_without_gain_no_edge_counts_more():
    assert edge_weights(torch.tensor([[0.5, -0.1]]), 0.0)[0].tolist() == [0.25] * 4


def test_the_same_mistake_costs_more_on_a_smeared_edge():
    targets = some_targets(motion=(0.5, 0.0))
    maps = perfect(targets)
    costs = []
    for side in range(4):
        ltrb = maps.ltrb.clone()
        ltrb[:, side] *= 1.3
        costs.append(float(losses(maps._replace(ltrb=ltrb), targets).terms["edges"]))
    left, top, right, bottom = costs
    assert left == pytest.approx(right)
    assert top == pytest.approx(bottom)
    assert left == pytest.approx(2 * top, rel=1e-4)


def test_where_the_target_is_absent_only_the_score_is_pushed_down():
    maps = random_maps()
    parts = losses(maps, some_targets(present=(0.0, 0.0, 0.0)))
    parts.total.backward()
    assert [parts.terms[name] for name in ("overlap", "edges")] == [0, 0]
    assert (maps.score.grad > 0).all()  # a step down the gradient lowers every score
    assert not maps.ltrb.grad.abs().sum()


def test_an_absent_target_takes_no_part_in_the_box_of_others():
    maps = random_maps()
    losses(maps, some_targets(present=(1.0, 0.0, 1.0))).total.backward()
    assert not maps.ltrb.grad[1].abs().sum()
    assert maps.ltrb.grad[0].abs().sum() > 0
    assert maps.ltrb.grad.isfinite().all()
