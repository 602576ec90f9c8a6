"""The contract of a network: what runs once per template, and what runs on every frame."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from thermedge.manifest import CropSpec
from thermedge.records import RecordError


class Config(Protocol):
    """The widths of one size of a network."""

    @property
    def crop(self) -> CropSpec:
        """The windows that it looks at."""
        ...


def check_widths(
    config: Any,
    *,
    may_be_0: Collection[str] = (),
    odd: Collection[str] = (),
    multiples: Mapping[str, str | int] | None = None,
) -> None:
    """Refuse a configuration that no network can be built from.

    Args:
        config: A dataclass; its whole numbers are to be 1 or more.
        may_be_0: Names of those that may be 0 too.
        odd: Names of those that must be odd.
        multiples: Name -> what it must be a multiple of: a number, or another's name.

    Raises:
        RecordError: A number is impossible.
    """
    numbers = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    for name, value in numbers.items():
        least = 0 if name in may_be_0 else 1
        if type(value) is int and value < least:
            raise RecordError(f"{name} is {value}, expected {least} or more")
        if name in odd and value % 2 == 0:
            raise RecordError(f"{name} is {value}, expected an odd number")
    for name, of in (multiples or {}).items():
        if numbers[name] % (numbers[of] if isinstance(of, str) else of):
            told = f"{of}, {numbers[of]}" if isinstance(of, str) else of
            raise RecordError(f"{name} is {numbers[name]}, expected a multiple of {told}")


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

    takes_clips: ClassVar[bool] = False  # whether `answers` takes several search windows in a row

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
