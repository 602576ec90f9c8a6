"""Play a recording as fast as it was taken, for somebody watches it."""

from __future__ import annotations

import time
from collections.abc import Iterable

from thermedge.frame import Frame
from thermedge.runtime.control import Asked

_LATE_NS = 10**9  # after that much the clock is set anew: nobody wants a second at double speed
_MISSING = 2.0  # periods; the clock is set anew after a gap so long, too: nobody waits for hours


class Pace:
    """Gives no orders: it is asked for them before every frame, and answers when it is time.

    Args:
        rate_hz: Of the frames, nominal.
    """

    def __init__(self, rate_hz: float) -> None:
        self._gap_ns = max(_LATE_NS, _MISSING * 1e9 / rate_hz)
        self._ahead_ns: int | None = None  # of the frames' clock before ours

    def take(self, frame: Frame) -> Iterable[Asked]:
        """Wait until the frame is due."""
        now = time.monotonic_ns()
        early_ns = 0 if self._ahead_ns is None else frame.timestamp_ns - self._ahead_ns - now
        if self._ahead_ns is None or not -_LATE_NS <= early_ns <= self._gap_ns:
            self._ahead_ns, early_ns = frame.timestamp_ns - now, 0
        time.sleep(max(early_ns, 0) / 1e9)
        return ()
