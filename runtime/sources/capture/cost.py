"""What taking a frame costs the CPU, without a camera."""

from __future__ import annotations

import errno
import itertools
import statistics
import time
from typing import Any

from thermedge.runtime.sources.capture.address import parse
from thermedge.runtime.sources.capture.scripted import ScriptedCamera
from thermedge.runtime.sources.v4l2 import V4l2Source

_BATCHES, _BATCH = 15, 200


def measure(*, mode: tuple[str, int, int, int] = ("Y16", 640, 512, 1280)) -> float:
    """Return the CPU time that one frame takes from the driver's buffer to a Frame, us.

    All of the source runs as it does on a camera; only the kernel is left out: the ioctls
    are answered at once, with one frame each time. So the figure has the copy, the
    bookkeeping and the telemetry, but no system call. It is the median of 15 batches.

    Args:
        mode: Format, width, height (px) and bytes per row.
    """
    spent = []
    with V4l2Source(parse("v4l2:/dev/null?profile=generic"), kernel=_ReadyCamera(mode)) as source:
        frames = iter(source)
        for _ in range(_BATCHES + 1):
            began = time.thread_time_ns()
            for _ in range(_BATCH):
                next(frames)
            spent.append((time.thread_time_ns() - began) / _BATCH / 1e3)
    return statistics.median(spent[1:])  # the first batch also starts the stream


class _ReadyCamera(ScriptedCamera):
    """Has the next frame ready whenever it is waited for, and does no more than it must."""

    def __init__(self, mode: tuple[str, int, int, int]) -> None:
        super().__init__((), path="/dev/null", modes=(mode,))
        self._dequeue, self._queue = (int(self._raw.IOC[name]) for name in ("DQBUF", "QBUF"))
        self._numbers = itertools.count()
        self._has_frame = True

    def ioctl(self, fd: int, request: int, argument: Any) -> None:
        """Answer the two calls of the loop at once, all others as a camera does."""
        if request == self._dequeue:
            if not self._has_frame:
                raise BlockingIOError(errno.EAGAIN, "")
            self._has_frame = False
            number = next(self._numbers)
            argument.index, argument.sequence = number % len(self._buffers), number
            argument.flags, argument.bytesused = self.stamp_flags, self._length()
            argument.timestamp.secs = number
        elif request != self._queue:
            super().ioctl(fd, request, argument)

    def wait(self, fd: int | None, wake_fd: int, timeout_s: float) -> bool:
        """Have the next frame ready."""
        self._has_frame = True
        self.clock_ns += 10**9
        return True
