"""What a tracker did on one sequence, frame by frame, and the file it is kept in."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from thermedge.errors import DatasetError
from thermedge.evaluation.box_files import read_text
from thermedge.files import replacing
from thermedge.runtime.track import Track

# start: the tracker was given the truth.  tracked: it saw the frame.  held: it was busy, so
# its last box stands.  failed: its box missed the truth, so it is started anew later.
# skipped: between a failure and the next start.
Event = Literal["start", "tracked", "held", "failed", "skipped"]
_EVENTS = ("start", "tracked", "held", "failed", "skipped")
_HEADER = ["frame", "x", "y", "w", "h", "score", "ms", "event", "state"]
_ERROR, _LABELS = "# error: ", "# labels: "
_NAN = math.nan


class Row(NamedTuple):
    """One frame of a result; the box is in the labels' coordinates, NaN if there is none."""

    frame: int  # of the sequence, from 0
    x: float
    y: float
    w: float
    h: float
    score: float  # the tracker's own, [0, 1]
    ms: float  # wall time of init or update; NaN where neither ran
    event: Event
    state: str  # of runtime.track.State, "" where there is none

    @classmethod
    def of(
        cls, frame: int, track: Track | None, ms: float, event: Event, *, origin_px: float = 0.0
    ) -> Row:
        """Return the row of a track, or of a frame without one."""
        if track is None:
            return cls(frame, _NAN, _NAN, _NAN, _NAN, _NAN, ms, event, "")
        x, y, w, h = track.box
        x, y = x + origin_px, y + origin_px
        return cls(frame, x, y, w, h, track.score, ms, event, track.state)


@dataclass(frozen=True, slots=True)
class Result:
    """One tracker on one sequence."""

    rows: tuple[Row, ...]  # of consecutive frames
    error: str = ""  # what the tracker threw; the frames from there on have no row
    labels: str = ""  # Sequence.digest of the labels that it was run with

    @property
    def start(self) -> int:
        """The first frame that there is a row of, 0 if there is none."""
        return self.rows[0].frame if self.rows else 0

    @property
    def boxes(self) -> NDArray[np.float64]:
        """(N, 4) x, y, w, h in the labels' coordinates."""
        return np.array([row[1:5] for row in self.rows], np.float64).reshape(-1, 4)

    @property
    def update_ms(self) -> NDArray[np.float64]:
        """Wall time of every update, ms; starts are left out."""
        return np.array([row.ms for row in self.rows if row.event != "start" and row.ms >= 0])


def write(path: Path, result: Result) -> None:
    """Write a result as CSV with a header; readers of the file never meet half of it."""
    text = io.StringIO()
    text.write(f"{_LABELS}{result.labels}\n")
    if result.error:
        text.write(_ERROR + " ".join(result.error.split()) + "\n")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_HEADER)
    table.writerows([[_written(value) for value in row] for row in result.rows])
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")


def _written(value: float | str) -> str:
    # A ten-thousandth of a px or ms is below anything that is measured here.
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def read(path: Path) -> Result:
    """Read what `write` wrote.

    Raises:
        DatasetError: The file is of another form.
    """
    lines = read_text(path).splitlines()
    labels, error = (_taken(lines, mark) for mark in (_LABELS, _ERROR))
    table = list(csv.reader(lines))
    if not table or table[0] != _HEADER:
        raise DatasetError(
            f"{path} is no result of thermedge evaluate: its header is not {','.join(_HEADER)}.",
            "Remove the file, and run the evaluation again.",
        )
    try:
        return Result(tuple(_row(cells) for cells in table[1:]), error, labels)
    except ValueError as problem:
        raise DatasetError(
            f"{path} is damaged: {problem}.", "Remove the file, and run the evaluation again."
        ) from problem


def _taken(lines: list[str], mark: str) -> str:
    """Remove a first line that begins with `mark`, and return what follows the mark."""
    return lines.pop(0)[len(mark) :] if lines and lines[0].startswith(mark) else ""


def _row(cells: list[str]) -> Row:
    frame, x, y, w, h, score, ms, event, state = cells
    if event not in _EVENTS:
        raise ValueError(f"an event is {event!r}, expected one of {', '.join(_EVENTS)}")
    box = float(x), float(y), float(w), float(h)
    return Row(int(frame), *box, float(score), float(ms), cast(Event, event), state)
