"""How much longer one tracker takes than another, with an interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thermedge.errors import SourceError
from thermedge.profiling.latency import COLUMNS, Floats, are_updates, are_warm
from thermedge.profiling.runs import LEAST_FRAMES, Run

_RESAMPLES = 2000
_BLOCK = 25  # frames: neighbours are alike, so whole blocks are drawn
_MEASURED = (1, 2, 5)  # tracking, uncertain, reacquired, as places of latency.STATES


@dataclass(frozen=True, slots=True)
class Ratio:
    """Time of one tracker over that of another."""

    name: str
    to: str
    ratio: float  # of the medians
    low: float  # bootstrap 95 % interval
    high: float
    frames: int  # in which both had the target in sight


def ratio(run: Run, to: Run, *, warm_up: int, seed: int = 0) -> Ratio:
    """Compare two runs of `runs.in_turns`, frame by frame.

    Only frames count in which both have the target in sight: without it a tracker searches,
    and does other work than following.

    Raises:
        SourceError: There are too few such frames.
    """
    one, other = _both_in_sight(run.times.rows(), to.times.rows(), warm_up)
    if len(one) < LEAST_FRAMES:
        raise SourceError(
            f"{run.name} and {to.name} both had the target in sight in {len(one)} frames after "
            f"the warm-up; a comparison needs {LEAST_FRAMES}.",
            "Compare on a longer or an easier source.",
        )
    drawn = _blocks(len(one), np.random.default_rng(seed))
    ratios = np.median(one[drawn], axis=1) / np.median(other[drawn], axis=1)
    low, high = np.percentile(ratios, [2.5, 97.5])
    middle = float(np.median(one) / np.median(other))
    return Ratio(run.name, to.name, middle, float(low), float(high), len(one))


def _both_in_sight(one: Floats, other: Floats, warm_up: int) -> tuple[Floats, Floats]:
    shared = min(len(one), len(other))  # Ctrl-C may come when one has seen a frame more
    one, other = one[:shared], other[:shared]
    keep = np.ones(shared, bool)
    for rows in (one, other):
        in_sight = np.isin(rows[:, COLUMNS.index("state")], _MEASURED)
        keep &= in_sight & are_updates(rows) & are_warm(rows, warm_up)
    tracker = COLUMNS.index("tracker")
    return one[keep, tracker], other[keep, tracker]


def _blocks(count: int, random: np.random.Generator) -> NDArray[np.intp]:
    """Return (resamples, about count) indices, drawn in blocks of neighbours."""
    length = min(_BLOCK, count)
    starts = random.integers(0, count - length + 1, (_RESAMPLES, -(-count // length)))
    return (starts[:, :, None] + np.arange(length)).reshape(_RESAMPLES, -1)
