"""Finding what is warmest against its surroundings in one frame."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.runtime.start import Finding

SIDES_PX = (3, 5, 9, 13, 19, 27, 41)  # of the squares that targets are compared with

# Of the contrast, where a target is taken to end, and how much its box is drawn around
# that. Chosen on first frames of drone and bird recordings: boxes of people are looser
# than what is bright.
_EDGE, _WIDENING, _MARGIN_PX = 0.25, 1.3, 2.0

Picture = NDArray[np.float32]


class Hottest:
    """Compares every square of a frame with the ring around it, at several sizes.

    A ring is as wide as its square; between the two is half a square of no man's land. A
    square stands out by its contrast over the ring's own spread, so that a lamp in front
    of a quiet sky counts more than one in a busy street.
    """

    least_strength = 5.0

    def look(self, frame: Frame) -> Finding | None:
        """Return the warmest spot; None in a frame without any warm one."""
        image = frame.counts.astype(np.float32)
        image -= image.mean()  # squares of raw counts would not fit 24 bits
        sides = [side for side in SIDES_PX if 3 * side <= min(image.shape)]
        if not sides:
            return None
        strengths, rings = _compared(image, sides)
        best = strengths.max(axis=0)
        y, x = np.unravel_index(int(best.argmax()), best.shape)
        scale = int(strengths[:, y, x].argmax())
        if best[y, x] <= 0:
            return None
        side = sides[scale]
        box = outlined(image, (int(x), int(y)), side, float(rings[scale, y, x]))
        strength = float(best[y, x])
        best[max(y - 2 * side, 0) : y + 2 * side + 1, max(x - 2 * side, 0) : x + 2 * side + 1] = 0
        return Finding(box, strength, max(float(best.max()), 0.0))


def noise_of(image: Picture) -> float:
    """Return the standard deviation of a picture's noise, in its own unit.

    Source: Immerkaer 1996, "Fast noise variance estimation", with a median for the mean.
    """
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    spread = np.abs(cv2.filter2D(image, cv2.CV_32F, kernel))
    return float(np.median(spread)) * 1.4826 / 6


def outlined(image: Picture, place: tuple[int, int], side: int, around: float) -> Box:
    """Return the box around the spot at `place` that rises above its surroundings.

    Args:
        image: (H, W), in any unit; the spot is brighter.
        place: (x, y) of the middle of the square that found it, px.
        side: Of that square, px.
        around: The level of the surroundings, in the unit of `image`.
    """
    height, width = image.shape
    half, reach = side // 2, side + side // 2 + 1
    x, y = place
    left, top = max(x - reach, 0), max(y - reach, 0)
    window = image[top : y + reach + 1, left : x + reach + 1]
    core = image[max(y - half, 0) : y + half + 1, max(x - half, 0) : x + half + 1]
    row, column = np.unravel_index(int(core.argmax()), core.shape)
    mask = (window > around + _EDGE * (float(core.max()) - around)).astype(np.uint8)
    _, labels, spots, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    spot = spots[labels[max(y - half, 0) - top + row, max(x - half, 0) - left + column]]
    w, h = float(spot[cv2.CC_STAT_WIDTH]), float(spot[cv2.CC_STAT_HEIGHT])
    cx = left + float(spot[cv2.CC_STAT_LEFT]) + w / 2
    cy = top + float(spot[cv2.CC_STAT_TOP]) + h / 2
    margin = 2 * _MARGIN_PX
    return Box.from_center(
        cx, cy, min(w * _WIDENING + margin, width), min(h * _WIDENING + margin, height)
    )


def _compared(image: Picture, sides: list[int]) -> tuple[Picture, Picture]:
    """Return how far each square stands out, and the level of its ring, per side: (S, H, W)."""
    squared = image * image
    floor = noise_of(image) ** 2 + 1.0  # one count: the steps of 8 bits are noise too
    strengths = np.empty((len(sides), *image.shape), np.float32)
    rings = np.empty_like(strengths)
    for index, side in enumerate(sides):
        inner, outer = (2 * side) | 1, (3 * side) | 1
        area = outer * outer - inner * inner
        ring = (_sums(image, outer) - _sums(image, inner)) / area
        spread = (_sums(squared, outer) - _sums(squared, inner)) / area - ring * ring
        contrast = _sums(image, side) / (side * side) - ring
        strengths[index] = contrast / np.sqrt(np.maximum(spread, 0) + floor)
        rings[index] = ring
    return strengths, rings


def _sums(image: Picture, side: int) -> Picture:
    sums: Any = cv2.boxFilter(
        image, cv2.CV_32F, (side, side), normalize=False, borderType=cv2.BORDER_REFLECT
    )
    return np.asarray(sums, np.float32)
