"""Imitate a trained network: its score map, and its boxes where the target is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from thermedge.errors import RecipeError
from thermedge.models import checkpoint as checkpoints
from thermedge.models.checkpoint import Checkpoint
from thermedge.models.net import TrackerNet
from thermedge.training.losses import Targets
from thermedge.training.losses.grid import grid_of


def teacher_of(saved: Checkpoint, student: TrackerNet, tracker: str) -> TrackerNet:
    """Return the averaged network of a checkpoint, to be imitated by `student`.

    Raises:
        RecipeError: It is of another tracker, or looks at other windows.
    """
    teacher = checkpoints.network(saved)
    if saved.tracker != tracker or teacher.config.crop != student.config.crop:
        raise RecipeError(
            f"A {saved.tracker} {saved.size} can't teach this {tracker}: it must be the same "
            f"tracker with the windows {student.config.crop}, it has {teacher.config.crop}.",
            "Give --teacher a checkpoint of the same tracker, trained on the same windows.",
        )
    device = next(student.parameters()).device
    return teacher.to(device, memory_format=torch.channels_last).requires_grad_(False)  # type: ignore[call-overload,no-any-return]


@torch.no_grad()
def answers(teacher: TrackerNet, batch: Mapping[str, Tensor]) -> Any:
    """Return what the teacher says of a batch."""
    return teacher.answers(batch)


def imitation(maps: Any, taught: Any, targets: Targets) -> Tensor:
    """Return how far the maps are from the teacher's; 0 where they are the same.

    The cross entropy of the score with the teacher's, less the teacher's own entropy,
    summed over the cells; and smooth L1 of the box at the cells that learn boxes, in
    cells and logarithms of sizes or distances.

    Source: Hinton 2015, section 2, with one temperature of 1.
    """
    score, wanted = maps.score.float(), taught.score.float()
    belief = wanted.sigmoid()
    entropy = functional.binary_cross_entropy_with_logits(wanted, belief, reduction="none")
    cross = functional.binary_cross_entropy_with_logits(score, belief, reduction="none")
    error = functional.smooth_l1_loss(_box(maps), _box(taught), reduction="none").sum(1)
    grid = grid_of(score, targets)
    return (cross - entropy).sum() / len(score) + (error * grid.weight).sum()


def _box(maps: Any) -> Tensor:
    if hasattr(maps, "ltrb"):
        return maps.ltrb.float().clamp(min=0.5).log()  # type: ignore[no-any-return]
    return torch.cat([maps.offset.float(), maps.size.float()], 1)
