"""Generated scenes in which the target's size changes twofold while look-alikes pass.

They stand for what few labelled thermal recordings show: a target that comes closer or goes
away. The weights never saw them: training draws scenes of other seeds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from thermedge.evaluation.datasets.layout import DataSet, Layout
from thermedge.evaluation.metrics import PLAIN
from thermedge.evaluation.sequences import Sequence
from thermedge.runtime.scene import SceneSpec, random_spec
from thermedge.runtime.sources.base import FrameSource
from thermedge.runtime.sources.synthetic import SyntheticSource

GROUP = "changing size (generated)"
MOST_SCENES = 24
_FRAMES = 150
_LARGEST_PX = 60.0  # in the first frame: twice as large it still fits


@dataclass(frozen=True, slots=True)
class ChangingSize:
    """The frames of one scene; the same seed gives the same."""

    seed: int

    @property
    def spec(self) -> SceneSpec:
        """What it shows: a random scene, with what is asked for here and no occlusion."""
        spec = random_spec(
            self.seed,
            num_frames=_FRAMES,
            scale_range=2.0,
            num_distractors=2,
            crossing=True,
            occlusions=(),
        )
        return replace(spec, target_px=min(spec.target_px, _LARGEST_PX))

    def open(self, start_frame: int, rate_hz: float | None) -> FrameSource:
        """Open the scene; its target is known from frame 0 on, where it starts."""
        assert start_frame == 0
        return SyntheticSource(self.spec)

    @property
    def sequence(self) -> Sequence:
        """The scene with its truth."""
        with SyntheticSource(self.spec) as source:
            truth = np.array([tuple(box) for box in source.truths])
        return Sequence(f"scene {self.seed}", GROUP, self, truth)


def data_set(count: int = MOST_SCENES) -> DataSet:
    """Return the first `count` scenes."""
    layout = Layout("generated", "nothing: it is made", lambda _: False, lambda _: [], PLAIN)
    return DataSet(layout, tuple(ChangingSize(seed).sequence for seed in range(count)))
