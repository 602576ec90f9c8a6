"""What profiling itself costs the loop that it watches."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from time import perf_counter_ns, process_time_ns

from thermedge.profiling.board_watch import BoardWatch
from thermedge.profiling.latency import RecordedSummary
from thermedge.profiling.subjects import Opened
from thermedge.runtime.sources.synthetic import open_synthetic
from thermedge.runtime.summary import Summary

SCENE = "synthetic:frames=300,size=320x256"
_WARM_UP = 30  # frames
_LOOKS = 20


@dataclass(frozen=True, slots=True)
class OwnCost:
    """Medians of one run."""

    update_us: float  # of the tracker, per frame
    noting_us: float  # per frame: noting its times, beyond what every loop counts anyway
    looking_us: float  # per second, processor time: reading the board's sensors

    @property
    def share(self) -> float:
        """Of the loop's time, where nothing but the tracker runs and frames never wait."""
        return self.noting_us / self.update_us + self.looking_us / 1e6


def measure(opened: Opened, *, scene: str = SCENE) -> OwnCost:
    """Follow a scene; after every update note it with profiling on, and off, in turns.

    The difference of two loops would be lost in what else a machine does: it is far less
    than what they vary by.
    """
    summaries = Summary(), RecordedSummary()
    noted: tuple[list[int], list[int]] = [], []
    updates: list[int] = []
    with open_synthetic(scene) as source:
        for frame in source:
            start = frame.index == 0
            began = perf_counter_ns()
            if start:
                track = opened.tracker.init(frame, source.start_box)
            else:
                track = opened.tracker.update(frame)
            updates.append(perf_counter_ns() - began)
            for which in (0, 1) if frame.index % 2 else (1, 0):
                began = perf_counter_ns()
                summaries[which].add(track, sinks_ms=0.0, seconds=1.0)
                noted[which].append(perf_counter_ns() - began)
    watch = BoardWatch()
    looks = []
    for _ in range(_LOOKS):
        before = process_time_ns()
        watch.look()
        looks.append(process_time_ns() - before)
    off, on = (statistics.median(times[_WARM_UP:]) for times in noted)
    steady = statistics.median(updates[_WARM_UP:])
    return OwnCost(steady / 1e3, (on - off) / 1e3, statistics.median(looks) / 1e3)
