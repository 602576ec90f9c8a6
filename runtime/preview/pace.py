"""Play a recording as fast as it was taken, for somebody watches it."""

from __future__ import annotations

import time
from collections.abc import Iterable

from thermedge.frame import Frame
from thermedge.runtime.control import Asked

_LATE_NS = 10**9  # after that much the clock is set anew: nobody wants a second at double speed


class Pace:
    """Gives no orders: it is asked for them before every frame, and answers when it is time."""

    def __init__(self) -> None:
        self._ahead_ns: int | None = None  # of the frames' clock before ours

    def take(self, frame: Frame) -> Iterable[Asked]:
        """Wait until the frame is due."""
        now = time.monotonic_ns()
        if self._ahead_ns is None or abs(frame.timestamp_ns - self._ahead_ns - now) > _LATE_NS:
            self._ahead_ns = frame.timestamp_ns - now
        time.sleep(max(frame.timestamp_ns - self._ahead_ns - now, 0) / 1e9)
        return ()
