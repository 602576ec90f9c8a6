"""Facts about what the network is asked for."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from thermedge.geometry import Box
from thermedge.models.stdtrack import STRIDE_PX, Maps
from thermedge.training.losses import Targets, _bump, _iou, losses

SIDE = 20
CENTRES = (torch.arange(SIDE) + 0.5) * STRIDE_PX


def some_targets(present=(1.0, 1.0, 1.0)):
    return Targets(
        template_size=torch.tensor([[40.0, 40.0], [50.0, 30.0], [20.0, 60.0]]),
        box=torch.tensor(
            [[80.0, 80.0, 36.0, 36.0], [31.7, 98.2, 60.0, 25.0], [120.0, 44.0, 12.0, 9.0]]
        ),
        present=torch.tensor(present),
    )


def perfect(targets):
    """The maps of a network that knows everything, sure of itself."""
    cx, cy, w, h = targets.box.unbind(1)
    count = len(cx)
    x = ((cx[:, None] - CENTRES) / STRIDE_PX)[:, None, :].expand(count, SIDE, SIDE)
    y = ((cy[:, None] - CENTRES) / STRIDE_PX)[:, :, None].expand(count, SIDE, SIDE)
    ratio = torch.stack([w, h], 1) / targets.template_size
    size = ratio.log()[:, :, None, None].expand(count, 2, SIDE, SIDE)
    bump = _bump(CENTRES, targets)[:, None]
    score = torch.logit(bump.clamp(1e-6, 1 - 1e-6))
    return Maps(score, torch.stack([x, y], 1), size, torch.full_like(size, -5.0))


def leaves(maps):
    return Maps(*(part.clone().requires_grad_() for part in maps))


def random_maps(count=3):
    torch.manual_seed(0)
    return leaves(Maps(*(torch.randn(count, channels, SIDE, SIDE) for channels in (1, 2, 2, 2))))


def test_perfect_maps_cost_nothing_and_hit_every_target():
    parts = losses(perfect(some_targets()), some_targets())
    assert parts.score == pytest.approx(0, abs=1e-6)
    assert parts.overlap == pytest.approx(0, abs=1e-5)
    assert parts.distance == pytest.approx(0, abs=1e-4)
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
        assert wrong.overlap > right.overlap + 0.02
        assert wrong.iou < 0.95
    assert shifted.distance == pytest.approx(2 * 0.5, abs=1e-3)  # x and y
    assert larger.distance == pytest.approx(2 * 0.3, abs=1e-3)  # w and h
    assert elsewhere.score > right.score + 1
    assert elsewhere.hit == 0


def test_the_bump_is_1_at_the_nearest_cell_and_small_elsewhere():
    targets = some_targets()
    bump = _bump(CENTRES, targets)
    for one, (cx, cy, w, h) in zip(bump, targets.box.tolist(), strict=True):
        row, column = divmod(int(one.argmax()), SIDE)
        assert one[row, column] == pytest.approx(1.0, abs=1e-6)
        assert abs(CENTRES[column] - cx) <= STRIDE_PX / 2
        assert abs(CENTRES[row] - cy) <= STRIDE_PX / 2
        far_x, far_y = (CENTRES - cx).abs() > w / 2 + 8, (CENTRES - cy).abs() > h / 2 + 8
        assert one[:, far_x].max() < 0.1
        assert one[far_y].max() < 0.1


def test_where_the_target_is_absent_only_the_score_is_pushed_down():
    maps = random_maps()
    parts = losses(maps, some_targets(present=(0.0, 0.0, 0.0)))
    parts.total().backward()
    assert (parts.overlap, parts.distance, parts.spread) == (0, 0, 0)
    assert (parts.hit, parts.iou) == (0, 0)
    assert (maps.score.grad > 0).all()  # a step down the gradient lowers every score
    for part in (maps.offset, maps.size, maps.spread):
        assert not part.grad.abs().sum()


def test_an_absent_target_takes_no_part_in_the_box_of_others():
    targets, maps = some_targets(present=(1.0, 0.0, 1.0)), random_maps()
    losses(maps, targets).total().backward()
    assert not maps.size.grad[1].abs().sum()
    assert maps.size.grad[0].abs().sum() > 0


def test_learning_the_spread_moves_nothing_else():
    maps = random_maps()
    losses(maps, some_targets()).spread.backward()
    assert maps.spread.grad.abs().sum() > 0
    for part in (maps.score, maps.offset, maps.size):
        assert part.grad is None or not part.grad.abs().sum()


def test_the_best_spread_is_the_size_error():
    targets = some_targets()
    maps = perfect(targets)
    error = 0.2
    spread = torch.full_like(maps.size, math.log(error)).requires_grad_()
    losses(maps._replace(size=maps.size + error, spread=spread), targets).spread.backward()
    assert spread.grad.abs().max() < 1e-6


def test_boxes_are_learned_near_the_centre_only():
    targets, maps = some_targets(), random_maps()
    losses(maps, targets).distance.backward()
    learned = maps.offset.grad.abs().sum(1) > 0
    bump = _bump(CENTRES, targets)
    assert torch.equal(learned, bump > 0.45)
    assert learned.flatten(1).any(1).all()


def test_the_total_weighs_all_parts_but_the_figures():
    parts = losses(random_maps(), some_targets())
    expected = parts.score + 2 * parts.overlap + parts.distance + 0.2 * parts.spread
    assert torch.equal(parts.total(), expected)
    assert not any(figure.requires_grad for figure in (parts.hit, parts.iou))


def test_half_precision_maps_give_full_precision_losses():
    half = Maps(*(part.detach().bfloat16() for part in random_maps()))
    parts = losses(half, some_targets())
    assert {part.dtype for part in parts} == {torch.float32}


size_px = st.floats(4, 100)


@given(
    made=st.tuples(size_px, size_px),
    true=st.tuples(size_px, size_px),
    template=st.tuples(size_px, size_px),
    shift=st.tuples(st.floats(-10, 10), st.floats(-10, 10)),
)
def test_the_overlap_is_that_of_two_boxes(made, true, template, shift):
    targets = Targets(torch.tensor([template]), torch.tensor([[0.0, 0.0, *true]]), torch.ones(1))
    ratio = [math.log(m / t) for m, t in zip(made, template, strict=True)]
    offset = torch.tensor(shift).reshape(1, 2, 1, 1)
    came = _iou(offset, torch.tensor(ratio).reshape(1, 2, 1, 1), targets)

    dx, dy = (value * STRIDE_PX for value in shift)
    expected = Box.from_center(dx, dy, *made).iou(Box.from_center(0, 0, *true))
    assert came.item() == pytest.approx(expected, abs=1e-4)
