"""Boxes in frame pixels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from thermedge.errors import TargetError

LEAST_SIDE_PX = 0.1  # of a target: far below what shows, far above what numbers lose


@dataclass(frozen=True, slots=True)
class Box:
    """An axis-aligned box in frame pixels; the origin is the frame's top-left corner.

    Pixel (0, 0) covers the unit square from 0 to 1, so a box over the whole of a
    640x512 frame is Box(0, 0, 640, 512). Values stay floats until they are drawn.
    """

    x: float  # left edge, px
    y: float  # top edge, px
    w: float  # width, px, > 0
    h: float  # height, px, > 0

    @classmethod
    def from_center(cls, cx: float, cy: float, w: float, h: float) -> Box:
        """Return the box of size (w, h) whose middle is (cx, cy), all px."""
        return cls(cx - w / 2, cy - h / 2, w, h)

    @property
    def center(self) -> tuple[float, float]:
        """(x, y) of the middle, px."""
        return self.x + self.w / 2, self.y + self.h / 2

    @property
    def area(self) -> float:
        """Square px."""
        return self.w * self.h

    def iou(self, other: Box) -> float:
        """Return intersection over union, in [0, 1]."""
        right = min(self.x + self.w, other.x + other.w)
        bottom = min(self.y + self.h, other.y + other.h)
        overlap = max(0.0, right - max(self.x, other.x)) * max(0.0, bottom - max(self.y, other.y))
        # Rounding can carry the ratio of two equal boxes past 1.
        return min(1.0, overlap / (self.area + other.area - overlap))

    def __iter__(self) -> Iterator[float]:
        """Yield x, y, w, h."""
        yield from (self.x, self.y, self.w, self.h)


def checked_target(box: Box, width_px: int, height_px: int) -> Box:
    """Return `box` if a track can start from it in a frame of the given size.

    Raises:
        TargetError: A value is not finite, a side is not positive, vanishing or longer than
            the frame's, or the box's middle lies outside the frame.
    """
    frame = f"the {width_px}x{height_px} frame"
    came = ",".join(f"{value:g}" for value in box)
    if not all(math.isfinite(value) for value in box):
        raise TargetError(
            f"The target box {came} has a value that is not a finite number.",
            "Give four numbers x,y,w,h in px, for example --init 120,80,24,16.",
        )
    if box.w <= 0 or box.h <= 0:
        raise TargetError(
            f"The target box {came} has no area: width and height must be above 0 px.",
            "Give x,y,w,h with the top-left corner first, not two corners.",
        )
    if min(box.w, box.h) < LEAST_SIDE_PX:
        raise TargetError(
            f"The target box {came} is too small: width and height must be {LEAST_SIDE_PX} px "
            "or more.",
            "Give x,y,w,h in px, around all that is seen of the target.",
        )
    cx, cy = box.center
    if not (0 <= cx < width_px and 0 <= cy < height_px):
        raise TargetError(
            f"The middle ({cx:g}, {cy:g}) of the target box {came} lies outside {frame}.",
            f"Choose a box inside 0,0 to {width_px},{height_px} px.",
        )
    if box.w > width_px or box.h > height_px:
        raise TargetError(
            f"The target box {came} is larger than {frame}.",
            "Give x,y,w,h with the top-left corner first, in px of this frame.",
        )
    return box
