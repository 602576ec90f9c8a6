"""Facts about the three-part loss."""

import math

import pytest
import torch

from thermedge.models.fgsgt import Answers
from thermedge.training.losses import Targets
from thermedge.training.losses.centre import ellipse
from thermedge.training.losses.grid import grid_of
from thermedge.training.losses.ltrb import distances
from thermedge.training.losses.saliency import class_loss, losses, saliency_loss

SIDES, TEMPLATE_SIDES = (20, 40, 40), (11, 22, 22)


def some_targets(present=(1.0, 1.0, 1.0)):
    return Targets(
        target_px=torch.tensor([[40.0, 40.0], [50.0, 30.0], [20.0, 60.0]]),
        box=torch.tensor(
            [[80.0, 80.0, 36.0, 36.0], [31.7, 98.2, 60.0, 25.0], [120.0, 44.0, 12.0, 9.0]]
        ),
        present=torch.tensor(present),
        motion=torch.zeros(3, 2),
        changed=torch.zeros(3, 2),
        search_px=160,
    )


def of_template(targets):
    middle = torch.full_like(targets.target_px, 44.0)
    box = torch.cat([middle, targets.target_px], 1)
    return targets._replace(box=box, present=torch.ones(3), search_px=88)


def marked(targets, sides):
    """Saliency maps that are right, and sure of it."""
    grids = [grid_of(torch.zeros(3, 1, side, side), targets) for side in sides]
    return tuple(40 * ellipse(grid, targets)[:, None] - 20 for grid in grids)


def perfect(targets):
    grid = grid_of(torch.zeros(3, 1, 20, 20), targets)
    halved = targets._replace(box=targets.box * torch.tensor([1, 1, 0.5, 0.5]))
    score = 40 * ellipse(grid, halved)[:, None] - 20
    ltrb = distances(grid, targets).clamp(min=0.6)
    return Answers(
        score, ltrb, marked(targets, SIDES), marked(of_template(targets), TEMPLATE_SIDES)
    )


def random_maps():
    torch.manual_seed(0)

    def maps(sides):
        return tuple(torch.randn(3, 1, side, side, requires_grad=True) for side in sides)

    ltrb = torch.rand(3, 4, 20, 20) * 40 + 1
    return Answers(maps((20,))[0], ltrb.requires_grad_(), maps(SIDES), maps(TEMPLATE_SIDES))


def test_perfect_maps_cost_nothing_and_hit_every_target():
    parts = losses(perfect(some_targets()), some_targets())
    assert set(parts.terms) == {"score", "overlap", "distance", "saliency"}
    for name, term in parts.terms.items():
        assert term.item() == pytest.approx(0, abs=1e-4), name
    assert parts.total.item() == pytest.approx(0, abs=1e-3)
    assert parts.hit == 1
    assert parts.iou.item() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("step", [0, 1, 2])
@pytest.mark.parametrize("field", ["saliency", "template_saliency"])
def test_every_step_of_both_saliency_chains_is_taught(field, step):
    targets = some_targets()
    maps = perfect(targets)
    chain = list(getattr(maps, field))
    chain[step] = -chain[step]
    parts = losses(maps._replace(**{field: tuple(chain)}), targets)
    assert parts.terms["saliency"] > 1
    assert parts.terms["score"] + parts.terms["overlap"] == pytest.approx(0, abs=1e-4)


def test_refinements_weigh_twice_what_the_first_map_does():
    targets = some_targets()
    blank = tuple(torch.zeros(3, 1, side, side) for side in SIDES)
    # Each map that knows nothing costs ln 2 for the target and for the rest, halved.
    assert saliency_loss(blank, targets).item() == pytest.approx(2.5 * math.log(2), rel=1e-5)


def test_the_corners_of_the_box_may_be_salient_or_not():
    targets = some_targets()
    maps = tuple(m.clone().requires_grad_() for m in marked(targets, SIDES))
    saliency_loss(tuple(m * 0 + 0.1 * m for m in maps), targets).backward()
    ignored = maps[2].grad[0, 0] == 0
    # The first box has its middle at (80, 80) and 36 px a side; cells are 4 px apart.
    for row in range(40):
        for column in range(40):
            x, y = 4 * column + 2 - 80, 4 * row + 2 - 80
            is_in_corner = max(abs(x), abs(y)) <= 18 and math.hypot(x, y) > 18
            assert ignored[row, column] == is_in_corner, (row, column)


def test_every_kind_of_mistake_costs():
    targets = some_targets()
    maps = perfect(targets)
    larger = losses(maps._replace(ltrb=maps.ltrb * 1.3), targets)
    elsewhere = losses(maps._replace(score=maps.score.roll(6, dims=3)), targets)
    assert larger.terms["overlap"] > 0.3
    assert larger.terms["distance"].item() == pytest.approx(4 * math.log(1.3), abs=1e-3)
    assert elsewhere.terms["score"] > 5
    assert elsewhere.hit == 0


def test_cells_between_the_ellipses_are_neither():
    inside = torch.zeros(1, 3, 3)
    inside[0, 1, 1] = 1
    outside = torch.zeros(1, 3, 3)
    outside[0, 0] = 1
    score = torch.zeros(1, 1, 3, 3, requires_grad=True)
    class_loss(score, inside, outside).backward()
    grad = score.grad[0, 0]
    assert grad[1, 1] < 0
    assert (grad[0] > 0).all()
    assert not grad[2].any()


def test_target_and_background_count_half_each():
    inside, outside = torch.ones(2, 1, 1), torch.zeros(2, 1, 1)
    score = torch.zeros(2, 1, 1, 1)
    assert class_loss(score, inside, outside).item() == pytest.approx(math.log(2) / 2)
    assert class_loss(score, outside, inside).item() == pytest.approx(math.log(2) / 8)


def test_where_the_target_is_absent_score_and_saliency_are_pushed_down():
    maps = random_maps()
    parts = losses(maps, some_targets(present=(0.0, 0.0, 0.0)))
    parts.total.backward()
    assert (parts.terms["overlap"], parts.terms["distance"], parts.hit) == (0, 0, 0)
    assert (maps.score.grad > 0).all()
    assert all((m.grad > 0).all() for m in maps.saliency)
    assert not maps.ltrb.grad.any()
    assert (maps.template_saliency[0].grad < 0).any()  # the template always shows it


def test_boxes_are_learned_in_the_ellipse_of_half_the_box():
    maps, targets = random_maps(), some_targets()
    parts = losses(maps, targets)
    (parts.terms["overlap"] + parts.terms["distance"]).backward()
    learned = maps.ltrb.grad.abs().sum(1) > 0
    # 36 px wide: cells within 9 px of (80, 80), that is the four at 4 px from it.
    assert learned[0].nonzero().tolist() == [[9, 9], [9, 10], [10, 9], [10, 10]]
    assert learned.flatten(1).any(1).all()


def test_the_total_weighs_class_box_and_saliency():
    parts = losses(random_maps(), some_targets())
    terms = parts.terms
    expected = terms["score"] + 1.5 * (2 * terms["overlap"] + 0.5 * terms["distance"])
    torch.testing.assert_close(parts.total, expected + 0.5 * terms["saliency"])


def test_without_saliency_two_parts_remain():
    parts = losses(random_maps()._replace(saliency=(), template_saliency=()), some_targets())
    assert set(parts.terms) == {"score", "overlap", "distance"}
    parts.total.backward()


def test_half_precision_maps_give_full_precision_losses():
    maps = random_maps()
    half = [tuple(m.bfloat16() for m in chain) for chain in maps[2:]]
    parts = losses(Answers(maps[0].bfloat16(), maps[1].bfloat16(), *half), some_targets())
    assert {term.dtype for term in (parts.total, *parts.terms.values())} == {torch.float32}
