"""What the loop costs on top of the network that it runs."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from time import perf_counter_ns

import numpy as np

from thermedge.bundle import Bundle
from thermedge.errors import SourceError
from thermedge.runtime.engines import open_engines
from thermedge.runtime.sources.synthetic import open_synthetic
from thermedge.runtime.tracker import open_tracker

SCENE = "synthetic:frames=450,size=320x256"
_WARM_UP = 30  # frames


@dataclass(frozen=True, slots=True)
class LoopCost:
    """Medians over the frames of one run, ms."""

    network_ms: float  # the track graph alone
    update_ms: float  # Tracker.update: range, crop, the same graph, decode, decide, remember
    frames: int

    @property
    def added(self) -> float:
        """Share that the loop adds to the network."""
        return self.update_ms / self.network_ms - 1


def measure(bundle: Bundle, *, backend: str = "auto", scene: str = SCENE) -> LoopCost:
    """Run a scene; after every update, run the bare track graph once in an engine of its own.

    The two alternate, so that both see the same machine. Frames in which the target is
    missing run several windows or none; the median is of frames that track.

    Raises:
        SourceError: The tracker followed the target in none of the scene's frames.
        ThermedgeError: The bundle can't be loaded.
    """
    engines = open_engines(bundle, backend=backend)
    alone = engines.track
    rng = np.random.default_rng(0)
    for array in alone.inputs.values():
        array[...] = rng.random(array.shape, np.float32)
    updates: list[int] = []
    networks: list[int] = []
    with open_synthetic(scene) as source, open_tracker(bundle, backend=backend) as tracker:
        for frame in source:
            if not tracker.started:
                tracker.init(frame, source.start_box)
                continue
            began = perf_counter_ns()
            track = tracker.update(frame)
            updated = perf_counter_ns()
            alone.run()
            ran = perf_counter_ns()
            if track.state in ("tracking", "uncertain") and frame.index > _WARM_UP:
                updates.append(updated - began)
                networks.append(ran - updated)
    engines.close()
    if not updates:
        raise SourceError(
            f"{bundle.manifest.name} followed the target in none of the frames of {scene} after a "
            f"warm-up of {_WARM_UP}.",
            "Take a tracker that follows a plain target: train it for longer.",
        )
    return LoopCost(
        statistics.median(networks) / 1e6, statistics.median(updates) / 1e6, len(updates)
    )
