"""Tracking accuracy of a bundle in one precision, clip by clip."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from thermedge.errors import DatasetError
from thermedge.evaluation import contenders, jobs, plan, scores
from thermedge.evaluation.metrics import PLAIN
from thermedge.evaluation.results import Result
from thermedge.evaluation.scores import Interval, SequenceScore
from thermedge.evaluation.sequences import Sequence as Clip

MEASURE = "success_auc"
PROTOCOL = "short"

Scores = Mapping[str, SequenceScore]


def measure(
    folder: Path,
    clips: Sequence[Clip],
    precision: str,
    *,
    workers: int = 1,
    tick: Callable[[], None] = lambda: None,
) -> dict[str, SequenceScore]:
    """Run the bundle in `folder` over labelled clips by ONNX Runtime, one pass each.

    Args:
        folder: A bundle.
        clips: With the truth about their targets.
        precision: "fp32" or "int8".
        workers: Processes.
        tick: Called after every clip.

    Returns:
        "group/name" of each clip -> its score.

    Raises:
        DatasetError: The tracker threw on a clip.
    """
    protocol = plan.read(PROTOCOL)
    return {
        f"{clip.group}/{clip.name}": scores.of_sequence(result, clip, PLAIN, protocol)
        for clip, result in results(folder, clips, precision, workers=workers, tick=tick)
    }


def results(
    folder: Path,
    clips: Sequence[Clip],
    precision: str,
    *,
    workers: int = 1,
    tick: Callable[[], None] = lambda: None,
) -> Iterator[tuple[Clip, Result]]:
    """Yield what the bundle in `folder` does on each clip, as it is done; else as `measure`."""
    protocol = plan.read(PROTOCOL)
    contender = contenders.from_bundle(folder, backend="ort", precision=precision)
    for done in jobs.run_all(
        [jobs.Job(clip, (contender,), protocol) for clip in clips], workers=workers
    ):
        clip = done.job.sequence
        (result,) = done.results.values()
        if result.error:
            raise DatasetError(
                f"The tracker failed on {clip.name}: {result.error}.",
                "Leave this recording out, and tell us.",
            )
        yield clip, result
        tick()


def mean(found: Scores) -> float:
    """Return the mean success AUC."""
    return float(np.mean([score.measures[MEASURE] for score in found.values()]))


def apart(before: Scores, after: Scores) -> float:
    """Return how far a clip's success AUC is from what it was, in the mean over clips."""
    return float(
        np.mean([abs(before[c].measures[MEASURE] - after[c].measures[MEASURE]) for c in before])
    )


def lost(before: Scores, after: Scores) -> Interval:
    """Return before - after, its mean and its paired bootstrap 95 % interval."""
    return scores.difference(before, after, MEASURE)[0]
