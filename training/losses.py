"""What the network is asked for: where, how large, and how sure of that."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from thermedge.models.stdtrack import STRIDE_PX, Maps


class Targets(NamedTuple):
    """A batch's truth, in search-window px."""

    template_size: Tensor  # (B, 2) w, h in the template window
    box: Tensor  # (B, 4) cx, cy, w, h
    present: Tensor  # (B,) 1 or 0


class Losses(NamedTuple):
    """Parts of the loss, means over the batch, and two figures for the log."""

    score: Tensor
    overlap: Tensor
    distance: Tensor
    spread: Tensor
    hit: Tensor  # share of present targets whose best cell is within half a target
    iou: Tensor  # mean IoU of the box at the best cell

    def total(self) -> Tensor:
        """Return the sum that is minimised."""
        return self.score + 2.0 * self.overlap + self.distance + 0.2 * self.spread


def losses(maps: Maps, targets: Targets) -> Losses:
    """Compare the head's maps with the truth.

    The score is a Gaussian bump around the target's centre, learned by quality focal
    loss; boxes are learned at the cells that the bump covers. The spread learns the
    Laplace scale of the size error without moving the size itself.

    Source: quality focal loss (Li 2020) equation 5; Laplace likelihood (Kendall 2017).
    """
    score, offset, size, spread = (part.float() for part in maps)
    batch, _, side, _ = score.shape
    cells = (torch.arange(side, device=score.device) + 0.5) * STRIDE_PX
    cx, cy, w, h = targets.box.unbind(1)
    bump = _bump(cells, targets)
    probability = score.sigmoid().squeeze(1)
    focal = functional.binary_cross_entropy_with_logits(score.squeeze(1), bump, reduction="none")
    focal = ((bump - probability).abs() ** 2 * focal).sum() / batch

    weight = torch.where(bump > 0.45, bump, torch.zeros_like(bump))
    weight = weight / weight.sum().clamp(min=1.0)
    goal_offset = torch.stack(
        [
            ((cx[:, None] - cells) / STRIDE_PX)[:, None, :].expand(-1, side, -1),
            ((cy[:, None] - cells) / STRIDE_PX)[:, :, None].expand(-1, -1, side),
        ],
        dim=1,
    )
    ratio = (targets.box[:, 2:] / targets.template_size).clamp(min=1e-3).log()
    goal_size = ratio[:, :, None, None].expand_as(size)
    distance = (offset - goal_offset).abs().sum(1) + (size - goal_size).abs().sum(1)
    iou = _iou(offset - goal_offset, size, targets)
    error = (size.detach() - goal_size).abs()
    likelihood = (error * torch.exp(-spread) + spread).sum(1)
    hit, best_iou = _figures(probability, iou, goal_offset, targets)
    return Losses(
        focal,
        ((1 - iou) * weight).sum(),
        (distance * weight).sum(),
        (likelihood * weight).sum(),
        hit,
        best_iou,
    )


def _bump(cells: Tensor, targets: Targets) -> Tensor:
    """Return (B, S, S): 1 at the target's centre, falling within a quarter of its side."""
    cx, cy, w, h = targets.box.unbind(1)
    sigma = (0.1 * (w * h).sqrt() + 0.35 * STRIDE_PX)[:, None]
    across = torch.exp(-(((cells - cx[:, None]) / sigma) ** 2) / 2)
    down = torch.exp(-(((cells - cy[:, None]) / sigma) ** 2) / 2)
    peak = across.amax(1) * down.amax(1)  # the nearest cell counts as the centre
    bump = down[:, :, None] * across[:, None, :] / peak[:, None, None].clamp(min=1e-6)
    return bump * targets.present[:, None, None]


def _iou(offset_error: Tensor, size: Tensor, targets: Targets) -> Tensor:
    """Return (B, S, S): IoU of each cell's box with the truth."""
    goal = targets.box[:, 2:, None, None]
    made = targets.template_size[:, :, None, None] * size.clamp(-4, 4).exp()
    shift = offset_error * STRIDE_PX
    low = torch.maximum(shift - made / 2, -goal / 2)
    high = torch.minimum(shift + made / 2, goal / 2)
    inner = (high - low).clamp(min=0).prod(1)
    return inner / (made.prod(1) + goal.prod(1) - inner).clamp(min=1e-6)


@torch.no_grad()
def _figures(
    probability: Tensor, iou: Tensor, goal_offset: Tensor, targets: Targets
) -> tuple[Tensor, Tensor]:
    best = probability.flatten(1).argmax(1, keepdim=True)
    away = (goal_offset * STRIDE_PX).flatten(2).abs()
    away = away.gather(2, best[:, None].expand(-1, 2, -1)).squeeze(2)
    near = (away < targets.box[:, 2:] / 2 + STRIDE_PX / 2).all(1).float()
    known = targets.present.sum().clamp(min=1.0)
    hit = (near * targets.present).sum() / known
    best_iou = (iou.flatten(1).gather(1, best).squeeze(1) * near * targets.present).sum() / known
    return hit, best_iou
