"""Facts about what a head of score, offset, size and spread is asked for."""

import math
from dataclasses import replace

import pytest
import torch

from thermedge import bundle
from thermedge.bundles import find
from thermedge.geometry import Box
from thermedge.models.stdtrack import Maps
from thermedge.runtime.decode import Candidate, Change
from thermedge.runtime.motion import Motion
from thermedge.training.losses import Targets
from thermedge.training.losses.centre import change_error, ellipse, losses
from thermedge.training.losses.grid import grid_of

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


def perfect(targets):
    """The maps of a network that knows everything, sure of itself."""
    cx, cy, w, h = targets.box.unbind(1)
    count = len(cx)
    x = ((cx[:, None] - CENTRES) / STRIDE_PX)[:, None, :].expand(count, SIDE, SIDE)
    y = ((cy[:, None] - CENTRES) / STRIDE_PX)[:, :, None].expand(count, SIDE, SIDE)
    ratio = torch.stack([w, h], 1) / targets.target_px
    size = ratio.log()[:, :, None, None].expand(count, 2, SIDE, SIDE)
    grid = grid_of(torch.zeros(count, 1, SIDE, SIDE), targets)
    score = torch.logit(grid.bump[:, None].clamp(1e-6, 1 - 1e-6))
    mask = 40 * ellipse(grid, targets)[:, None] - 20
    spread = torch.full_like(size, -5.0)
    token, change = torch.zeros(count, 1, 8), torch.full_like(size, -3.0)
    return Maps(score, torch.stack([x, y], 1), size, spread, mask, token, change)


def leaves(maps):
    return Maps(*(part.clone().requires_grad_() for part in maps))


def random_maps(count=3):
    torch.manual_seed(0)
    maps = (torch.randn(count, channels, SIDE, SIDE) for channels in (1, 2, 2, 2, 1))
    return leaves(Maps(*maps, torch.zeros(count, 1, 8), torch.randn(count, 2, SIDE, SIDE)))


def test_perfect_maps_cost_nothing_and_hit_every_target():
    parts = losses(perfect(some_targets()), some_targets())
    assert parts.terms["score"] == pytest.approx(0, abs=1e-6)
    assert parts.terms["overlap"] == pytest.approx(0, abs=1e-5)
    assert parts.terms["distance"] == pytest.approx(0, abs=1e-4)
    assert parts.hit == 1
    assert parts.iou == pytest.approx(1, abs=1e-5)


def test_every_kind_of_mistake_costs():
    targets = some_targets()
    right = losses(perfect(targets), targets)
    maps = perfect(targets)
    shifted = losses(maps._replace(offset=maps.offset + 0.5), targets)
    larger = losses(maps._replace(size=maps.size + 0.3), targets)
    elsewhere = losses(maps._replace(score=maps.score.roll(6, dims=3)), targets)
    for wrong in (shifted, larger):
        assert wrong.terms["overlap"] > right.terms["overlap"] + 0.02
        assert wrong.iou < 0.95
    assert shifted.terms["distance"] == pytest.approx(2 * 0.5, abs=1e-3)  # x and y
    assert larger.terms["distance"] == pytest.approx(2 * 0.3, abs=1e-3)  # w and h
    assert elsewhere.terms["score"] > right.terms["score"] + 1
    assert elsewhere.hit == 0


def test_where_the_target_is_absent_only_the_score_is_pushed_down():
    maps = random_maps()
    parts = losses(maps, some_targets(present=(0.0, 0.0, 0.0)))
    parts.total.backward()
    assert [parts.terms[name] for name in ("overlap", "distance", "spread")] == [0, 0, 0]
    assert (parts.hit, parts.iou) == (0, 0)
    assert (maps.score.grad > 0).all()  # a step down the gradient lowers every score
    for part in (maps.offset, maps.size, maps.spread):
        assert not part.grad.abs().sum()


def test_an_absent_target_takes_no_part_in_the_box_of_others():
    targets, maps = some_targets(present=(1.0, 0.0, 1.0)), random_maps()
    losses(maps, targets).total.backward()
    assert not maps.size.grad[1].abs().sum()
    assert maps.size.grad[0].abs().sum() > 0


def test_learning_the_spread_moves_nothing_else():
    maps = random_maps()
    losses(maps, some_targets()).terms["spread"].backward()
    assert maps.spread.grad.abs().sum() > 0
    for part in (maps.score, maps.offset, maps.size):
        assert part.grad is None or not part.grad.abs().sum()


def test_the_best_spread_is_the_size_error():
    targets = some_targets()
    maps = perfect(targets)
    error = 0.2
    spread = torch.full_like(maps.size, math.log(error)).requires_grad_()
    losses(maps._replace(size=maps.size + error, spread=spread), targets).terms["spread"].backward()
    assert spread.grad.abs().max() < 1e-6


def learned_change(changed, error, *, steps=300):
    """Return (floor, share) of what is learned where labels change by `changed`, ln.

    Args:
        changed: One number per target, the same for width and height.
        error: Of the measured size, ln; it is told as the spread.
    """
    targets = some_targets()._replace(changed=torch.tensor(changed)[:, None].expand(3, 2))
    maps = perfect(targets)
    maps = maps._replace(size=maps.size + error, spread=torch.full_like(maps.size, math.log(error)))
    told = torch.tensor([-3.0, 0.0], requires_grad=True)
    optimizer = torch.optim.Adam([told], 0.05)
    for _ in range(steps):
        change = told[None, :, None, None].expand(3, 2, SIDE, SIDE)
        optimizer.zero_grad()
        losses(maps._replace(change=change), targets).terms["change"].backward()
        optimizer.step()
    floor, share = told.tolist()
    return math.exp(floor), 1 / (1 + math.exp(-share))


def test_where_labels_keep_their_size_it_is_learned_that_none_changes():
    floor, share = learned_change([0.0, 0.0, 0.0], 0.1)
    noise = 2 * 0.1**2  # of one side's measurement, and the square of what both measure
    assert floor + share * noise < 0.05 * noise


def test_where_labels_change_as_measured_it_is_learned_to_follow():
    floor, share = learned_change([-0.6, 0.7, 0.6], 0.1)
    assert floor + share * 2 * 0.6**2 > 4 * 2 * 0.1**2  # of what is measured, 0.8 is believed


def test_learning_how_sizes_change_moves_nothing_else():
    maps = random_maps()
    losses(maps, some_targets()).terms["change"].backward()
    assert maps.change.grad.abs().sum() > 0
    for part in (maps.score, maps.offset, maps.size, maps.spread):
        assert part.grad is None or not part.grad.abs().sum()


def test_the_size_that_is_learned_is_the_one_that_the_runtime_reports():
    loop = replace(bundle.read(find("default")).manifest.loop, size_step=1.0)
    torch.manual_seed(3)
    for _ in range(20):
        change, error, spread = torch.randn(3, 1, 2, 1, 1).unbind()
        changed = torch.randn(1, 2) * 0.4
        far = change_error(change, error, spread, changed).item()
        motion = Motion(loop, Box(0, 0, 40, 40), (320, 256))
        ln_w, ln_h = (math.log(40) + (changed[0] + error[0, :, 0, 0])).tolist()
        floor, share = change[0, :, 0, 0].tolist()
        told = Change(math.exp(floor), 1 / (1 + math.exp(-share)))
        spreads = spread[0, :, 0, 0].exp().tolist()
        motion.take(Candidate(9, 9, ln_w, ln_h, *spreads, 0.9, told), elapsed_s=0)
        box, truth = motion.reported, (40 * changed[0].exp()).tolist()
        expected = abs(math.log(box.w / truth[0])) + abs(math.log(box.h / truth[1]))
        assert far == pytest.approx(expected, abs=1e-4)


def test_a_network_that_tells_nothing_of_changes_is_not_asked():
    maps = perfect(some_targets())._replace(change=None)
    assert "change" not in losses(maps, some_targets()).terms


def test_boxes_are_learned_near_the_centre_only():
    targets, maps = some_targets(), random_maps()
    losses(maps, targets).terms["distance"].backward()
    learned = maps.offset.grad.abs().sum(1) > 0
    bump = grid_of(maps.score, targets).bump
    assert torch.equal(learned, bump > 0.45)
    assert learned.flatten(1).any(1).all()


def test_the_total_weighs_all_parts_but_the_figures():
    parts = losses(random_maps(), some_targets())
    terms = parts.terms
    expected = terms["score"] + 2 * terms["overlap"] + terms["distance"]
    expected = expected + 0.2 * (terms["spread"] + terms["mask"]) + 0.5 * terms["change"]
    torch.testing.assert_close(parts.total, expected)
    assert not any(figure.requires_grad for figure in (parts.hit, parts.iou))


def test_half_precision_maps_give_full_precision_losses():
    half = Maps(*(part.detach().bfloat16() for part in random_maps()))
    parts = losses(half, some_targets())
    assert {part.dtype for part in (parts.total, *parts.terms.values())} == {torch.float32}


def test_the_mask_learns_the_ellipse_in_the_box():
    targets = some_targets()
    grid = grid_of(torch.zeros(3, 1, SIDE, SIDE), targets)
    inside = ellipse(grid, targets)
    for one, (_, _, w, h) in zip(inside, targets.box.tolist(), strict=True):
        assert one.sum().item() == pytest.approx(3.14 / 4 * w * h / STRIDE_PX**2, rel=0.25, abs=1)
    maps = perfect(targets)
    assert losses(maps, targets).terms["mask"] < 1e-6
    assert losses(maps._replace(mask=-maps.mask), targets).terms["mask"] > 10


def test_an_absent_target_has_no_ellipse():
    targets = some_targets(present=(0.0, 1.0, 1.0))
    inside = ellipse(grid_of(torch.zeros(3, 1, SIDE, SIDE), targets), targets)
    assert not inside[0].any()
    assert inside[1].any()
