"""Where to look for a target that is missing."""

from __future__ import annotations

import math
from collections.abc import Iterator

from thermedge.runtime.crop import Window

_OVERLAP = 0.75  # step between scan windows over their side: a target on a seam is whole in one


class FrameScan:
    """Goes over the whole frame in square windows, nearest to the last place first.

    A few windows are looked at per frame, so that a missing target costs a bounded time;
    after the last window the scan begins again at the last place.
    """

    def __init__(self) -> None:
        self._windows: list[Window] = []
        self._away: list[float] = []  # of each window's middle from the last place, px
        self._next = 0

    @property
    def active(self) -> bool:
        """Whether a scan has begun."""
        return bool(self._windows)

    def begin(
        self, center: tuple[float, float], side: float, frame_px: tuple[int, int], size_px: int
    ) -> None:
        """Lay windows of `side` px over a frame of (width, height) px.

        Args:
            center: The last place of the target, frame px; the first window lies there.
            side: Side of a window, frame px; cut down to what covers the frame.
            frame_px: (width, height).
            size_px: Side of the window that the network sees.
        """
        width, height = frame_px
        side = min(side, float(max(width, height)))
        places = [
            (x, y)
            for x in _spread(width, side)
            for y in _spread(height, side)
            if max(abs(x - center[0]), abs(y - center[1])) > 0.2 * side
        ]
        places.sort(key=lambda place: math.dist(place, center))
        self._windows = [Window(x, y, side, size_px) for x, y in (center, *places)]
        self._away = [math.dist((window.cx, window.cy), center) for window in self._windows]
        self._next = 0

    def windows(self, count: int, reach: float = math.inf) -> Iterator[Window]:
        """Yield the next `count` windows, going round those within `reach` px.

        The first window always is; so a scan of a short reach looks at the last place again.
        """
        within = sum(away <= reach for away in self._away)
        for _ in range(min(count, within)):
            self._next %= within
            yield self._windows[self._next]
            self._next += 1

    def end(self) -> None:
        """Forget the scan: the target is found."""
        self._windows, self._away = [], []


def _spread(length: int, side: float) -> list[float]:
    """Return the middles of evenly spread windows that cover `length` px."""
    if side >= length:
        return [length / 2]
    count = math.ceil((length - side) / (_OVERLAP * side)) + 1
    step = (length - side) / (count - 1)
    return [side / 2 + i * step for i in range(count)]
