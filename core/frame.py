"""One picture from a thermal sensor, with what the sensor said about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from thermedge.events import Event

Counts = NDArray[np.uint8] | NDArray[np.uint16]

# The shutter (FFC, NUC) of an uncooled core: "closed" frames show the shutter or a
# frozen picture, "settling" ones follow it while the offsets are still moving.
Shutter = Literal["none", "imminent", "closed", "settling"]


@dataclass(frozen=True, slots=True)
class Kelvin:
    """The linear radiometric scale of a core: kelvin = scale * count + offset."""

    scale: float  # K per count
    offset: float  # K


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as the sensor delivered it.

    `counts` is borrowed from the source and is overwritten by the next frame; `copy` the
    frame that must outlive it.
    """

    counts: Counts  # (H, W) uint8 or uint16, borrowed
    index: int  # sensor sequence number; gaps are lost frames
    timestamp_ns: int  # monotonic; a recording counts from its first frame
    bits: int = 16  # significant bits of a count: 8, 14, 16
    kelvin: Kelvin | None = None  # None when the core is not radiometric
    shutter: Shutter = "none"
    sensor_c: float | None = None  # focal-plane temperature, degrees C, None if not told
    visible: NDArray[np.uint8] | None = None  # (H, W) grey, registered to `counts`, borrowed
    events: tuple[Event, ...] = ()  # what the source met since the frame before

    @property
    def width_px(self) -> int:
        """Columns of the picture."""
        return int(self.counts.shape[1])

    @property
    def height_px(self) -> int:
        """Rows of the picture."""
        return int(self.counts.shape[0])

    def copy(self) -> Frame:
        """Return it with pictures of its own, which stay."""
        visible = None if self.visible is None else self.visible.copy()
        return replace(self, counts=self.counts.copy(), visible=visible)
