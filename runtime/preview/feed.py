"""From the tracker's thread to the page: one copy of the newest frame, when somebody wants it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from thermedge.frame import Counts, Frame
from thermedge.runtime.preview.history import History
from thermedge.runtime.track import Track


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest result, and when it came."""

    frame: Frame  # its counts are not to be looked at: they are the source's
    track: Track
    came_s: float  # time.monotonic


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame of its own, with what the tracker said about it; valid until the next is wanted."""

    frame: Frame
    track: Track
    came_s: float  # time.monotonic


class Feed:
    """A sink that hands a frame over when it was asked for, and else only counts.

    There is one buffer: the thread that asked reads it before it asks again, so neither
    thread ever waits for the other.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._lock = threading.Lock()
        self._counts: Counts = np.empty((0, 0), np.uint8)
        self._wake: Callable[[], None] | None = None
        self._picture: Picture | None = None
        self._due_s = self._every_s = 0.0
        self.newest: Newest | None = None

    def want(self, wake: Callable[[], None], *, every_s: float) -> None:
        """Ask for the next frame; gives up the last one.

        Args:
            wake: Called by the tracker's thread when `take` has it; must not wait.
            every_s: So far apart are frames taken, on average.
        """
        with self._lock:
            self._picture, self._wake, self._every_s = None, wake, every_s

    def take(self) -> Picture | None:
        """Return the frame that was wanted, None before it came."""
        return self._picture

    def write(self, frame: Frame, track: Track) -> None:
        """Note the result, and copy the frame if it is wanted."""
        now = time.monotonic()
        self._history.frame(track, frame.shutter)
        self.newest = Newest(frame, track, now)
        # A camera at just the rate asked for must not lose a frame to its jitter.
        if self._wake is None or now < self._due_s - 0.25 * self._every_s:
            return
        self._due_s = max(self._due_s + self._every_s, now - self._every_s)
        counts = self._copied(frame.counts)
        with self._lock:
            wake, self._wake = self._wake, None
            self._picture = Picture(replace(frame, counts=counts, visible=None), track, now)
        if wake is not None:
            wake()

    def close(self) -> None:
        """Nothing to close: whoever waits for a frame is the server's to end."""

    def _copied(self, counts: Counts) -> Counts:
        if self._counts.shape != counts.shape or self._counts.dtype != counts.dtype:
            self._counts = np.empty_like(counts)
        np.copyto(self._counts, counts)
        return self._counts
