"""Run a tracker over a sequence, and record what it says."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from time import perf_counter_ns
from types import TracebackType
from typing import Protocol

import numpy as np

from thermedge.evaluation import metrics
from thermedge.evaluation.metrics import PLAIN, Conventions, Floats, FrameErrors, Score
from thermedge.evaluation.results import Event, Result, Row
from thermedge.evaluation.sequences import Sequence
from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.runtime.track import Track


class Tracker(Protocol):
    """What can be evaluated: the runtime's tracker, and every peer that acts like it."""

    def init(self, frame: Frame, box: Box) -> Track:
        """Start, or start anew, on the target in `box`."""
        ...

    def update(self, frame: Frame) -> Track:
        """Find the target in the next frame."""
        ...

    def close(self) -> None:
        """Let go of what the tracker holds."""
        ...


class Recorder:
    """Collects the rows of one sequence, and ends it when the tracker throws.

    As a context manager it turns any error of its body into the result's `error`, so that
    one bad sequence does not end an evaluation of hours; interrupts pass through.
    """

    def __init__(self, tracker: Tracker, sequence: Sequence) -> None:
        self._tracker = tracker
        self._sequence = sequence
        self._rows: list[Row] = []
        self._error = ""

    def init(self, number: int, frame: Frame, box: Box) -> float:
        """Start the tracker on frame `number` of the sequence; return the time it took, ms."""
        began = perf_counter_ns()
        track = self._tracker.init(frame, box)
        return self.add(number, track, _ms_since(began), "start")

    def update(self, number: int, frame: Frame) -> float:
        """Show the tracker frame `number`; return the time it took, ms."""
        began = perf_counter_ns()
        track = self._tracker.update(frame)
        return self.add(number, track, _ms_since(began), "tracked")

    def add(self, number: int, track: Track | None, ms: float, event: Event) -> float:
        """Append one row, and return `ms`."""
        self._rows.append(Row.of(number, track, ms, event, origin_px=self._sequence.origin_px))
        return ms

    def append(self, row: Row) -> None:
        """Append a finished row."""
        self._rows.append(row)

    def replace(self, row: Row) -> None:
        """Put another row in the place of the last one."""
        self._rows[-1] = row

    def mark(self, event: Event) -> None:
        """Change the event of the last row."""
        self.replace(self.last._replace(event=event))

    @property
    def last(self) -> Row:
        """The last row."""
        return self._rows[-1]

    @property
    def result(self) -> Result:
        """Everything so far."""
        return Result(tuple(self._rows), self._error, self._sequence.digest)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self._error = f"{type(error).__name__}: {error}"
        return True


def one_pass(tracker: Tracker, sequence: Sequence, *, max_frames: int = 0) -> Result:
    """Start on the first frame that has a truth, and follow from there.

    Args:
        tracker: Reused: it is started anew.
        sequence: What to run on.
        max_frames: End after so many frames from the start on; 0 runs to the end.

    Returns:
        One row per frame; none if the sequence has no truth at all.
    """
    start = sequence.start
    with Recorder(tracker, sequence) as recorder:
        if start is None:
            return recorder.result
        end = end_of(sequence, start, max_frames)
        with closing(sequence.frames.open(start, None)) as frames:
            for number, frame in zip(range(start, end), frames):  # noqa: B905  whichever ends first
                if number == start:
                    recorder.init(number, frame, sequence.box(number))
                else:
                    recorder.update(number, frame)
    return recorder.result


def end_of(sequence: Sequence, start: int, max_frames: int) -> int:
    """Return the frame before which a run from `start` ends; 0 frames mean all."""
    return min(len(sequence), start + max_frames) if max_frames else len(sequence)


def frame_errors(
    result: Result,
    sequence: Sequence,
    conventions: Conventions = PLAIN,
    *,
    max_frames: int = 0,
    frame_px: tuple[int, int] | None = None,
) -> FrameErrors:
    """Measure a result against its sequence, from the frame it started on.

    Frames after the tracker threw count as misses; frames that the recording did not have
    do not count.
    """
    boxes = result.boxes
    # A tracker that threw before its first row missed what it should have followed.
    start = result.start if len(boxes) else sequence.start or 0
    errors = _part_errors(boxes, start, sequence, conventions, frame_px)
    if not result.error:
        return errors
    # Measured apart: where a missing prediction repeats the last one, a crash must not.
    missed = end_of(sequence, start, max_frames) - start - len(boxes)
    misses = replace(conventions, invalid_prediction="miss", first_frame="kept")
    nothing = np.full((max(missed, 0), 4), np.nan)
    rest = _part_errors(nothing, start + len(boxes), sequence, misses, frame_px)
    return metrics.joined(errors, rest)


def _part_errors(
    boxes: Floats,
    start: int,
    sequence: Sequence,
    conventions: Conventions,
    frame_px: tuple[int, int] | None,
) -> FrameErrors:
    part = slice(start, start + len(boxes))
    second, visible = sequence.second_truth, sequence.visible
    return metrics.measure(
        boxes,
        sequence.truth[part],
        conventions,
        second_truth=None if second is None else second[part],
        frame_px=frame_px,
        visible=None if visible is None else visible[part],
    )


def scored(
    result: Result, sequence: Sequence, conventions: Conventions = PLAIN, *, max_frames: int = 0
) -> Score:
    """Return the score of one sequence."""
    return metrics.score(
        frame_errors(result, sequence, conventions, max_frames=max_frames), conventions
    )


def _ms_since(began_ns: int) -> float:
    return (perf_counter_ns() - began_ns) / 1e6
