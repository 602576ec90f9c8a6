"""Truth on the grid of a response map: which cells hold the target, and how well."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from thermedge.training.losses import Targets
from thermedge.training.processes import share_of_all


class Grid(NamedTuple):
    """The cells of (N, S, S) maps beside the targets."""

    stride: float  # window px per cell
    cells: Tensor  # (S,) middles, window px
    bump: Tensor  # (N, S, S) 1 at the target's centre, falling off around it; 0 if absent
    weight: Tensor  # (N, S, S) which cells learn the box; sums to 1, or to 0 without target
    ahead: Tensor  # (N, 2, S, S) the target's centre minus the cell's middle, window px


def grid_of(score: Tensor, targets: Targets) -> Grid:
    """Lay the grid of `score` (N, 1, S, S) over the targets."""
    side = score.shape[-1]
    stride = targets.search_px / side
    cells = (torch.arange(side, device=score.device) + 0.5) * stride
    bump = _bump(cells, stride, targets)
    weight = torch.where(bump > 0.45, bump, torch.zeros_like(bump))
    cx, cy = targets.box[:, 0], targets.box[:, 1]
    ahead = torch.stack(
        [
            (cx[:, None] - cells)[:, None, :].expand(-1, side, -1),
            (cy[:, None] - cells)[:, :, None].expand(-1, -1, side),
        ],
        dim=1,
    )
    return Grid(stride, cells, bump, weight / share_of_all(weight.sum()), ahead)


def _bump(cells: Tensor, stride: float, targets: Targets) -> Tensor:
    """Return (N, S, S): 1 at the target's centre, falling within a quarter of its side."""
    cx, cy, w, h = targets.box.unbind(1)
    sigma = (0.1 * (w * h).sqrt() + 0.35 * stride)[:, None]
    across = torch.exp(-(((cells - cx[:, None]) / sigma) ** 2) / 2)
    down = torch.exp(-(((cells - cy[:, None]) / sigma) ** 2) / 2)
    peak = across.amax(1) * down.amax(1)  # the nearest cell counts as the centre
    bump = down[:, :, None] * across[:, None, :] / peak[:, None, None].clamp(min=1e-6)
    return bump * targets.present[:, None, None]


def score_loss(score: Tensor, grid: Grid) -> Tensor:
    """Return the quality focal loss of score logits (N, 1, S, S), a mean over windows.

    Source: quality focal loss (Li 2020) equation 5.
    """
    logits = score.squeeze(1)
    focal = functional.binary_cross_entropy_with_logits(logits, grid.bump, reduction="none")
    return ((grid.bump - logits.sigmoid()).abs() ** 2 * focal).sum() / len(logits)


def edges_iou(low: Tensor, high: Tensor, targets: Targets) -> Tensor:
    """Return (N, S, S): IoU of each cell's box with the truth.

    Args:
        low: (N, 2, S, S) left and top edge from the target's centre, window px.
        high: (N, 2, S, S) right and bottom edge from it.
        targets: N of them.
    """
    goal = targets.box[:, 2:, None, None]
    inner = (torch.minimum(high, goal / 2) - torch.maximum(low, -goal / 2)).clamp(min=0).prod(1)
    made = (high - low).clamp(min=0).prod(1)
    return inner / (made + goal.prod(1) - inner).clamp(min=1e-6)


@torch.no_grad()
def figures(score: Tensor, iou: Tensor, grid: Grid, targets: Targets) -> tuple[Tensor, Tensor]:
    """Return (hit, iou) at the best cells, as `Parts` has them.

    Args:
        score: (N, 1, S, S).
        iou: (N, S, S) of each cell's box.
        grid: Of the targets.
        targets: N of them.
    """
    best = score.flatten(1).argmax(1, keepdim=True)
    away = grid.ahead.flatten(2).abs().gather(2, best[:, None].expand(-1, 2, -1)).squeeze(2)
    near = (away < targets.box[:, 2:] / 2 + grid.stride / 2).all(1).float()
    known = share_of_all(targets.present.sum())
    hit = (near * targets.present).sum() / known
    best_iou = (iou.flatten(1).gather(1, best).squeeze(1) * near * targets.present).sum() / known
    return hit, best_iou
