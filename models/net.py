"""The contract of a network: what runs once per template, and what runs on every frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from thermedge.manifest import CropSpec


class Config(Protocol):
    """The widths of one size of a network."""

    @property
    def crop(self) -> CropSpec:
        """The windows that it looks at."""
        ...


class TrackerNet(nn.Module):
    """A tracker in two parts, exported as two graphs.

    `template` learns a target; the fields of the NamedTuple it returns are kept and fed
    to `track` with every frame. `track` takes, in this order: its windows
    (`track_inputs`), the template's fields (those in `initial` feed no input), its state
    (`state_shapes`). Names are the same everywhere: in graphs, manifests and batches.

    Inputs that the runtime knows how to fill, B in front of each in training, 1 on boards:
    `template` (B, 1, T, T) and `search` (B, 1, S, S) in [0, 1]; `target_px` (B, 2), width
    and height of the target in the template window; `context` (B, 1, S, S), the search
    window around the template's own box; `template_visible` and `search_visible`, the
    same windows of a visible camera, or copies of the thermal ones when there is none.
    """

    template_inputs: ClassVar[tuple[str, ...]] = ("template",)
    track_inputs: ClassVar[tuple[str, ...]] = ("search",)
    carried: ClassVar[Mapping[str, str]] = {}  # state <- track output of the frame before
    initial: ClassVar[Mapping[str, str]] = {}  # state <- template output, at the start

    config: Config

    @property
    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the inputs that the runtime keeps, by name; batch 1."""
        return {}

    def template(self, *inputs: Tensor) -> Any:
        """Learn targets from `template_inputs`; return a NamedTuple of tensors."""
        raise NotImplementedError

    def track(self, *inputs: Tensor) -> Any:
        """Find them; return a NamedTuple of maps on an (S / stride) grid, score as logits."""
        raise NotImplementedError

    def graph_outputs(self, maps: Any) -> dict[str, Tensor]:
        """Return what leaves the track graph: `score` in [0, 1] and what the head needs."""
        raise NotImplementedError

    def answers(self, batch: Mapping[str, Tensor]) -> Any:
        """Return the maps of a training batch."""
        known = self.template(*(batch[name] for name in self.template_inputs))
        return self.track(*(batch[name] for name in self.track_inputs), *known)

    def folded(self) -> None:
        """Fold what remains when all layers are plain, in place; called by `fuse.fused`."""


def window_shape(name: str, crop: CropSpec) -> tuple[int, ...]:
    """Return the shape that the input `name` of a graph has, batch 1."""
    if name == "target_px":
        return (1, 2)
    side = crop.template_px if name.startswith("template") else crop.search_px
    return (1, 1, side, side)


def example(name: str, crop: CropSpec) -> Tensor:
    """Return a plausible value of the input `name`, batch 1."""
    if name == "target_px":
        return torch.full((1, 2), crop.template_px / crop.template_factor)
    return torch.rand(window_shape(name, crop))
