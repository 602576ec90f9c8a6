"""The real-time protocol: frames arrive at the sensor's rate, and a busy tracker misses some.

Time is simulated, so that the answer is the same on every run and for any board whose
latencies are known: the tracker takes the newest frame when it is free, and its box exists
when its latency is over. A frame is scored with the last box that exists when the next frame
arrives. The start costs nothing: the operator waits for it.
"""

from __future__ import annotations

import csv
import json
import zlib
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

from thermedge.errors import DatasetError
from thermedge.evaluation.box_files import read_text
from thermedge.evaluation.plan import Plan
from thermedge.evaluation.results import Result, Row
from thermedge.evaluation.run import Recorder, Tracker, end_of
from thermedge.evaluation.sequences import Sequence

_COLUMNS = ("latency_ms", "update_ms", "ms")  # names that hold a frame's latency in a table
_WAITING = "wait"  # the stage of a track that is spent waiting for the camera, not tracking


def run_in_real_time(tracker: Tracker, sequence: Sequence, plan: Plan) -> Result:
    """Follow the target on the frames that the tracker is in time for."""
    start = sequence.start
    with Recorder(tracker, sequence) as recorder:
        if start is None:
            return recorder.result
        end = end_of(sequence, start, plan.max_frames)
        with closing(sequence.frames.open(start, plan.rate_hz or None)) as frames:
            period_ns = round(1e9 / (plan.rate_hz or frames.rate_hz))
            clock = _Clock(period_ns, _latencies_ns(plan, sequence.name))
            for number, frame in zip(range(start, end), frames):  # noqa: B905
                if number == start:
                    recorder.init(number, frame, sequence.box(number))
                    clock.started(recorder.last)
                elif clock.takes(number - start):
                    ms = recorder.update(number, frame)
                    recorder.replace(clock.busy(recorder.last, ms))
                else:
                    recorder.append(clock.missed(number))
    return recorder.result


class _Clock:
    """What has been finished by when, in nanoseconds from the start's frame on."""

    def __init__(self, period_ns: int, latencies_ns: Iterator[int] | None) -> None:
        self._period_ns = period_ns
        self._latencies_ns = latencies_ns
        self._now_ns = self._free_ns = 0
        self._shown: Row | None = None  # the newest box that exists
        self._coming: list[tuple[int, Row]] = []  # those that will, by when

    def started(self, row: Row) -> None:
        """The start's box exists at once."""
        self._shown = row

    def takes(self, place: int) -> bool:
        """Return whether the tracker is free before the frame after `place` comes."""
        self._now_ns = place * self._period_ns
        return self._free_ns < self._now_ns + self._period_ns

    def busy(self, row: Row, measured_ms: float) -> Row:
        """Let the tracker work on this frame; return the row to score it by."""
        if self._latencies_ns is None:
            latency_ns = round(measured_ms * 1e6)
        else:
            latency_ns = next(self._latencies_ns)
        self._free_ns = max(self._now_ns, self._free_ns) + latency_ns
        self._coming.append((self._free_ns, row))
        return self._scored(row.frame, latency_ns / 1e6)

    def missed(self, frame: int) -> Row:
        """Return the row of a frame that the tracker never saw."""
        return self._scored(frame, float("nan"))

    def _scored(self, frame: int, ms: float) -> Row:
        deadline_ns = self._now_ns + self._period_ns
        while self._coming and self._coming[0][0] <= deadline_ns:
            self._shown = self._coming.pop(0)[1]
        assert self._shown is not None
        event = self._shown.event if self._shown.frame == frame else "held"
        return self._shown._replace(frame=frame, ms=ms, event=event)


def _latencies_ns(plan: Plan, name: str) -> Iterator[int] | None:
    """Take the plan's latencies in turns; where to begin differs between sequences."""
    if not plan.latencies_ms:
        return None
    begin = zlib.crc32(name.encode())
    known = plan.latencies_ms
    return (round(known[(begin + i) % len(known)] * 1e6) for i in count())


def read_latencies(path: Path) -> tuple[float, ...]:
    """Read how long a tracker took per frame, ms, as measured on a board.

    Understood are one number per line; a CSV with a column latency_ms, update_ms or ms (what
    this package's results have); and the JSON Lines of `thermedge track`, whose stages are
    added up but for the waiting.

    Raises:
        DatasetError: The file is of another form, or holds no number above 0.
    """
    lines = [line for line in read_text(path).splitlines() if line and not line.startswith("#")]
    try:
        if lines and lines[0].startswith("{"):
            values = [_of_track(json.loads(line)) for line in lines]
        else:
            values = _of_table(lines)
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{path} holds no latencies: {error!r}.",
            "Give one number (ms) per line, a CSV with a column latency_ms, or a track's JSON "
            "Lines.",
        ) from error
    known = tuple(value for value in values if value > 0)  # starts and NaN are no updates
    if not known:
        raise DatasetError(f"{path} holds no latency above 0 ms.", "Measure on the board again.")
    return known


def _of_track(values: Any) -> float:
    if "latency_ms" in values:
        return float(values["latency_ms"])
    return float(sum(ms for stage, ms in values["stage_ms"].items() if stage != _WAITING))


def _of_table(lines: list[str]) -> list[float]:
    table = list(csv.reader(lines))
    column = next((name for name in _COLUMNS if table and name in table[0]), None)
    if column is None:
        return [float(line) for line in lines]
    place = table[0].index(column)
    event = table[0].index("event") if "event" in table[0] else None
    for number, row in enumerate(table[1:], 1):
        if len(row) < len(table[0]):
            raise ValueError(f"row {number} has {len(row)} cells, expected {len(table[0])}")
    runs = {row[table[0].index("run")] for row in table[1:]} if "run" in table[0] else set()
    if len(runs) > 1:
        raise ValueError(f"it has times of {' and '.join(sorted(runs))}, expected one tracker's")
    return [float(row[place]) for row in table[1:] if event is None or row[event] != "start"]
