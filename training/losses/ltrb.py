"""The loss of trackers whose head gives a score and four distances to the edges per cell."""

from __future__ import annotations

import torch
from torch import Tensor

from thermedge.training.losses import Targets
from thermedge.training.losses.grid import Grid, edges_iou


def distances(grid: Grid, targets: Targets) -> Tensor:
    """Return (N, 4, S, S): from each cell to the target's left, top, right and bottom edge, px.

    Negative for edges that a cell outside the box lies beyond.
    """
    half = targets.box[:, 2:, None, None] / 2
    return torch.cat([half - grid.ahead, half + grid.ahead], 1)


def cell_iou(ltrb: Tensor, grid: Grid, targets: Targets) -> Tensor:
    """Return (N, S, S): IoU of the box that each cell's distances (N, 4, S, S) span."""
    return edges_iou(-ltrb[:, :2] - grid.ahead, ltrb[:, 2:] - grid.ahead, targets)


def edge_errors(ltrb: Tensor, grid: Grid, targets: Targets) -> Tensor:
    """Return (N, 4, S, S): |ln(distance / true distance)|, for cells inside the target.

    Distances below half a pixel count as half a pixel.
    """
    true = distances(grid, targets).clamp(min=0.5)
    return (ltrb.clamp(min=0.5).log() - true.log()).abs()
