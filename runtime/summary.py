"""What a run came to: frames, losses, states, events, faults, and the times of its stages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from thermedge.runtime.sinks.base import Fallible
from thermedge.runtime.track import STAGES, Track

_KEPT = 8192  # frames that percentiles look back on; a run on a pole never ends


class Latency:
    """Times of the last frames, in a ring of fixed size."""

    # tracker: all of Tracker.update; age: from the sensor's time stamp to the result.
    ROWS = (*STAGES, "sinks", "tracker", "age")

    def __init__(self) -> None:
        self._ring = np.full((_KEPT, len(self.ROWS)), np.nan, np.float32)
        self._count = 0

    def add(self, track: Track, sinks_ms: float) -> None:
        """Note one frame."""
        row = self._ring[self._count % _KEPT]
        total = 0.0
        for column, stage in enumerate(STAGES):
            spent = track.stage_ms.get(stage, 0.0)
            row[column] = spent
            total += spent if stage != "wait" else 0.0
        row[-3:] = sinks_ms, total, np.nan if track.age_ms is None else track.age_ms
        self._count += 1

    def percentiles(self, *percents: float) -> dict[str, tuple[float, ...]]:
        """Return ms per row and percentile over the frames kept; empty before the first.

        A recording has no age, so that row is left out.
        """
        seen = self._ring[: min(self._count, _KEPT)]
        if not len(seen):
            return {}
        values = np.percentile(seen, percents, axis=0)
        rows = dict(zip(self.ROWS, values.T.tolist(), strict=True))
        return {row: tuple(times) for row, times in rows.items() if np.isfinite(times).all()}


@dataclass(slots=True)
class Summary:
    """What one run came to."""

    frames: int = 0  # that the loop saw, with a target or without
    dropped: int = 0  # lost before the loop saw them
    seconds: float = 0.0  # from the second frame on: the first one also starts the track
    states: dict[str, int] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)  # by kind
    latency: Latency = field(default_factory=Latency)
    fallible: list[Fallible] = field(default_factory=list)  # the source and the sinks

    @property
    def fps(self) -> float:
        """Frames per second, all stages and sinks included."""
        return (self.frames - 1) / self.seconds if self.frames > 1 and self.seconds > 0 else 0.0

    @property
    def faults(self) -> Mapping[str, int]:
        """What went wrong in the source and the sinks so far: name -> count, of all together."""
        found: Counter[str] = Counter()
        for part in self.fallible:
            found.update(dict(part.faults))
        return {name: count for name, count in found.items() if count}

    def add(self, track: Track, *, sinks_ms: float, seconds: float) -> None:
        """Note one frame."""
        # The frame that starts a track and those without one would hide what tracking costs.
        if track.start is None and track.state != "idle":
            self.latency.add(track, sinks_ms)
        self.frames += 1
        self.dropped += track.dropped
        self.seconds = seconds
        self.states[track.state] = self.states.get(track.state, 0) + 1
        for event in track.events:
            self.events[event.kind] = self.events.get(event.kind, 0) + 1
