"""Prove on this machine that a bundle works: numbers as exported, and a target that is followed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from time import perf_counter

from thermedge.bundle import Bundle
from thermedge.errors import BackendError
from thermedge.runtime import golden
from thermedge.runtime.engines import open_engines
from thermedge.runtime.sources.synthetic import open_synthetic
from thermedge.runtime.tracker import open_tracker

SCENE = "synthetic:seed=3,frames=16"
LEAST_OVERLAP = 0.3  # a lost target has 0; see `run`


@dataclass(frozen=True, slots=True)
class SelfTest:
    """What a self-test measured."""

    backend: str  # that was chosen, where "auto" was asked
    precision: str
    gap: float  # largest difference from the golden vectors
    overlap: float  # mean IoU with the scene's truth
    num_frames: int
    frame_ms: float  # median time of one update


def run(
    bundle: Bundle, *, backend: str = "auto", precision: str = "auto", threads: int = 1
) -> SelfTest:
    """Compare the golden vectors, then follow the target of a short generated scene.

    A bundle for another kind of target than small warm ones may follow this one loosely, so
    no more is asked than that it is not lost.

    Raises:
        BundleError: The bundle is damaged.
        BackendError: The engine computes something else, or the target gets lost.
    """
    engines = open_engines(bundle, backend=backend, precision=precision, threads=threads)
    try:
        gaps = golden.compare(bundle, engines.template, engines.track, engines.precision)
    finally:
        engines.close()
    overlaps, times_ms = [], []
    with (
        open_tracker(bundle, backend=backend, precision=precision, threads=threads) as tracker,
        open_synthetic(SCENE) as source,
    ):
        truths = source.truths
        for frame in source:
            if not tracker.started:
                tracker.init(frame, truths[frame.index])
                continue
            began = perf_counter()
            track = tracker.update(frame)
            times_ms.append((perf_counter() - began) * 1e3)
            overlaps.append(track.box.iou(truths[frame.index]))
    result = SelfTest(
        backend=engines.backend,
        precision=engines.precision,
        gap=max(gaps.values()),
        overlap=math.fsum(overlaps) / len(overlaps),
        num_frames=len(overlaps),
        frame_ms=sorted(times_ms)[len(times_ms) // 2],
    )
    if not result.overlap >= LEAST_OVERLAP:
        raise BackendError(
            f"A generated target was not followed: mean IoU {result.overlap:.2f} over "
            f"{result.num_frames} frames, {LEAST_OVERLAP} is asked.",
            "Try another --backend, or export the bundle again from a trained checkpoint.",
        )
    return result


def line(bundle: Bundle, result: SelfTest) -> str:
    """Return the one line that tells people what was measured."""
    manifest = bundle.manifest
    return (
        f"self-test passed: {manifest.name} ({manifest.tracker} {manifest.size}) in "
        f"{result.precision} by {result.backend}, golden vectors within {result.gap:.0e}, "
        f"mean IoU {result.overlap:.2f} over {result.num_frames} frames, "
        f"{result.frame_ms:.1f} ms per frame"
    )
