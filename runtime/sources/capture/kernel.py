"""The few calls of the operating system that a capture device needs."""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import select
import time
from typing import Any, Protocol


class Kernel(Protocol):
    """What lies below the ioctls; a scripted camera takes its place in tests and benches.

    Every call but `now_ns` raises OSError as the system does.
    """

    def open(self, path: str) -> int:
        """Open a device for reading and writing, never to block on it."""
        ...

    def close(self, fd: int) -> None:
        """Close what `open` returned."""
        ...

    def ioctl(self, fd: int, request: int, argument: Any) -> None:
        """Ask the driver; it answers in place in the ctypes structure `argument`."""
        ...

    def map(self, fd: int, length: int, offset: int) -> Any:
        """Return `length` bytes of the driver's memory, as an object with the buffer protocol."""
        ...

    def unmap(self, memory: Any) -> None:
        """Give back what `map` returned; nobody may look into it any more."""
        ...

    def wait(self, fd: int | None, wake_fd: int, timeout_s: float) -> bool:
        """Sleep until `fd` has something to say; False when it has not.

        Errors of the device count as something to say: the next ioctl tells which.

        Args:
            fd: The device, or None to sleep only.
            wake_fd: Ends the sleep at once when it becomes readable.
            timeout_s: Longest sleep.
        """
        ...

    def now_ns(self) -> int:
        """Return the monotonic clock, the one that drivers stamp frames with."""
        ...


class Linux:
    """The real calls."""

    def open(self, path: str) -> int:
        """Open a device for reading and writing, never to block on it."""
        return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def close(self, fd: int) -> None:
        """Close what `open` returned."""
        os.close(fd)

    def ioctl(self, fd: int, request: int, argument: Any) -> None:
        """Ask the driver; it answers in place in the ctypes structure `argument`."""
        fcntl.ioctl(fd, request, argument)

    def map(self, fd: int, length: int, offset: int) -> mmap.mmap:
        """Return `length` bytes of the driver's memory, read-only."""
        return mmap.mmap(fd, length, mmap.MAP_SHARED, mmap.PROT_READ, offset=offset)

    def unmap(self, memory: mmap.mmap) -> None:
        """Give back what `map` returned; nobody may look into it any more."""
        # The frames of an interrupt's traceback may still look: then it goes with them.
        with contextlib.suppress(BufferError):
            memory.close()

    def wait(self, fd: int | None, wake_fd: int, timeout_s: float) -> bool:
        """Sleep until `fd` has something to say; False when it has not."""
        watched = select.poll()
        watched.register(wake_fd, select.POLLIN)
        if fd is not None:
            watched.register(fd, select.POLLIN)
        ready = watched.poll(max(0.0, timeout_s) * 1e3)
        return any(each == fd for each, _ in ready)

    def now_ns(self) -> int:
        """Return the monotonic clock, the one that drivers stamp frames with."""
        return time.monotonic_ns()
