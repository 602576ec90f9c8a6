"""Turn results into numbers: first per sequence, then averaged with their uncertainty."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from thermedge.errors import SourceError
from thermedge.evaluation import reset, what_if
from thermedge.evaluation.datasets.layout import DataSet
from thermedge.evaluation.metrics import (
    Conventions,
    Floats,
    FrameErrors,
    Score,
    score,
    state_accuracy,
)
from thermedge.evaluation.plan import Plan
from thermedge.evaluation.results import Result
from thermedge.evaluation.run import end_of, frame_errors
from thermedge.evaluation.sequences import Sequence, frame_size

_RESAMPLES = 2000
_CURVES = ("success", "precision", "norm_precision")


@dataclass(frozen=True, slots=True)
class SequenceScore:
    """One contender on one sequence."""

    sequence: str
    measures: Mapping[str, float]  # see MEASURES; NaN where there is nothing to score
    weight: float  # in the average: 1, or its frames
    curves: Mapping[str, Floats] = field(default_factory=dict)  # by name, over the thresholds
    fragments: tuple[reset.Fragment, ...] = ()  # of the reset protocol
    error: str = ""  # what the tracker threw
    update_ms: Floats = field(default_factory=lambda: np.empty(0))
    what_if: Mapping[str, float] = field(default_factory=dict)  # see what_if.WHAT_IFS

    @property
    def is_scored(self) -> bool:
        """Whether there was anything to score."""
        return self.weight > 0


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its bootstrap 95 % interval over sequences."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Average:
    """One contender over one group of sequences."""

    contender: str
    group: str
    num_scored: int
    num_failed: int  # sequences whose tracker threw
    measures: Mapping[str, Interval]
    curves: Mapping[str, Floats]
    update_ms: float  # median over all frames; NaN where nothing was timed
    what_if: Mapping[str, float] = field(default_factory=dict)  # means; see what_if.WHAT_IFS


# measure -> what it is called in reports. A protocol fills those that it has.
MEASURES = {
    "success_auc": "success AUC",
    "precision": "precision",
    "norm_precision": "norm. precision @0.2",
    "norm_precision_auc": "norm. precision AUC",
    "average_overlap": "AO",
    "success_50": "SR 0.5",
    "success_75": "SR 0.75",
    "state_accuracy": "state accuracy",
    "frames_seen": "frames seen",
    "eao": "EAO",
    "accuracy": "accuracy",
    "failures": "failures",
}


def of_sequence(
    result: Result, sequence: Sequence, conventions: Conventions, plan: Plan
) -> SequenceScore:
    """Score one result.

    Where boxes have to be cut to a frame whose size can't be read, the sequence counts as one
    whose tracker threw at once.
    """
    size = None
    if conventions.bounded and result.rows:
        try:
            size = frame_size(sequence)
        except SourceError as error:
            threw = result.error or f"SourceError: {error.problem}"
            result = replace(result, rows=(), error=threw)
    if size is None:  # there is nothing to cut
        conventions = replace(conventions, bounded=False)
    if plan.kind == "reset":
        return _of_resets(result, sequence, plan, size)

    def errors(of: Result) -> FrameErrors:
        return frame_errors(of, sequence, conventions, max_frames=plan.max_frames, frame_px=size)

    found = score(errors(result), conventions)
    measures = _measures(found)
    part = slice(result.start, result.start + len(result.rows))
    if sequence.absent is not None:
        says = np.array([row.state == "lost" for row in result.rows], bool)
        says |= ~np.isfinite(result.boxes).all(axis=1)
        measures["state_accuracy"] = state_accuracy(
            result.boxes, sequence.truth[part], sequence.absent[part], says
        )
    if plan.kind == "real_time":
        seen = [row.event != "held" or row.ms >= 0 for row in result.rows]
        measures["frames_seen"] = float(np.mean(seen)) if seen else math.nan
    return SequenceScore(
        sequence.name,
        measures,
        weight=_weight(found.frames, conventions),
        curves={name: getattr(found, name) for name in _CURVES},
        error=result.error,
        update_ms=result.update_ms,
        what_if=what_if.of(result, sequence.truth[part], errors, conventions),
    )


def _measures(found: Score) -> dict[str, float]:
    return {
        "success_auc": found.success_auc,
        "precision": found.precision_at,
        "norm_precision": found.norm_precision_at,
        "norm_precision_auc": found.norm_precision_auc,
        "average_overlap": found.average_overlap,
        "success_50": found.success_50,
        "success_75": found.success_75,
    }


def _of_resets(
    result: Result, sequence: Sequence, plan: Plan, size: tuple[int, int] | None
) -> SequenceScore:
    found = reset.scored(result, sequence, plan, frame_px=size)
    return SequenceScore(
        sequence.name,
        {"accuracy": found.accuracy, "failures": float(found.failures)},
        weight=float(found.frames),
        fragments=found.fragments,
        error=result.error,
        update_ms=result.update_ms,
    )


def _weight(frames: int, conventions: Conventions) -> float:
    return float(frames) if conventions.average == "frames" else float(frames > 0)


def average(
    contender: str,
    group: str,
    scores: Iterable[SequenceScore],
    lengths: tuple[int, int] | None = None,
) -> Average:
    """Average the scores of sequences, and say how far chance could move each number.

    Args:
        contender: Its name.
        group: What the sequences are called together.
        scores: One per sequence; those without anything to score are left out.
        lengths: The EAO's interval, where the protocol has one.
    """
    kept = [found for found in scores if found.is_scored]
    weights = np.array([found.weight for found in kept])
    names = [name for name in MEASURES if kept and name in kept[0].measures]
    draws = _draws(len(kept))
    intervals = {
        name: interval(np.array([found.measures[name] for found in kept]), weights, draws)
        for name in names
    }
    if lengths is not None and kept:
        intervals["eao"] = _eao(kept, lengths, draws)
    times = [found.update_ms for found in kept if len(found.update_ms)]
    return Average(
        contender,
        group,
        num_scored=len(kept),
        num_failed=sum(bool(found.error) for found in kept),
        measures=intervals,
        curves=_mean_curves(kept, weights),
        update_ms=float(np.median(np.concatenate(times))) if times else math.nan,
        what_if=_mean_what_ifs(kept, weights),
    )


def interval(values: Floats, weights: Floats, draws: NDArray[np.int64]) -> Interval:
    """Return the weighted mean of (S,) values and its interval over the (R, S) draws.

    A NaN value is left out: a sequence may have no frame for a measure.
    """
    known = np.where(np.isnan(values), 0.0, weights)
    total = known.sum()
    if not total:
        return Interval(math.nan, math.nan, math.nan)
    filled = np.nan_to_num(values)
    drawn = draws @ known
    with np.errstate(invalid="ignore"):
        means = (draws @ (known * filled)) / drawn
    low, high = np.nanpercentile(means, [2.5, 97.5])
    return Interval(float(known @ filled / total), float(low), float(high))


def difference(
    one: Mapping[str, SequenceScore], other: Mapping[str, SequenceScore], measure: str
) -> tuple[Interval, int]:
    """Return the mean of one minus other over the sequences that both have, and their number."""
    names = [
        name
        for name in one
        if name in other and one[name].is_scored and measure in other[name].measures
    ]
    values = np.array([one[n].measures[measure] - other[n].measures[measure] for n in names])
    weights = np.array([one[name].weight for name in names])
    return interval(values, weights, _draws(len(names))), len(names)


def eao_lengths(data: DataSet, plan: Plan) -> tuple[int, int] | None:
    """Return the interval of lengths of the EAO: the protocol's, or that of the data set's runs.

    None where there is no EAO: in other protocols, without labels, and where all runs end
    before the protocol's longest length, of which failures alone would tell then.
    """
    if plan.kind != "reset":
        return None
    if plan.eao_lengths:
        low, high = plan.eao_lengths
        return None if 0 < plan.max_frames < high else (low, high)
    lengths = [
        end_of(sequence, sequence.start, plan.max_frames) - sequence.start
        for sequence in data.sequences
        if sequence.start is not None
    ]
    return reset.typical_lengths(lengths) if lengths else None


def _draws(count: int) -> NDArray[np.int64]:
    """Return how often each of `count` sequences is in each resample, (R, count)."""
    if not count:
        return np.zeros((_RESAMPLES, 0), np.int64)
    # Seeded: the same scores always have the same interval.
    return np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), _RESAMPLES)


def _eao(kept: list[SequenceScore], lengths: tuple[int, int], draws: NDArray[np.int64]) -> Interval:
    curves = reset.OverlapCurves([found.fragments for found in kept], lengths)
    values = [curves.eao(times) for times in draws[:500]]
    if all(math.isnan(value) for value in values):
        return Interval(math.nan, math.nan, math.nan)
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return Interval(curves.eao(), float(low), float(high))


def _mean_what_ifs(kept: list[SequenceScore], weights: Floats) -> dict[str, float]:
    names = kept[0].what_if if kept else ()
    return {
        name: _known_mean(np.array([found.what_if[name] for found in kept]), weights)
        for name in names
    }


def _known_mean(values: Floats, weights: Floats) -> float:
    known = ~np.isnan(values)
    return float(np.average(values[known], weights=weights[known])) if known.any() else math.nan


def _mean_curves(kept: list[SequenceScore], weights: Floats) -> dict[str, Floats]:
    if not kept:
        return {}
    return {
        name: np.average([found.curves[name] for found in kept], axis=0, weights=weights)
        for name in kept[0].curves
    }
