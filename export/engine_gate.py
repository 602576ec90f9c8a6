"""Decide whether an engine may be installed: it must track as the exported graphs do."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from time import perf_counter_ns

from thermedge.bundle import Bundle
from thermedge.errors import BackendError
from thermedge.runtime import golden
from thermedge.runtime.backends.base import Backend
from thermedge.runtime.engines import open_engines
from thermedge.runtime.sources.synthetic import open_synthetic
from thermedge.runtime.tracker import Tracker

SCENE = "synthetic:seed=3,frames=120,size=320x256"
# Chosen, not measured: half a pixel on each side of a 20 px box leaves 0.9 in common.
LEAST_OVERLAP = 0.9  # mean over the scene of the boxes of both engines
_RUNS = 200


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was measured of an engine that passed."""

    gaps: dict[str, float]  # output -> largest difference to the stored fp32 one
    overlap: float  # mean IoU of its boxes and ONNX Runtime's, [0, 1]
    p50_ms: float  # one run of the track graph, copies included
    p99_ms: float


def judge(bundle: Bundle, precision: str, template: Backend, track: Backend) -> Verdict:
    """Run golden vectors, and a scene beside ONNX Runtime; the engines stay open.

    Raises:
        BackendError: An output or the boxes are too far off.
    """
    gaps = golden.compare(bundle, template, track, precision)
    p50_ms, p99_ms = _latency(track)
    overlap = _overlap(bundle, template, track)
    if not overlap >= LEAST_OVERLAP:
        raise BackendError(
            f"The {precision} engine does not track as ONNX Runtime does: their boxes have "
            f"{overlap:.2f} of their area in common, {LEAST_OVERLAP} is expected. "
            "It is not installed.",
            "Build another precision: thermedge build BUNDLE --precision fp16 (or fp32)",
        )
    return Verdict(gaps, overlap, p50_ms, p99_ms)


def _latency(track: Backend) -> tuple[float, float]:
    """Return the median and the 99th percentile of a run, ms."""
    times = []
    for _ in range(_RUNS):
        began = perf_counter_ns()
        track.run()
        times.append((perf_counter_ns() - began) / 1e6)
    return statistics.median(times), statistics.quantiles(times, n=100)[98]


def _overlap(bundle: Bundle, template: Backend, track: Backend) -> float:
    """Return the mean IoU of the boxes of these engines and of ONNX Runtime in fp32."""
    tried = Tracker(bundle.manifest, template, track)  # not closed: it would close the engines
    reference = open_engines(bundle, backend="ort", precision="fp32")
    known = Tracker(bundle.manifest, reference.template, reference.track)
    shared: list[float] = []
    with known, open_synthetic(SCENE) as source:
        for frame in source:
            if not known.started:
                known.init(frame, source.start_box)
                tried.init(frame, source.start_box)
                continue
            shared.append(known.update(frame).box.iou(tried.update(frame).box))
    return statistics.fmean(shared)
