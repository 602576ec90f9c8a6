"""Which frames of a recording may calibrate, and how to keep a few of every kind."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable
from typing import Generic, Literal, TypeVar, get_args

import numpy as np

from thermedge.frame import Frame
from thermedge.runtime.shutter import ShutterWatch

# shutter: it shows the closed shutter, or is frozen while that is closed.
# duplicate: the last picture again.  stall: the stream stood still, or was just restarted.
Reason = Literal["shutter", "duplicate", "stall"]
REASONS: tuple[Reason, ...] = get_args(Reason)

_BROKEN = frozenset({"stall", "unplugged", "reconnected"})

Item = TypeVar("Item")


class Sift:
    """Says of each frame of one recording why it must not calibrate, if it must not."""

    def __init__(self) -> None:
        self._watch = ShutterWatch()
        self._has_started = self._is_shut = False
        self._shut_ns: int | None = None  # when a shutter was last seen closed
        self._now_ns = 0

    @property
    def since_shutter_s(self) -> float | None:
        """Time from the last frame of a shutter event to this one; None where none was seen."""
        return None if self._shut_ns is None else (self._now_ns - self._shut_ns) * 1e-9

    def look(self, frame: Frame) -> Reason | None:
        """Judge the next frame."""
        self._now_ns = frame.timestamp_ns
        is_broken = any(event.kind in _BROKEN for event in frame.events)
        if not self._has_started:
            if frame.shutter == "closed":
                self._shut_ns = frame.timestamp_ns
                return "shutter"
            self._has_started = True
            self._watch.start(frame)
            return "stall" if is_broken else None
        sight = self._watch.look(frame)
        if sight.shutter == "closed":
            # Without the camera's word, a picture that stands still is no proof of a shutter.
            if frame.shutter != "closed" and sight.why == "the picture stands still":
                return "stall"
            self._shut_ns = frame.timestamp_ns
            return "shutter"
        if not sight.is_new:
            return "duplicate"
        return "stall" if is_broken else None


class Reservoir(Generic[Item]):
    """Keeps at most `capacity` of the items that are offered, evenly over their kinds.

    When it is full, the largest kind gives up its item of lowest priority; within a kind,
    priorities are random, so that every frame of a long recording has the same chance.
    The same offers and seed keep the same items.
    """

    def __init__(self, capacity: int, seed: int) -> None:
        self._capacity = capacity
        self._random = np.random.default_rng(seed)
        self._heaps: dict[Hashable, list[tuple[float, int, Item]]] = {}
        self._offered = self._held = 0

    def offer(self, kind: Hashable, make: Callable[[], Item]) -> None:
        """Take the item that `make` copies, or leave it unmade."""
        priority, number = float(self._random.random()), self._offered
        self._offered += 1
        heap = self._heaps.setdefault(kind, [])
        if self._held < self._capacity:
            self._held += 1
        else:
            largest = max(self._heaps.values(), key=len)
            if len(heap) + 1 < len(largest):
                heapq.heappop(largest)
            elif heap and priority > heap[0][0]:
                heapq.heappop(heap)
            else:
                return
        heapq.heappush(heap, (priority, number, make()))

    @property
    def offered(self) -> int:
        """How many items were offered so far."""
        return self._offered

    @property
    def items(self) -> list[Item]:
        """What is kept, in the order it was offered."""
        kept = [entry for heap in self._heaps.values() for entry in heap]
        return [item for _, _, item in sorted(kept, key=lambda entry: entry[1])]
