"""Try a network on labelled clips while it learns, in the runtime's own tracker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from thermedge.errors import DatasetError, RecipeError
from thermedge.evaluation import changing_size, datasets, scores
from thermedge.evaluation.datasets.layout import group_of
from thermedge.evaluation.metrics import PLAIN
from thermedge.evaluation.plan import Plan
from thermedge.evaluation.run import one_pass
from thermedge.evaluation.scores import Interval
from thermedge.evaluation.sequences import Sequence
from thermedge.manifest import (
    FORMAT,
    GraphSpec,
    HeadSpec,
    LoopSpec,
    Manifest,
    MemorySpec,
    Origin,
    ScalingSpec,
    TokenSpec,
)
from thermedge.models.fuse import fused
from thermedge.models.net import TrackerNet, window_shape
from thermedge.runtime.backends.base import Tensors
from thermedge.runtime.tracker import Tracker
from thermedge.tensors import TensorSpec
from thermedge.training.recipe import Recipe, ValidationSpec

_MEASURE = "success_auc"


class LoopSettings(Protocol):
    """The constants of the online loop, which the weights do not say."""

    @property
    def scaling(self) -> ScalingSpec: ...  # noqa: D102
    @property
    def head(self) -> HeadSpec: ...  # noqa: D102
    @property
    def loop(self) -> LoopSpec: ...  # noqa: D102
    @property
    def memory(self) -> MemorySpec: ...  # noqa: D102
    @property
    def tokens(self) -> TokenSpec | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Tried:
    """Success AUC on the clips of one folder."""

    mean: Interval  # with its 95 % interval over the clips
    clips: Mapping[str, float]


class Validation:
    """A few clips of every folder, and the tracker that the weights make.

    Args:
        plan: Whose network is tried.
        spec: Its clips.
        root: The folder that paths are relative to.
        settings: Of the online loop.

    Raises:
        RecipeError: Two folders have one name in the log.
        DatasetError: A folder is missing, malformed, or holds no label.
    """

    def __init__(
        self, plan: Recipe, spec: ValidationSpec, root: Path, settings: LoopSettings
    ) -> None:
        self._plan, self._settings = plan, settings
        self._rules = Plan(version=1, summary="", kind="one_pass", max_frames=spec.frames)
        folders = [root / path for path in spec.paths]
        _check_names(folders)
        self._clips = {group_of(folder): _chosen(folder, spec.clips) for folder in folders}
        if spec.scenes:
            self._clips[changing_size.GROUP] = list(changing_size.data_set(spec.scenes).sequences)

    def __call__(self, net: TrackerNet) -> dict[str, Tried]:
        """Return what the network reaches on every folder.

        `net` stays as it is; the tracker runs on the CPU, with plain convolutions.

        Raises:
            DatasetError: The tracker threw on a clip.
        """
        with torch.random.fork_rng(devices=[]):  # fusing makes layers, which draw weights
            tracker = tracker_of(net, self._plan, self._settings)
        with closing(tracker):
            return {group: self._group(tracker, group) for group in self._clips}

    def _group(self, tracker: Tracker, group: str) -> Tried:
        found = []
        for clip in self._clips[group]:
            result = one_pass(tracker, clip, max_frames=self._rules.max_frames)
            if result.error:
                raise DatasetError(
                    f"The tracker failed on {group}/{clip.name}: {result.error}.",
                    "Leave this clip out of the recipe's [validation], and tell us.",
                )
            found.append(scores.of_sequence(result, clip, PLAIN, self._rules))
        whole = scores.average("", group, found).measures[_MEASURE]
        return Tried(whole, {one.sequence: one.measures[_MEASURE] for one in found})


def _check_names(folders: list[Path]) -> None:
    """Refuse two folders whose scores would be logged under one name."""
    for name, times in Counter(map(group_of, folders)).items():
        if times > 1:
            raise RecipeError(
                f"Two paths of the recipe's [validation] are called {name!r}, by their last two "
                "folders.",
                "Name every folder once, and rename one of two that are called alike.",
            )


def _chosen(folder: Path, count: int) -> list[Sequence]:
    """Return `count` labelled clips, evenly from the first to the last."""
    usable = [clip for clip in datasets.read(folder).sequences if clip.start is not None]
    if not usable:
        raise DatasetError(f"No clip in {folder} has a label.", "Validate on labelled clips.")
    places = np.linspace(0, len(usable) - 1, min(count, len(usable))).round().astype(int)
    return [usable[place] for place in places]


def tracker_of(net: TrackerNet, plan: Recipe, settings: LoopSettings) -> Tracker:
    """Return the runtime's tracker around `net`, as a bundle would give it, without export."""
    plain = fused(net).to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    crop = plain.config.crop
    template = TorchGraph(
        lambda *inputs: dict(plain.template(*inputs)._asdict()),
        {name: window_shape(name, crop) for name in plain.template_inputs},
    )
    kept = {k: v.shape for k, v in template.outputs.items() if k not in plain.initial.values()}
    track = TorchGraph(
        lambda *inputs: plain.graph_outputs(plain.track(*inputs)),
        {name: window_shape(name, crop) for name in plain.track_inputs} | kept | plain.state_shapes,
    )
    manifest = Manifest(
        format=FORMAT,
        name=plan.name,
        tracker=plan.tracker,
        size=plan.size,
        crop=crop,
        scaling=settings.scaling,
        head=settings.head,
        loop=settings.loop,
        memory=settings.memory,
        template=template.spec,
        track=track.spec,
        cached={name: name for name in kept},
        carried=dict(plain.carried),
        initial=dict(plain.initial),
        tokens=settings.tokens,
        precision="fp32",
        files={},
        # It never leaves this process.
        origin=Origin(
            commit="",
            checkpoint_sha256="",
            recipe=plan.name,
            samples=0,
            seed=plan.seed,
            date="",
            data=(),
        ),
        parity={},
        licence="",
    )
    return Tracker(manifest, template, track)


class TorchGraph:
    """A part of a network as a backend: PyTorch on the CPU, in the host's memory."""

    name = "torch"

    def __init__(
        self, function: Callable[..., dict[str, Tensor]], shapes: Mapping[str, tuple[int, ...]]
    ) -> None:
        self._function = function
        self.inputs: Tensors = {n: np.zeros(shape, np.float32) for n, shape in shapes.items()}
        self._feeds = [torch.from_numpy(array) for array in self.inputs.values()]
        self.outputs: Tensors = {
            name: np.zeros(tuple(value.shape), np.float32) for name, value in self._run().items()
        }

    @property
    def spec(self) -> GraphSpec:
        """Return its inputs and outputs, as a manifest lists them."""
        return GraphSpec(
            inputs=tuple(TensorSpec(name, array.shape) for name, array in self.inputs.items()),
            outputs=tuple(TensorSpec(name, array.shape) for name, array in self.outputs.items()),
        )

    def run(self) -> None:
        """Run once from `inputs` to `outputs`."""
        for name, value in self._run().items():
            np.copyto(self.outputs[name], value.numpy())

    def close(self) -> None:
        """Do nothing: the network goes with this object."""

    @torch.inference_mode()
    def _run(self) -> dict[str, Tensor]:
        return self._function(*self._feeds)
