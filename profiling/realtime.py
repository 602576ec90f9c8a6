"""How accurate a tracker is on a camera that does not wait, at the pace measured here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from thermedge.errors import DatasetError
from thermedge.evaluation import plan, scores
from thermedge.evaluation.datasets.layout import DataSet
from thermedge.evaluation.metrics import PLAIN, Conventions
from thermedge.evaluation.realtime import run_in_real_time
from thermedge.evaluation.run import Tracker
from thermedge.evaluation.scores import Interval
from thermedge.evaluation.sequences import Sequence as Clip
from thermedge.runtime.sources.base import FrameSource
from thermedge.runtime.sources.synthetic import open_synthetic

RATES_HZ = (9.0, 25.0, 30.0, 60.0)
_SCENE_SEEDS = (3, 8, 21)
_SCENE_S = 3.0
_MOST_LATENCIES = 5000


@dataclass(frozen=True, slots=True)
class AtRate:
    """Accuracy on a camera of one frame rate."""

    rate_hz: float
    success_auc: Interval
    at_once: float  # success AUC of a tracker that takes no time
    frames_seen: float  # share


@dataclass(frozen=True, slots=True)
class Scenes:
    """Generated scenes as frames of an evaluation; made at the rate they are seen at."""

    seed: int
    rate_hz: float

    def open(self, start_frame: int, rate_hz: float | None) -> FrameSource:
        """Open the scene; it starts with frame 0, whose target is known."""
        assert start_frame == 0
        return open_synthetic(self._uri)

    @property
    def clip(self) -> Clip:
        """The scene with its truth."""
        source = open_synthetic(self._uri)
        truth = np.array([tuple(box) for box in source.truths])
        return Clip(f"scene {self.seed}", "generated scenes", self, truth)

    @property
    def _uri(self) -> str:
        frames = round(_SCENE_S * self.rate_hz)
        return f"synthetic:scene=random,seed={self.seed},rate={self.rate_hz:g},frames={frames}"


def measure(
    tracker: Tracker,
    latencies_ms: Sequence[float],
    *,
    data: DataSet | None = None,
    max_frames: int = 300,
    watch: Callable[[str], None] = lambda text: None,
) -> list[AtRate]:
    """Feed measured latencies to the real-time protocol of `thermedge evaluate`.

    The times are simulated: the tracker runs here as fast as it can, and gets only the
    frames that it would have been in time for, if it took the given latencies in turns.

    Args:
        tracker: Started anew on every sequence.
        latencies_ms: Of the updates of a run, in their order.
        data: Recordings with truth, whose frames come at each rate; None generates scenes,
            which move as fast at every rate.
        max_frames: Per recording; 0 for all.
        watch: Called with what is run now.

    Raises:
        ThermedgeError: Of a recording or the tracker.
    """
    known = tuple(float(ms) for ms in latencies_ms[-_MOST_LATENCIES:])
    found = []
    for rate_hz in RATES_HZ:
        clips, conventions = _clips(data, rate_hz)
        watch(f"accuracy at {rate_hz:g} Hz")
        told = _scored(tracker, clips, conventions, _rules(rate_hz, known, max_frames))
        at_once = told
        if max(known) > 1e3 / rate_hz:  # otherwise every box is in time for its frame
            ideal = _rules(rate_hz, (0.0,), max_frames)
            at_once = _scored(tracker, clips, conventions, ideal)
        measures = told.measures
        found.append(
            AtRate(
                rate_hz,
                measures["success_auc"],
                at_once.measures["success_auc"].mean,
                measures["frames_seen"].mean,
            )
        )
    return found


def read(folder: Path) -> DataSet:
    """Read recordings with their truth.

    Raises:
        DatasetError: The folder holds none, or none whose labels a track can start on.
    """
    from thermedge.evaluation import datasets

    data = datasets.read(folder)
    if all(clip.start is None for clip in data.sequences):
        raise DatasetError(
            f"No recording in {folder} has a label that a track can start on.",
            "Label their targets, or leave the folder out: --accuracy takes generated scenes then.",
        )
    return data


def _clips(data: DataSet | None, rate_hz: float) -> tuple[list[Clip], Conventions]:
    if data is None:
        return [Scenes(seed, rate_hz).clip for seed in _SCENE_SEEDS], PLAIN
    return list(data.sequences), data.layout.conventions


def _rules(rate_hz: float, latencies_ms: tuple[float, ...], max_frames: int) -> plan.Plan:
    rules = plan.read("real_time")
    return replace(rules, rate_hz=rate_hz, latencies_ms=latencies_ms, max_frames=max_frames)


def _scored(
    tracker: Tracker, clips: list[Clip], conventions: Conventions, rules: plan.Plan
) -> scores.Average:
    rows = []
    for clip in clips:
        result = run_in_real_time(tracker, clip, rules)
        rows.append(scores.of_sequence(result, clip, conventions, rules))
    return scores.average("", clips[0].group, rows)
