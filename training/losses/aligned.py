"""The loss of trackers with a score, four distances to the edges, and an aligned score."""

from __future__ import annotations

import torch
from torch import Tensor

from thermedge.models.siamcross import Maps
from thermedge.training.losses import Parts, Targets
from thermedge.training.losses.grid import Grid, figures, grid_of, score_loss
from thermedge.training.losses.ltrb import cell_iou, distances, edge_errors
from thermedge.training.processes import share_of_all

_REACH_CELLS = 2.0  # boxes are learned this far around the centre: SiamCross, 16 px


def losses(maps: Maps, targets: Targets) -> Parts:
    """Compare the head's maps with the truth.

    The score is a Gaussian bump around the target's centre. Boxes are learned by IoU and
    by the logarithms of their distances at cells of the target near its centre. The
    aligned score is to say how well a cell's own box fits: its IoU for cells inside the
    target, 0 elsewhere. Its loss does not move the boxes.

    Source: SiamCross, its three losses; aligned label of Ocean (Zhang 2020); a bump and
    quality focal loss (Li 2020) instead of hard labels and cross entropy.
    """
    score, ltrb = maps.score.float(), maps.ltrb.float()
    grid = grid_of(score, targets)
    weight = box_cells(grid, targets)
    iou = cell_iou(ltrb, grid, targets)
    hit, best_iou = figures(maps.belief.float(), iou, grid, targets)
    terms = {
        "score": score_loss(score, grid),
        "overlap": ((1 - iou) * weight).sum(),
        "edges": (edge_errors(ltrb, grid, targets).sum(1) * weight).sum(),
    }
    weights = {"score": 1.0, "overlap": 3.0, "edges": 0.5, "aligned": 0.25}
    if maps.aligned is not None:
        label = grid._replace(bump=aligned_label(iou, grid, targets))
        terms["aligned"] = score_loss(maps.aligned.float(), label)
    total = torch.stack([weights[name] * term for name, term in terms.items()]).sum()
    return Parts(total, terms, hit, best_iou)


def box_cells(grid: Grid, targets: Targets) -> Tensor:
    """Return (N, S, S): how much each cell learns of the box; sums to 1, or 0 without targets.

    The cells inside the target whose middle is near its centre, and always the nearest:
    a target may be smaller than a cell.
    """
    near = grid.ahead.square().sum(1).sqrt() <= _REACH_CELLS * grid.stride
    nearest = grid.bump > 0.999
    chosen = (near & inside(grid, targets) | nearest).float() * targets.present[:, None, None]
    return chosen / share_of_all(chosen.sum())


def inside(grid: Grid, targets: Targets) -> Tensor:
    """Return (N, S, S) booleans: the cell's middle is in the target's box."""
    return (distances(grid, targets) > 0).all(1)


@torch.no_grad()
def aligned_label(iou: Tensor, grid: Grid, targets: Targets) -> Tensor:
    """Return (N, S, S): the IoU of each cell's box for cells inside present targets, else 0."""
    return iou * inside(grid, targets).float() * targets.present[:, None, None]
