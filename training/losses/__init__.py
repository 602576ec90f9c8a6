"""What networks are asked for; each tracker's loss is one module."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

# tracker -> function (maps, targets) -> Parts
LOSSES = {
    "ainet": "thermedge.training.losses.centre:losses",
    "fgsgt": "thermedge.training.losses.saliency:losses",
    "siamcross": "thermedge.training.losses.aligned:losses",
    "smmt": "thermedge.training.losses.edges:losses",
    "stdtrack": "thermedge.training.losses.centre:losses",
}


class Targets(NamedTuple):
    """A batch's truth for N search windows, in window px."""

    target_px: Tensor  # (N, 2) w, h in the template window
    box: Tensor  # (N, 4) cx, cy, w, h in the search window
    present: Tensor  # (N,) 1 or 0
    motion: Tensor  # (N, 2) way per frame of the target's centre, over sqrt(w * h); 0: unknown
    # (N, 2) ln of the target's w, h over those that it had in the template, scene px
    changed: Tensor
    search_px: int  # side of the search window


@dataclass(frozen=True, slots=True)
class Parts:
    """The loss of one batch, and what it is made of."""

    total: Tensor  # what is minimised
    terms: Mapping[str, Tensor]  # its parts, unweighted, for the log
    hit: Tensor  # share of present targets whose best cell is within half a target
    iou: Tensor  # mean IoU of the box at the best cell, 0 for misses


def targets_of(batch: Mapping[str, Tensor]) -> Targets:
    """Return the truth of a batch; the frames of clips stand in one row."""
    present, target_px = batch["present"], batch["target_px"]
    frames = present.shape[1] if present.ndim == 2 else 1
    return Targets(
        target_px.repeat_interleave(frames, 0),
        batch["target"].reshape(-1, 4),
        present.reshape(-1),
        batch["motion"].reshape(-1, 2),
        batch["changed"].reshape(-1, 2),
        batch["search"].shape[-1],
    )


def loss_of(tracker: str) -> Callable[[Any, Targets], Parts]:
    """Return the loss that trains `tracker`."""
    module, _, name = LOSSES[tracker].partition(":")
    function: Callable[[Any, Targets], Parts] = getattr(importlib.import_module(module), name)
    return function
