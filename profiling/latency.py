"""Times of every frame of a run, and what they come to."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thermedge.runtime.summary import Latency, Summary
from thermedge.runtime.track import STAGES, Track

Floats = NDArray[np.float64]

STATES = ("idle", "tracking", "uncertain", "coasting", "lost", "reacquired")
_IN_SIGHT = [STATES.index(state) for state in ("tracking", "uncertain", "reacquired")]
# ms per stage, then: when the result was there (s), the frame, frames lost before it, its
# state, and whether a track was started on it.
COLUMNS = (*Latency.ROWS, "end_s", "frame", "dropped", "state", "start")
_BLOCK, _BLOCKS = 4096, 64  # a run on a pole never ends: the newest 262144 frames are kept
# A percentile is told only from so many frames on: below that it is the luck of one frame.
_ENOUGH = {50: 1, 90: 10, 95: 20, 99: 100}


class FrameTimes:
    """Times of the newest frames of one run, as they come.

    Attributes:
        began_s: When the first frame's result was there, kept or not; None before it.
        forgotten: Frames that were too many to keep: the oldest ones.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.began_s: float | None = None
        self.forgotten = 0
        self._clock = clock
        self._blocks: deque[Floats] = deque(maxlen=_BLOCKS)
        self._filled = _BLOCK

    def add(self, track: Track, *, sinks_ms: float = 0.0) -> None:
        """Note one frame whose result is there now."""
        if self._filled == _BLOCK:
            self.forgotten += _BLOCK if len(self._blocks) == _BLOCKS else 0
            self._blocks.append(np.empty((_BLOCK, len(COLUMNS))))
            self._filled = 0
        spent = track.stage_ms.get
        stages = [spent(stage, 0.0) for stage in STAGES]
        end_s = self._clock()
        self.began_s = end_s if self.began_s is None else self.began_s
        self._blocks[-1][self._filled] = (
            *stages,
            sinks_ms,
            sum(stages) - stages[0],
            np.nan if track.age_ms is None else track.age_ms,
            end_s,
            track.frame_index,
            track.dropped,
            STATES.index(track.state),
            track.start is not None,
        )
        self._filled += 1

    def rows(self) -> Floats:
        """Return (N, columns of COLUMNS), a new array."""
        if not self._blocks:
            return np.empty((0, len(COLUMNS)))
        *full, last = self._blocks
        return np.concatenate([*full, last[: self._filled]])


class RecordedSummary(Summary):
    """A run's summary that also keeps the times of every frame."""

    def __init__(self) -> None:
        super().__init__()
        self.times = FrameTimes()

    def add(self, track: Track, *, sinks_ms: float, seconds: float) -> None:
        """Note one frame."""
        super().add(track, sinks_ms=sinks_ms, seconds=seconds)
        self.times.add(track, sinks_ms=sinks_ms)


@dataclass(frozen=True, slots=True)
class Spread:
    """How a time is distributed, ms; NaN where there are too few frames to tell."""

    count: int
    mean: float
    p50: float
    p90: float
    p95: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What the frames of a run come to, those of the warm-up apart."""

    frames: int  # that steady figures rest on
    starts: Spread | None  # what starting a track took
    warm_up: Spread | None  # Tracker.update on the first frames
    stages: dict[str, Spread]  # of Latency.ROWS, and "in sight": update on frames with the target
    fps: float  # results per second; NaN below two frames
    slowest_fps: float  # in the slowest whole second; NaN below two seconds
    jitter_ms: float  # mean change from one interval between results to the next
    dropped: int
    clock_steps: int  # intervals that were not above 0, so left out


def figures(rows: Floats, *, warm_up: int) -> Figures:
    """Return the figures of a run.

    Frames that start a track or have none are left out: they do no tracking. So are the
    first `warm_up` updates: caches fill and clocks rise in them.

    Args:
        rows: As `FrameTimes.rows` returns them.
        warm_up: Number of updates.
    """
    starts = rows[:, COLUMNS.index("start")] > 0
    updates = np.flatnonzero(are_updates(rows))
    steady = updates[warm_up:]
    tracker = rows[:, COLUMNS.index("tracker")]
    intervals = _intervals(rows, steady)
    usable = intervals[intervals > 0]
    return Figures(
        frames=len(steady),
        starts=spread(tracker[starts]),
        warm_up=spread(tracker[updates[:warm_up]]),
        stages=_stages(rows[steady]),
        fps=len(usable) / float(usable.sum()) if len(usable) else float("nan"),
        slowest_fps=_slowest(usable),
        jitter_ms=float(np.abs(np.diff(usable)).mean() * 1e3) if len(usable) > 1 else float("nan"),
        dropped=int(rows[:, COLUMNS.index("dropped")].sum()),
        clock_steps=len(intervals) - len(usable),
    )


def are_updates(rows: Floats) -> NDArray[np.bool_]:
    """Return which rows followed a target: those that start a track or have none did not."""
    found: NDArray[np.bool_] = rows[:, COLUMNS.index("start")] == 0
    return found & (rows[:, COLUMNS.index("state")] > 0)


def are_warm(rows: Floats, warm_up: int) -> NDArray[np.bool_]:
    """Return which rows come after the first `warm_up` updates; frames of no update count none."""
    past: NDArray[np.bool_] = np.cumsum(are_updates(rows)) > warm_up
    return past


def spread(values: Floats) -> Spread | None:
    """Return how `values` are distributed; None where there are none."""
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    told = np.percentile(values, list(_ENOUGH))
    p50, p90, p95, p99 = (
        float(value) if len(values) >= least else float("nan")
        for value, least in zip(told, _ENOUGH.values(), strict=True)
    )
    return Spread(len(values), float(values.mean()), p50, p90, p95, p99, float(values.max()))


def _stages(rows: Floats) -> dict[str, Spread]:
    """Return the spread of each row that the run has; a recording has no age."""
    columns = {name: rows[:, COLUMNS.index(name)] for name in Latency.ROWS}
    in_sight = np.isin(rows[:, COLUMNS.index("state")], _IN_SIGHT)
    columns["in sight"] = columns["tracker"][in_sight]
    found = {name: spread(values) for name, values in columns.items()}
    return {name: one for name, one in found.items() if one is not None}


def _intervals(rows: Floats, steady: NDArray[np.intp]) -> Floats:
    """Return the seconds between results of steady frames that follow each other."""
    ends = rows[steady, COLUMNS.index("end_s")]
    between: Floats = np.diff(ends)[np.diff(steady) == 1]
    return between


def _slowest(intervals: Floats) -> float:
    seconds = np.floor(np.cumsum(intervals)).astype(int)
    counts = np.bincount(seconds)[:-1] if len(seconds) else np.empty(0)
    if len(counts) < 2:
        return float("nan")
    counts[0] += 1  # the result that it starts with, which no interval precedes
    return float(counts.min())
