"""Overlap of convex polygons with upright boxes, for truths that are not upright."""

from __future__ import annotations

import numpy as np

from thermedge.evaluation.metrics import Floats, bounded


def area(polygon: Floats) -> float:
    """Return the area of a (P, 2) polygon without crossings, px^2."""
    if len(polygon) < 3:
        return 0.0
    x, y = polygon[:, 0], polygon[:, 1]
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def clipped(polygon: Floats, box: Floats) -> Floats:
    """Return the part of a convex (P, 2) polygon inside x, y, w, h; (0, 2) if none is."""
    x, y, w, h = box
    for axis, limit, sign in ((0, x, 1.0), (0, x + w, -1.0), (1, y, 1.0), (1, y + h, -1.0)):
        polygon = _half(polygon, axis, limit, sign)
        if not len(polygon):
            break
    return polygon


def iou_with_box(polygon: Floats, box: Floats, bounds: Floats | None = None) -> float:
    """Return intersection over union of a convex polygon and a box, both cut to the bounds.

    VOT's toolkit counts pixels of both shapes; this is the exact area, which differs from it
    by the pixels along the edges.

    Args:
        polygon: (P, 2) corners in order.
        box: x, y, w, h.
        bounds: (width, height), or None.
    """
    if bounds is not None:
        polygon = clipped(polygon, np.array([0.0, 0.0, *bounds]))
        box = bounded(box[None], (bounds[0], bounds[1]))[0]
    shared = area(clipped(polygon, box))
    union = area(polygon) + float(box[2] * box[3]) - shared
    return shared / union if union > 0 else 0.0


def _half(polygon: Floats, axis: int, limit: float, sign: float) -> Floats:
    """Return the polygon's part where sign * coordinate >= sign * limit."""
    corners: list[Floats] = []
    inside = sign * (polygon[:, axis] - limit) >= 0
    for i, corner in enumerate(polygon):
        before = polygon[i - 1]
        if inside[i] != inside[i - 1]:
            share = (limit - before[axis]) / (corner[axis] - before[axis])
            corners.append(before + share * (corner - before))
        if inside[i]:
            corners.append(corner)
    return np.array(corners).reshape(-1, 2)
