"""The loss of SMMT: a score, and edges that count more the more motion smears them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from thermedge.models.smmt import Maps
from thermedge.training.losses import Parts, Targets
from thermedge.training.losses.grid import figures, grid_of, score_loss
from thermedge.training.losses.ltrb import cell_iou, edge_errors

_FULL_MOTION = 0.25  # target sides per frame from which on an edge counts as fully smeared
_SMALL_ERROR = 0.1  # ln; below it, errors are squared


def losses(maps: Maps, targets: Targets) -> Parts:
    """Compare the head's maps with the truth.

    The score is a Gaussian bump around the target's centre, learned by quality focal
    loss; boxes are learned at the cells that the bump covers. These lie in the target, so
    their boxes always overlap the truth and plain IoU has a slope everywhere.

    Source: after SMMT (arXiv 2505.04088), whose formula is not public; ours uses the
        motion between frames that the labels show.
    """
    score, ltrb = maps.score.float(), maps.ltrb.float()
    grid = grid_of(score, targets)
    iou = cell_iou(ltrb, grid, targets)
    share = edge_weights(targets.motion, maps.edge_gain)[:, :, None, None]
    error = edge_errors(ltrb, grid, targets)
    smooth = functional.smooth_l1_loss(
        error, torch.zeros_like(error), reduction="none", beta=_SMALL_ERROR
    )
    hit, best_iou = figures(score, iou, grid, targets)
    terms = {
        "score": score_loss(score, grid),
        "overlap": ((1 - iou) * grid.weight).sum(),
        "edges": ((smooth * share).sum(1) * grid.weight).sum(),
    }
    weights = {"score": 1.0, "overlap": 2.0, "edges": 4.0}
    total = torch.stack([weight * terms[name] for name, weight in weights.items()]).sum()
    return Parts(total, terms, hit, best_iou)


def edge_weights(motion: Tensor, gain: float) -> Tensor:
    """Return (N, 4) weights of the left, top, right and bottom edge; they sum to 1.

    An edge with the outward normal n counts 1 + gain * m * |n . v / |v||, m growing with
    the motion v up to 1: sides across the motion are smeared, sides along it are not.

    Args:
        motion: (N, 2) way per frame over the target's side.
        gain: 0 lets all edges count alike.
    """
    speed = motion.norm(dim=1, keepdim=True)
    smear = motion.abs() / speed.clamp(min=_FULL_MOTION)  # m |v_x| / |v| for x, likewise y
    weight = 1 + gain * torch.cat([smear, smear], 1)
    return weight / weight.sum(1, keepdim=True)
