"""VOT's supervised protocol: a tracker that loses its target is started anew, and it counts.

Source: votchallenge/toolkit, vot/experiment/multirun.py and vot/analysis/supervised.py (2026-05);
the interval of lengths: votchallenge/vot-toolkit, expected overlap analysis (2020-11).
"""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thermedge.evaluation.metrics import Floats, bounded, has_area, iou
from thermedge.evaluation.plan import Plan
from thermedge.evaluation.polygons import iou_with_box
from thermedge.evaluation.results import Event, Result
from thermedge.evaluation.run import Recorder, Tracker, end_of
from thermedge.evaluation.sequences import Sequence


@dataclass(frozen=True, slots=True)
class Fragment:
    """The overlaps from one start up to the frame before a failure, or to the end."""

    overlaps: Floats  # (N,) IoU by frame; the first is the start's own and never counts
    failed: bool


@dataclass(frozen=True, slots=True)
class ResetScore:
    """What the protocol says of one sequence."""

    accuracy: float  # mean IoU of tracked frames after burn-in; NaN if there is none
    failures: int
    frames: int  # from the first start on
    fragments: tuple[Fragment, ...]


def run_with_resets(tracker: Tracker, sequence: Sequence, plan: Plan) -> Result:
    """Follow the target; where the box misses the truth altogether, start anew later.

    The next start is `plan.skip_frames` after the failure, or on the first frame with a
    truth after that. Frames without a truth can't fail.
    """
    start = sequence.start
    with Recorder(tracker, sequence) as recorder:
        if start is None:
            return recorder.result
        usable = has_area(sequence.truth)
        end = end_of(sequence, start, plan.max_frames)
        is_waiting, resume = True, start
        with closing(sequence.frames.open(start, None)) as frames:
            for number, frame in zip(range(start, end), frames):  # noqa: B905
                if is_waiting and (number < resume or not usable[number]):
                    recorder.add(number, None, math.nan, "skipped")
                elif is_waiting:
                    recorder.init(number, frame, sequence.box(number))
                    is_waiting = False
                else:
                    recorder.update(number, frame)
                    box = np.array(recorder.last[1:5])
                    if usable[number] and overlap(box, sequence, number) <= 0:
                        recorder.mark("failed")
                        is_waiting, resume = True, number + plan.skip_frames
    return recorder.result


def overlap(box: Floats, sequence: Sequence, number: int, bounds: Floats | None = None) -> float:
    """Return the IoU of a box (x, y, w, h as labelled) with the truth of a frame.

    Args:
        box: (4,); a NaN makes it 0.
        sequence: Whose truth is meant: its polygon where it has one.
        number: The frame.
        bounds: (width, height) to cut both to, if any.
    """
    if not np.isfinite(box).all():
        return 0.0
    if sequence.polygons is not None:
        return iou_with_box(sequence.polygons[number].reshape(-1, 2), box, bounds)
    pair = np.vstack([box, sequence.truth[number]])
    if bounds is not None:
        pair = bounded(pair, (bounds[0], bounds[1]))
    return float(iou(pair[:1], pair[1:])[0])


def scored(
    result: Result, sequence: Sequence, plan: Plan, *, frame_px: tuple[int, int] | None
) -> ResetScore:
    """Return accuracy, failures and fragments of one sequence's result.

    Args:
        result: From `run_with_resets`, or VOT's own file.
        sequence: The same one.
        plan: For the burn-in.
        frame_px: (width, height) to cut boxes to; None leaves them as they are
            (VOT-TIR2015).
    """
    usable = has_area(sequence.truth)
    bounds = None if frame_px is None else np.asarray(frame_px, np.float64)
    events = [row.event for row in result.rows]
    overlaps = np.full(len(events), np.nan)
    for i, row in enumerate(result.rows):
        if row.event == "start":
            overlaps[i] = 1.0
        elif row.event == "tracked" and usable[row.frame]:
            overlaps[i] = overlap(np.array(row[1:5]), sequence, row.frame, bounds)
    counted = np.array([event == "tracked" for event in events], bool) & ~np.isnan(overlaps)
    starts = [i for i, event in enumerate(events) if event == "start"]
    for i in starts:
        counted[i : i + plan.burn_in_frames] = False
    return ResetScore(
        accuracy=float(overlaps[counted].mean()) if counted.any() else math.nan,
        failures=events.count("failed") + bool(result.error),
        frames=_num_frames(result, sequence, plan),
        fragments=tuple(_fragments(events, np.nan_to_num(overlaps), starts, bool(result.error))),
    )


def _num_frames(result: Result, sequence: Sequence, plan: Plan) -> int:
    """Return the frames of the run, with those that a tracker that threw never saw."""
    if result.error and sequence.start is not None:
        return end_of(sequence, sequence.start, plan.max_frames) - sequence.start
    return len(result.rows)


def _fragments(
    events: list[Event], overlaps: Floats, starts: list[int], threw: bool
) -> list[Fragment]:
    if threw and not starts:
        return [Fragment(np.ones(1), failed=True)]
    fragments = []
    for number, start in enumerate(starts):
        stop = starts[number + 1] if number + 1 < len(starts) else len(events)
        failure = next((i for i in range(start, stop) if events[i] == "failed"), None)
        failed = failure is not None or (threw and stop == len(events))
        fragments.append(Fragment(overlaps[start : stop if failure is None else failure], failed))
    return fragments


class OverlapCurves:
    """The expected overlap of a tracker by sequence length, and its average: EAO.

    A run of N frames is expected to overlap by the mean, over all fragments that tell, of
    the mean overlap of frames 2 to N. A fragment that failed tells of every length: its
    overlap is 0 from the failure on. One that reached its sequence's end tells up to there.
    """

    def __init__(self, fragments: list[tuple[Fragment, ...]], lengths: tuple[int, int]) -> None:
        """Prepare the curves.

        Args:
            fragments: Those of every sequence.
            lengths: Lowest and highest length that EAO averages over.
        """
        self._low, self._high = lengths
        self._owner = np.array([i for i, few in enumerate(fragments) for _ in few], int)
        flat = [fragment for few in fragments for fragment in few]
        self._means = np.zeros((len(flat), self._high))
        self._tells = np.zeros((len(flat), self._high), bool)
        for row, fragment in enumerate(flat):
            self._fill(row, fragment)

    def _fill(self, row: int, fragment: Fragment) -> None:
        overlaps = np.zeros(self._high)
        known = fragment.overlaps[: self._high]
        overlaps[: len(known)] = known
        sums = np.cumsum(overlaps[1:])
        self._means[row, 0] = 1.0
        self._means[row, 1:] = sums / np.arange(1, self._high)
        self._tells[row, : self._high if fragment.failed else len(known)] = True

    def eao(self, times: NDArray[np.int64] | None = None) -> float:
        """Return the expected average overlap; NaN where no fragment is long enough.

        Args:
            times: (S,) how often each sequence counts, for the bootstrap; once each by default.
        """
        weights = np.ones(len(self._owner)) if times is None else times[self._owner].astype(float)
        telling = weights @ self._tells
        with np.errstate(invalid="ignore"):
            curve = (weights @ (self._means * self._tells)) / telling
        part = curve[self._low - 1 : self._high]
        return float(np.nanmean(part)) if np.isfinite(part).any() else math.nan


def typical_lengths(lengths: list[int], mass: float = 0.5) -> tuple[int, int]:
    """Return the interval around the commonest length that holds `mass` of all lengths.

    Lengths are smoothed by a Gaussian whose width is the plug-in estimate of Wand and Jones,
    then the interval grows from the mode to whichever side is denser.
    """
    points = np.array(lengths, np.float64)
    longest = int(points.max())
    if len(points) < 2 or points.std() == 0:
        return min(2, longest), longest
    grid = np.arange(1, longest + 1)
    width = _kernel_width(points)
    density = np.exp(-0.5 * ((grid[:, None] - points) / width) ** 2).sum(axis=1)
    density /= density.sum()
    low = high = int(density.argmax())
    while density[low : high + 1].sum() < mass and (low > 0 or high < longest - 1):
        below = density[low - 1] if low > 0 else -1.0
        above = density[high + 1] if high < longest - 1 else -1.0
        low, high = (low - 1, high) if below > above else (low, high + 1)
    return max(low + 1, min(2, longest)), high + 1


def _kernel_width(points: Floats) -> float:
    """Return the standard deviation of the smoothing kernel."""
    count, spread = len(points), float(points.std())
    gaps = (points[:, None] - points) / spread
    pilot = (4 / (3 * count)) ** 0.4  # variance of the pilot kernel
    m = gaps**2 / pilot
    fourth = (m * m - 6 * m + 3) * np.exp(-m / 2) / (math.sqrt(2 * math.pi) * pilot**2.5)
    roughness = float(fourth.mean())
    return spread * float((1 / (count * math.sqrt(4 * math.pi) * roughness)) ** 0.2)
