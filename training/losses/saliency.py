"""The three-part loss of FGSGT: class, box and saliency."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from thermedge.models.fgsgt import Answers
from thermedge.training.losses import Parts, Targets
from thermedge.training.losses.centre import ellipse
from thermedge.training.losses.grid import Grid, figures, grid_of
from thermedge.training.losses.ltrb import cell_iou, edge_errors
from thermedge.training.processes import share_of_all

_STEPS = (0.5, 1.0, 1.0)  # weights of the first saliency map and of its refinements


def losses(maps: Answers, targets: Targets) -> Parts:
    """Compare the head's maps and all saliency maps with the truth.

    Cells in the ellipse of half the box's size are the target, cells outside the ellipse
    in the box are not, those between count as neither. Boxes are learned at the target's
    cells, by overlap and by the logarithms of the edges' distances.

    Source: the three parts of FGSGT, equations 13 and 14 among them; ellipses of SiamBAN
        (Chen 2020) section 3.3. The weights are our own, the paper gives none.
    """
    score, ltrb = maps.score.float(), maps.ltrb.float()
    grid = grid_of(score, targets)
    inside = ellipse(grid, _halved(targets))
    share = inside / share_of_all(inside.sum())
    iou = cell_iou(ltrb, grid, targets)
    hit, best_iou = figures(score, iou, grid, targets)
    terms = {
        "score": class_loss(score, inside, 1 - ellipse(grid, targets)),
        "overlap": ((1 - iou) * share).sum(),
        "distance": (edge_errors(ltrb, grid, targets).sum(1) * share).sum(),
    }
    weights = {"score": 1.0, "overlap": 3.0, "distance": 0.75}
    if maps.saliency:
        px = targets.search_px / maps.saliency[-1].shape[-1]
        framed = _in_template(targets, round(px * maps.template_saliency[-1].shape[-1]))
        seen = [saliency_loss(maps.saliency, targets)]
        seen += [saliency_loss(maps.template_saliency, framed)]
        terms["saliency"] = torch.stack(seen).mean()
        weights["saliency"] = 0.5
    total = torch.stack([weight * terms[name] for name, weight in weights.items()]).sum()
    return Parts(total, terms, hit, best_iou)


def class_loss(score: Tensor, inside: Tensor, outside: Tensor) -> Tensor:
    """Return half the cross entropy of the target's cells and half that of the others.

    The others are weighed by the square of their score and summed per window, so that
    the one look-alike counts, and the hundreds of easy cells do not drown the target.

    Args:
        score: (N, 1, S, S) logits.
        inside: (N, S, S) 1 for cells of the target.
        outside: (N, S, S) 1 for cells of the background.

    Source: equation 13 of FGSGT; the weight is the focal loss's (Lin 2017), gamma 2.
    """
    logits = score.squeeze(1)
    known = (functional.softplus(-logits) * inside).sum() / share_of_all(inside.sum())
    others = (logits.sigmoid() ** 2 * functional.softplus(logits) * outside).sum() / len(logits)
    return (known + others) / 2


def saliency_loss(maps: tuple[Tensor, ...], targets: Targets) -> Tensor:
    """Return the weighted sum of every step's cross entropy: deep supervision.

    Cells in the ellipse in the box are salient, cells out of the box are not; the corners
    between hold either. Both kinds count the same, however small the target is.

    Args:
        maps: Logits (N, 1, S, S), the first map and its refinements, of any side.
        targets: N of them.

    Source: the supervision of every map in FGSGT. Where its masks come from is not told;
        ours follow from the boxes.
    """
    total = torch.zeros((), device=maps[0].device)
    for weight, logits in zip(_STEPS, maps, strict=True):
        grid = grid_of(logits, targets)
        salient = ellipse(grid, targets)
        beyond = 1 - torch.maximum(salient, _box(grid, targets))
        step = logits.float().squeeze(1)
        error = (functional.softplus(-step) * salient).sum() / share_of_all(salient.sum())
        error = error + (functional.softplus(step) * beyond).sum() / share_of_all(beyond.sum())
        total = total + weight * error / 2
    return total


def _box(grid: Grid, targets: Targets) -> Tensor:
    """Return (N, S, S): 1 for cells whose middle is in the box of a present target."""
    half = targets.box[:, 2:, None, None] / 2
    return (grid.ahead.abs() <= half).all(1).float() * targets.present[:, None, None]


def _halved(targets: Targets) -> Targets:
    return targets._replace(box=targets.box * targets.box.new_tensor([1.0, 1.0, 0.5, 0.5]))


def _in_template(targets: Targets, template_px: int) -> Targets:
    """Return the truth of the template windows: in the middle, always present."""
    middle = torch.full_like(targets.target_px, template_px / 2)
    box = torch.cat([middle, targets.target_px], 1)
    everywhere = torch.ones_like(targets.present)
    return targets._replace(box=box, present=everywhere, search_px=template_px)
