"""The loss of trackers whose head gives a score, an offset, a size and its spread per cell."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from thermedge.models.stdtrack import Maps
from thermedge.training.losses import Parts, Targets
from thermedge.training.losses.grid import Grid, edges_iou, figures, grid_of, score_loss
from thermedge.training.processes import share_of_all

_WEIGHTS = {
    "score": 1.0,
    "overlap": 2.0,
    "distance": 1.0,
    "spread": 0.2,
    "mask": 0.2,
    "change": 0.5,
}


def losses(maps: Maps, targets: Targets) -> Parts:
    """Compare the head's maps with the truth.

    The score is a Gaussian bump around the target's centre, learned by quality focal
    loss; boxes are learned at the cells that the bump covers. The spread learns the
    Laplace scale of the size error without moving the size itself. The token's mask
    learns the ellipse in the target's box. Where a network says how sizes change, that
    learns to bring the size which the runtime makes of a measured one to the label's.

    Source: Laplace likelihood (Kendall 2017); mask of STDTrack (arXiv 2601.09078).
    """
    score, offset, size, spread, mask = (part.float() for part in maps[:5])
    change = getattr(maps, "change", None)
    grid = grid_of(score, targets)
    goal_offset = grid.ahead / grid.stride
    ratio = (targets.box[:, 2:] / targets.target_px).clamp(min=1e-3).log()
    goal_size = ratio[:, :, None, None].expand_as(size)
    distance = (offset - goal_offset).abs().sum(1) + (size - goal_size).abs().sum(1)
    shift = (offset - goal_offset) * grid.stride
    half = targets.target_px[:, :, None, None] * size.clamp(-4, 4).exp() / 2
    iou = edges_iou(shift - half, shift + half, targets)
    error = (size.detach() - goal_size).abs()
    likelihood = (error * torch.exp(-spread) + spread).sum(1)
    hit, best_iou = figures(score, iou, grid, targets)
    terms = {
        "score": score_loss(score, grid),
        "overlap": ((1 - iou) * grid.weight).sum(),
        "distance": (distance * grid.weight).sum(),
        "spread": (likelihood * grid.weight).sum(),
        "mask": mask_loss(mask, grid, targets),
    }
    if change is not None:
        error = change_error(change.float(), size - goal_size, spread, targets.changed)
        terms["change"] = (error * grid.weight).sum()
    total = torch.stack([_WEIGHTS[name] * term for name, term in terms.items()]).sum()
    return Parts(total, terms, hit, best_iou)


def change_error(change: Tensor, error: Tensor, spread: Tensor, changed: Tensor) -> Tensor:
    """Return (N, S, S): how far the drawn size is from the label's, ln, both sides added.

    Args:
        change: (N, 2, S, S) as `Maps.change` has it; only this is moved.
        error: (N, 2, S, S) of the measured size, ln.
        spread: (N, 2, S, S) ln of its Laplace scale.
        changed: (N, 2) ln of the label's size over the template's, scene px.

    Source: the posterior mean of `runtime.motion`, on tensors.
    """
    truth = changed[:, :, None, None]
    measured = truth + error.detach()
    gone = measured.square().sum(1, keepdim=True)
    expected = change[:, :1].exp() + change[:, 1:].sigmoid() * gone
    believed = expected / (expected + 2 * (2 * spread.detach()).exp())
    return (believed * measured - truth).abs().sum(1)


def mask_loss(mask: Tensor, grid: Grid, targets: Targets) -> Tensor:
    """Return how far mask logits (N, 1, S, S) are from the ellipses in the boxes.

    Target and surroundings count the same, however small the target is.
    """
    inside = ellipse(grid, targets)
    error = functional.binary_cross_entropy_with_logits(mask.squeeze(1), inside, reduction="none")
    within = (error * inside).sum() / share_of_all(inside.sum())
    beyond = (error * (1 - inside)).sum() / share_of_all((1 - inside).sum())
    return (within + beyond) / 2


def ellipse(grid: Grid, targets: Targets) -> Tensor:
    """Return (N, S, S): 1 for cells whose middle is in the ellipse of a present target's box.

    The cell under the centre always is: a target may be smaller than a cell.
    """
    half = (targets.box[:, 2:] / 2).clamp(min=1e-3)[:, :, None, None]
    is_in = ((grid.ahead / half) ** 2).sum(1) <= 1
    nearest = (grid.ahead.abs() <= grid.stride / 2).all(1)
    return (is_in | nearest).float() * targets.present[:, None, None]
