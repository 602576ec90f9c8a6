"""Tell where a success AUC is lost: to the target's place, to its size, or to how it was drawn.

Parts of a result are put right by the labels and scored again. A tracker can't know what its
first box was meant to hold better than that box says; where one correction of all its boxes
changes the score much, later labels are drawn otherwise than the first one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from thermedge.evaluation.metrics import (
    Conventions,
    Floats,
    FrameErrors,
    center_offset,
    has_area,
    score,
)
from thermedge.evaluation.results import Result

# What was put right -> what it is called in reports. All are success AUCs but the first.
WHAT_IFS = {
    "no_overlap": "frames without overlap",
    "true_place": "the true place",
    "true_size": "the true size",
    "one_correction": "one correction per clip",
}


def of(
    result: Result,
    truth: Floats,
    errors: Callable[[Result], FrameErrors],
    conventions: Conventions,
) -> dict[str, float]:
    """Score a result as it would be with parts of it put right, by the names of WHAT_IFS.

    Args:
        result: One pass over one sequence.
        truth: (N, 4) of the frames that the result has rows of, px.
        errors: Measures a result as this one was.
        conventions: Of the same score.

    Returns:
        NaN where no frame was scored.
    """
    boxes = result.boxes
    known = has_area(truth) & has_area(boxes)
    shown, meant = boxes[known], truth[known]
    offset = center_offset(shown, meant)
    corrected = shown
    if len(shown):
        # As one hand would redraw all boxes: moved by a share of the box, and so much larger.
        move = np.median(offset / shown[:, 2:], axis=0) * shown[:, 2:]
        scale = np.exp(np.median(np.log(meant[:, 2:] / shown[:, 2:]), axis=0))
        corrected = _around(shown, -move, shown[:, 2:] * scale)
    put_right = {
        "true_place": _around(shown, -offset, shown[:, 2:]),
        "true_size": _around(shown, np.zeros_like(offset), meant[:, 2:]),
        "one_correction": corrected,
    }
    overlap = errors(result).iou
    scored = overlap[overlap >= 0]  # the others have no truth
    found = {"no_overlap": float(np.mean(scored == 0)) if len(scored) else float("nan")}
    for name, better in put_right.items():
        changed = boxes.copy()
        changed[known] = better
        found[name] = score(errors(_with_boxes(result, changed)), conventions).success_auc
    return found


def _around(boxes: Floats, move: Floats, sizes: Floats) -> Floats:
    """Return boxes of (N, 2) `sizes` around the moved middles of (N, 4) `boxes`."""
    middles = boxes[:, :2] + boxes[:, 2:] / 2 + move
    return np.hstack([middles - sizes / 2, sizes])


def _with_boxes(result: Result, boxes: Floats) -> Result:
    rows = [
        row._replace(x=x, y=y, w=w, h=h)
        for row, (x, y, w, h) in zip(result.rows, boxes.tolist(), strict=True)
    ]
    return replace(result, rows=tuple(rows))
