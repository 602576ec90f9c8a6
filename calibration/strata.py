"""What kind of window a frame gives: the axes along which a calibration set is spread."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray

from thermedge.frame import Counts, Frame
from thermedge.geometry import Box

Depth = Literal["8 bit", "16 bit"]
Range = Literal["flat", "narrow", "wide", "clipped"]
Size = Literal["under 8 px", "8 to 16 px", "16 to 32 px", "32 to 64 px", "over 64 px"]
Contrast = Literal["brighter", "level", "darker"]
Since = Literal["under 10 s", "10 to 60 s", "over 60 s", "none seen"]
Look = Literal["follow", "scan"]
Age = Literal["under 10 frames", "10 to 50 frames", "over 50 frames"]

# All limits are choices, not measurements: they part everyday from rare.
_FLAT_8BIT, _NARROW_8BIT = 32, 96  # counts of 255
_NARROW_SPANS = 4.0  # times the span below which a scaler does not stretch
_CLIPPED_SHARE = 0.005  # of the pixels at the highest count
_LEVEL = 0.5  # standard deviations of what is around the target
_SAMPLES = 4096  # pixels looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Strata:
    """One window's place on every axis."""

    depth: Depth  # counts of 8 bits went through the camera's AGC
    range: Range  # how far the scene's counts are spread; clipped: part of it is saturated
    size: Size  # square root of the box's area
    contrast: Contrast  # the target against what is around it
    shutter: Since  # since the last shutter event
    look: Look  # scan: the target was missing, and this window lies elsewhere
    age: Age  # since the track was started: what a network carries has grown so old

    @property
    def key(self) -> tuple[str, ...]:
        """What has the same key is of one kind; where a scan looks, there is no target."""
        if self.look == "scan":
            return ("scan", self.depth, self.range)
        return tuple(getattr(self, field.name) for field in fields(self))


AXES: dict[str, tuple[str, ...]] = {
    name: get_args(hint) for name, hint in get_type_hints(Strata).items()
}


@dataclass(frozen=True, slots=True)
class Scene:
    """What a frame and its target are like, whatever is cut out of it."""

    depth: Depth
    range: Range
    size: Size
    contrast: Contrast
    shutter: Since

    def strata(self, *, look: Look, frames: int) -> Strata:
        """Return the place of a window that is cut `frames` after the track's start."""
        age: Age = "over 50 frames"
        if frames < 10:
            age = "under 10 frames"
        elif frames <= 50:
            age = "10 to 50 frames"
        return Strata(
            depth=self.depth,
            range=self.range,
            size=self.size,
            contrast=self.contrast,
            shutter=self.shutter,
            look=look,
            age=age,
        )


def describe(frame: Frame, box: Box, *, since_s: float | None, min_span: float) -> Scene:
    """Look at a frame and its target.

    Args:
        frame: Shows the scene.
        box: The target, frame px.
        since_s: Since the last shutter event; None where none was seen.
        min_span: Counts below which the tracker's scaler does not stretch; wide counts only.
    """
    return Scene(
        depth="8 bit" if frame.counts.dtype == np.uint8 else "16 bit",
        range=_range(frame, min_span),
        size=_size(box),
        contrast=_contrast(frame.counts, box),
        shutter=_since(since_s),
    )


def _range(frame: Frame, min_span: float) -> Range:
    step = max(1, math.isqrt(frame.counts.size // _SAMPLES))
    seen = frame.counts[::step, ::step]
    is_8bit = seen.dtype == np.uint8
    top = 255 if is_8bit else (1 << frame.bits) - 1
    if np.count_nonzero(seen >= top) > _CLIPPED_SHARE * seen.size:
        return "clipped"
    low, high = np.percentile(seen, (0.5, 99.5))
    flat, narrow = (_FLAT_8BIT, _NARROW_8BIT) if is_8bit else (min_span, _NARROW_SPANS * min_span)
    if high - low <= flat:
        return "flat"
    return "narrow" if high - low <= narrow else "wide"


def _size(box: Box) -> Size:
    side = math.sqrt(box.area)
    names: tuple[Size, ...] = get_args(Size)
    return names[sum(side >= limit for limit in (8, 16, 32, 64))]


def _contrast(counts: Counts, box: Box) -> Contrast:
    """Compare the box's middle with the ring around the box, as wide as half of it."""
    inner = _cut(counts, box, 0.6)
    outer, held = _cut(counts, box, 2.0), _cut(counts, box, 1.0)
    if inner.size < 1 or outer.size <= held.size:
        return "level"
    num = outer.size - held.size
    mean = (float(outer.sum()) - float(held.sum())) / num
    square = (float(np.square(outer).sum()) - float(np.square(held).sum())) / num
    spread = math.sqrt(max(square - mean * mean, 0.0))
    away = float(inner.mean()) - mean
    if abs(away) <= max(_LEVEL * spread, 1.0):
        return "level"
    return "brighter" if away > 0 else "darker"


def _cut(counts: Counts, box: Box, factor: float) -> NDArray[np.float64]:
    cx, cy = box.center
    half_w, half_h = factor * box.w / 2, factor * box.h / 2
    rows = slice(max(round(cy - half_h), 0), max(math.ceil(cy + half_h), 0))
    columns = slice(max(round(cx - half_w), 0), max(math.ceil(cx + half_w), 0))
    return counts[rows, columns].astype(np.float64)


def _since(since_s: float | None) -> Since:
    # A product that watches animals ignores what it sees for 10 s after its shutter opened.
    if since_s is None:
        return "none seen"
    if since_s < 10:
        return "under 10 s"
    return "10 to 60 s" if since_s < 60 else "over 60 s"
