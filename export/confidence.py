"""What a bundle's scores are worth: probabilities counted on labelled recordings."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thermedge.bundle import Bundle
from thermedge.errors import DatasetError
from thermedge.evaluation import datasets, metrics, plan, scores
from thermedge.evaluation.results import Result
from thermedge.evaluation.sequences import Recording
from thermedge.evaluation.sequences import Sequence as Clip
from thermedge.export import accuracy, model_card
from thermedge.manifest import ConfidenceSpec

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Knots = tuple[tuple[float, float], ...]

MOST_KNOTS = 12
BINS = 10
FOLDS = 4
_RIGHT = 0.5  # IoU from which on a box is right
_MEASURED = ("tracking", "uncertain", "reacquired")  # states whose box the network gave
_LEAST_FRAMES = 100  # ten in each bin: with fewer the error itself is noise
_LEAST_COASTING = 100  # predicted boxes; of fewer no share is learned


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What a tracker said about frames whose truth is known; all but `coasting` have one length."""

    score: Floats  # of a measured box
    right: Flags  # whether that box overlaps the target
    clip: NDArray[np.int64]  # number of the frame's clip, from 0
    group: NDArray[np.str_]  # data set of the frame's clip
    coasting: Flags  # whether a predicted box overlaps the target, a frame each


@dataclass(frozen=True, slots=True)
class Bin:
    """Frames of neighbouring scores."""

    low: float  # score
    high: float
    predicted: float  # mean probability, by knots of other clips
    observed: float  # share of right boxes
    frames: int


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """How the knots of all other data sets do on one that they know nothing of."""

    group: str
    frames: int
    error_before: float  # of the score taken as a probability
    error_after: float


@dataclass(frozen=True, slots=True)
class Fitted:
    """What was learned, and how well it holds on clips it was not learned from."""

    spec: ConfidenceSpec
    bins: tuple[Bin, ...]
    elsewhere: tuple[Elsewhere, ...]  # empty where all clips are of one data set
    accuracy: tuple[scores.Average, ...]  # of each data set that has a scored clip


def read_clips(folders: Sequence[Path]) -> list[Clip]:
    """Read the labelled recordings that a track can start on, of every known layout.

    Raises:
        DatasetError: A folder has no known layout, a clip is in two folders, or there are
            too few.
    """
    clips = [
        clip
        for folder in folders
        for clip in datasets.read(folder).sequences
        if clip.start is not None
    ]
    if len(clips) < 2:
        raise DatasetError(
            f"{', '.join(map(str, folders))}: {len(clips)} labelled recordings with a target; "
            "2 or more are needed.",
            "Give more: what is learned on one clip has to be checked on another.",
        )
    _check_once(clips)
    return clips


def _check_once(clips: Sequence[Clip]) -> None:
    """Refuse a clip that is named twice: it would be checked on itself."""
    known: set[tuple[str, str]] = set()
    for clip in clips:
        assert isinstance(clip.frames, Recording)  # those of data sets on a disk are
        place = os.path.realpath(clip.frames.path)
        if (place, clip.digest) in known:
            raise DatasetError(
                f"The recording {place} is named twice.", "Name each --confidence FOLDER once."
            )
        known.add((place, clip.digest))


def fit(
    source: Bundle,
    clips: Sequence[Clip],
    *,
    workers: int = 1,
    tick: Callable[[], None] = lambda: None,
) -> Fitted:
    """Follow the targets of labelled clips, and learn how often each score is right.

    Args:
        source: Run by ONNX Runtime in the precision that it runs in unasked.
        clips: Two or more.
        workers: Processes.
        tick: Called after every clip.

    Raises:
        DatasetError: The tracker threw on a clip, or there are too few labelled frames.
    """
    precision = source.manifest.precision
    runs = list(accuracy.results(source.folder, clips, precision, workers=workers, tick=tick))
    seen = collect(runs)
    if len(seen.score) < _LEAST_FRAMES:
        raise DatasetError(
            f"The tracker measured {len(seen.score)} labelled frames of {len(clips)} clips; "
            f"{_LEAST_FRAMES} are needed.",
            "Give more or longer labelled recordings.",
        )
    held_out = cross_validated(seen)
    enough = len(seen.coasting) >= _LEAST_COASTING
    spec = ConfidenceSpec(
        knots=knots_of(seen.score, seen.right),
        coasting=float(seen.coasting.mean()) if enough else 0.0,
        clips=len(clips),
        frames=len(seen.score),
        error_before=calibration_error(seen.score, seen.score, seen.right),
        error_after=calibration_error(seen.score, held_out, seen.right),
        source=_source(clips, precision),
    )
    bins = tuple(reliability(seen.score, held_out, seen.right))
    return Fitted(spec, bins, tuple(elsewhere(seen)), tuple(reached(runs)))


def collect(runs: Sequence[tuple[Clip, Result]]) -> Seen:
    """Return the frames of all runs whose label says whether the box is right.

    A box where the labels say that there is no target is wrong; frames without a label, and
    the frames that tracks start on, are left out.
    """
    scores, right, numbers, groups, coasting = [], [], [], [], []
    # In the order of names: which clip is held out with which must not hang on who is done first.
    runs = sorted(runs, key=lambda run: (run[0].group, run[0].name))
    for number, (clip, result) in enumerate(runs):
        part = slice(result.start, result.start + len(result.rows))
        truth = clip.truth[part]
        known = metrics.has_area(truth)
        if clip.absent is not None:
            known |= clip.absent[part]
        overlaps = metrics.iou(result.boxes, truth) >= _RIGHT  # NaN, an absent target, is not
        states = np.array([row.state for row in result.rows])
        known &= np.array([row.event == "tracked" for row in result.rows], bool)
        measured = known & np.isin(states, _MEASURED)
        scores.append(np.array([row.score for row in result.rows], np.float64)[measured])
        right.append(overlaps[measured])
        numbers.append(np.full(int(measured.sum()), number))
        groups.append(np.full(int(measured.sum()), clip.group))
        coasting.append(overlaps[known & (states == "coasting")])
    return Seen(
        np.concatenate(scores),
        np.concatenate(right),
        np.concatenate(numbers),
        np.concatenate(groups),
        np.concatenate(coasting),
    )


def isotonic(values: Floats, weights: Floats) -> Floats:
    """Return the ascending sequence nearest to `values`, by weighted squares.

    Neighbours that descend are pooled to their mean until none does.

    Source: Ayer, Brunk, Ewing, Reid and Silverman 1955, pool adjacent violators.
    """
    means: list[float] = []
    sizes: list[float] = []
    counts: list[int] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        mean, size, count = value, weight, 1
        while means and means[-1] >= mean:
            before = sizes.pop()
            mean = (means.pop() * before + mean * size) / (before + size)
            size, count = size + before, count + counts.pop()
        means.append(mean)
        sizes.append(size)
        counts.append(count)
    return np.repeat(np.array(means, np.float64), counts)


def knots_of(score: Floats, right: Flags, *, most: int = MOST_KNOTS) -> Knots:
    """Return (score, probability) knots, ascending in both.

    Each level of the isotonic regression becomes a knot at its mean score. While there are too
    many, the two neighbours are merged whose merging costs the fit least. A wrong frame is added
    at the highest score and a right one at the lowest: however few they are, frames that were
    all right, or all wrong, make nothing certain.
    """
    score = np.append(score, (score.max(), score.min()))
    right = np.append(right, (False, True))
    places, which = np.unique(score, return_inverse=True)
    weights = np.bincount(which).astype(np.float64)
    shares = np.bincount(which, right.astype(np.float64)) / weights
    found, level = np.unique(isotonic(shares, weights), return_inverse=True)
    levels: Floats = found
    frames: Floats = np.bincount(level, weights).astype(np.float64)
    middles: Floats = np.bincount(level, weights * places) / frames
    while len(levels) > most:
        cost = frames[:-1] * frames[1:] / (frames[:-1] + frames[1:]) * np.diff(levels) ** 2
        at = int(cost.argmin())
        pair = slice(at, at + 2)
        middles[at] = np.average(middles[pair], weights=frames[pair])
        levels[at] = np.average(levels[pair], weights=frames[pair])
        frames[at] = frames[pair].sum()
        middles, levels = np.delete(middles, at + 1), np.delete(levels, at + 1)
        frames = np.delete(frames, at + 1)
    return tuple(zip(middles.tolist(), levels.tolist(), strict=True))


def probabilities(knots: Knots, score: Floats) -> Floats:
    """Return what the runtime would say of these scores."""
    places, chances = np.array(knots).T
    found: Floats = np.interp(score, places, chances)
    return found


def cross_validated(seen: Seen) -> Floats:
    """Return each frame's probability by knots of clips in other folds than its own."""
    clips, number = np.unique(seen.clip, return_inverse=True)  # some gave no frame to learn from
    fold = number % min(FOLDS, len(clips))
    found = np.empty_like(seen.score)
    for which in np.unique(fold):
        inside = fold == which
        if inside.all():  # only one clip had frames to learn from
            raise DatasetError(
                "Only one recording has labelled frames with a measured box.",
                "Give more: what is learned on one clip has to be checked on another.",
            )
        knots = knots_of(seen.score[~inside], seen.right[~inside])
        found[inside] = probabilities(knots, seen.score[inside])
    return found


def elsewhere(seen: Seen) -> Iterator[Elsewhere]:
    """Yield the errors on each data set, by knots of the others alone.

    This is what a user of another camera has to expect: clips of one data set are alike.
    """
    for group in np.unique(seen.group):
        inside = seen.group == group
        if inside.all():
            return
        score, right = seen.score[inside], seen.right[inside]
        found = probabilities(knots_of(seen.score[~inside], seen.right[~inside]), score)
        yield Elsewhere(
            str(group),
            len(score),
            calibration_error(score, score, right),
            calibration_error(score, found, right),
        )


def calibration_error(score: Floats, predicted: Floats, right: Flags) -> float:
    """Return the expected calibration error over BINS bins of equally many frames.

    Bins are by score, also for probabilities made of scores: so both are told apart on the
    same frames, and a flat stretch of probabilities is not one large bin of small error.
    """
    bins = list(reliability(score, predicted, right))
    gaps = [one.frames * abs(one.predicted - one.observed) for one in bins]
    return float(sum(gaps) / len(score))


def reliability(score: Floats, predicted: Floats, right: Flags) -> Iterator[Bin]:
    """Yield the bins in ascending order of the score."""
    order = np.argsort(score, kind="stable")
    for part in np.array_split(order, BINS):
        if len(part):
            yield Bin(
                low=float(score[part[0]]),
                high=float(score[part[-1]]),
                predicted=float(predicted[part].mean()),
                observed=float(right[part].mean()),
                frames=len(part),
            )


def reached(runs: Sequence[tuple[Clip, Result]]) -> Iterator[scores.Average]:
    """Yield the mean scores of each data set, by the name of the group."""
    protocol = plan.read(accuracy.PROTOCOL)
    groups: dict[str, list[scores.SequenceScore]] = {}
    for clip, result in sorted(runs, key=lambda run: (run[0].group, run[0].name)):
        found = scores.of_sequence(result, clip, metrics.PLAIN, protocol)
        groups.setdefault(clip.group, []).append(found)
    for group, found_of_group in groups.items():
        average = scores.average("", group, found_of_group)
        if average.num_scored:
            yield average


def add_to_card(folder: Path, fitted: Fitted) -> None:
    """Write both tables into the model card in `folder`, in the place of older ones."""
    if fitted.accuracy:
        model_card.put(folder, model_card.accuracy(fitted.accuracy, fitted.spec.source))
    model_card.put(folder, section(fitted))


def section(fitted: Fitted) -> str:
    """Return the part of the model card about confidence, Markdown."""
    spec = fitted.spec
    rows = "\n".join(
        f"| {one.low:.3f} to {one.high:.3f} | {one.predicted:.3f} | {one.observed:.3f} "
        f"| {one.frames:,} |"
        for one in fitted.bins
    )
    return f"""## Confidence

How often a box of a score overlaps the true one by an IoU of {_RIGHT} or more, over
{spec.frames:,} measured frames of {spec.clips} labelled clips ({spec.source}).
"Predicted" is by knots of other clips, in {min(FOLDS, spec.clips)} folds.

Taken as a probability, the score is off by {spec.error_before:.3f} on average over these
bins, `confidence` by {spec.error_after:.3f}. While the target is missing for some frames it
is at most {spec.coasting:.3f}; for a lost target it is 0.

| score | predicted | observed | frames |
|---|---|---|---|
{rows}

{_warning(fitted.elsewhere)}
"""


def _warning(found: Sequence[Elsewhere]) -> str:
    """Return what to expect of recordings that are unlike these."""
    if not found:
        return (
            "All clips are of one data set: what recordings of other cameras and scenes give is "
            "not known."
        )
    rows = "\n".join(
        f"| {one.group} | {one.frames:,} | {one.error_before:.3f} | {one.error_after:.3f} |"
        for one in found
    )
    return f"""How far that holds for recordings of another kind, a data set left out whole tells.
By knots of the others alone it is off by:

| data set left out | frames | score | `confidence` |
|---|---|---|---|
{rows}

For a camera of your own, learn from labelled recordings of it:
`thermedge export BUNDLE -o OUT --confidence FOLDER`."""


def _source(clips: Sequence[Clip], precision: str) -> str:
    groups = Counter(clip.group for clip in clips)
    told = ", ".join(f"{count} of {group}" for group, count in sorted(groups.items()))
    protocol = plan.read(accuracy.PROTOCOL)
    return f"{told}; {protocol.summary}; {precision} by ONNX Runtime"
