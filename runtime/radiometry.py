"""How warm the target is, where the sensor says what a count means."""

from __future__ import annotations

import math

from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.runtime.track import TargetCelsius

_ZERO_C = 273.15  # K


def target_celsius(frame: Frame, box: Box) -> TargetCelsius | None:
    """Return the temperatures of the pixels whose middles lie in `box`.

    The scale of the core takes its emissivity and distance for granted, so these are the
    apparent temperatures that the camera itself would show.

    Args:
        frame: Its counts are looked at through a view; nothing of its size is allocated.
        box: Frame px; the part outside the frame is left out.

    Returns:
        None when the core is not radiometric, the shutter hides the scene, or no pixel's
        middle lies in the box.
    """
    if frame.kelvin is None or frame.shutter == "closed":
        return None
    if not all(map(math.isfinite, box)):
        return None
    left, right = _inside(box.x, box.w, frame.width_px)
    top, bottom = _inside(box.y, box.h, frame.height_px)
    seen = frame.counts[top:bottom, left:right]
    if not seen.size:
        return None
    scale, offset = frame.kelvin.scale, frame.kelvin.offset - _ZERO_C
    ends = sorted(scale * float(count) + offset for count in (seen.min(), seen.max()))
    return TargetCelsius(ends[0], scale * float(seen.mean()) + offset, ends[1])


def _inside(start: float, length: float, limit: int) -> tuple[int, int]:
    """Return the half-open range of pixels whose middles lie from `start` over `length` px."""
    first = max(math.ceil(start - 0.5), 0)
    return first, max(min(math.ceil(start + length - 0.5), limit), first)
