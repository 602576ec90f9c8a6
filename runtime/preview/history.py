"""The last two minutes in slices of half a second, for the time line of the page."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from thermedge.frame import Shutter
from thermedge.runtime.sinks.overlay import latency_ms
from thermedge.runtime.track import State, Track

SLICE_S = 0.5
KEPT_SLICES = 240
_KEPT_EVENTS = 200


class History:
    """Sums up every frame; `frame` is called by the tracker's thread, the rest by any.

    Args:
        clock: Seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun = clock()
        self._lock = threading.Lock()
        self._slices: deque[dict[str, Any]] = deque(maxlen=KEPT_SLICES)
        self._events: deque[dict[str, Any]] = deque(maxlen=_KEPT_EVENTS)
        self._num_slices = self._num_events = 0
        self._fps = 0.0
        # Of the slice that is going on.
        self._start = self._sum_ms = self._most_ms = 0.0
        self._frames = self._dropped = self._num_timed = 0
        self._state: State = "idle"
        self._is_shut = False

    def frame(self, track: Track, shutter: Shutter) -> None:
        """Note one frame. A few microseconds; a lock only where a slice ends or an event came."""
        now = self._clock() - self._begun
        if now - self._start >= SLICE_S:
            self._close(now)
        self._frames += 1
        self._dropped += track.dropped
        self._state = track.state
        self._is_shut |= shutter == "closed"
        if track.state != "idle":
            spent = latency_ms(track)
            self._num_timed += 1
            self._sum_ms += spent
            self._most_ms = max(self._most_ms, spent)
        if track.events:
            self._note(track, now)

    @property
    def now_s(self) -> float:
        """Seconds since the run began, on the clock of slices and events."""
        return self._clock() - self._begun

    @property
    def fps(self) -> float:
        """Frames per second, lately; 0 when none came for a while."""
        silent_s = self.now_s - self._start
        return self._fps if silent_s < 4 * SLICE_S else 0.0

    @property
    def end(self) -> tuple[int, int]:
        """How many slices and events there were; `since` takes it up from there."""
        with self._lock:
            return self._num_slices, self._num_events

    def since(self, slices: int, events: int) -> dict[str, Any]:
        """Return the slices and events from the given numbers on, as far as they are kept.

        Returns:
            `slices`: objects with `t` (s), `span` (s), `frames`, `dropped`, `ms` and
            `most_ms` (of all stages, null without a target), `state`, `shut`;
            `events`: objects with `t`, `kind`, `frame`, `detail`.
        """
        with self._lock:
            return {
                "slices": _newest(self._slices, self._num_slices - slices),
                "events": _newest(self._events, self._num_events - events),
            }

    def _note(self, track: Track, now: float) -> None:
        with self._lock:
            for event in track.events:
                self._num_events += 1
                self._events.append(
                    {
                        "t": round(now, 2),
                        "kind": event.kind,
                        "frame": event.frame_index,
                        "detail": event.detail,
                    }
                )

    def _close(self, now: float) -> None:
        timed = self._num_timed
        ended = {
            "t": round(self._start, 2),
            "span": round(now - self._start, 3),
            "frames": self._frames,
            "dropped": self._dropped,
            "ms": round(self._sum_ms / timed, 2) if timed else None,
            "most_ms": round(self._most_ms, 2) if timed else None,
            "state": self._state,
            "shut": self._is_shut,
        }
        measured = self._frames / (now - self._start)
        self._fps = measured if not self._num_slices else 0.5 * (self._fps + measured)
        with self._lock:
            if self._frames:
                self._num_slices += 1
                self._slices.append(ended)
        self._clear(now)

    def _clear(self, start: float) -> None:
        self._start = start
        self._frames = self._dropped = self._num_timed = 0
        self._sum_ms = self._most_ms = 0.0
        self._state = "idle"
        self._is_shut = False


def _newest(kept: deque[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    return list(kept)[-count:] if count > 0 else []
