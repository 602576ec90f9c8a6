"""Checkpoints: weights, their running average and the optimiser's state, in safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from thermedge import models
from thermedge.errors import RecipeError
from thermedge.files import replacing
from thermedge.models.net import TrackerNet

_KIND = "thermedge checkpoint 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """One moment of a training run."""

    recipe: str  # the recipe's TOML text
    tracker: str
    size: str
    step: int  # optimiser steps done
    samples: int  # pairs seen, also those of the runs it started from
    tensors: dict[str, Tensor]  # "model.*", "average.*", "optimizer.<parameter>.<moment>"
    changes: Mapping[str, object] = field(default_factory=dict)  # of the size: see models.build

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors below `prefix`, without it."""
        start = f"{prefix}."
        return {k[len(start) :]: v for k, v in self.tensors.items() if k.startswith(start)}


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write the checkpoint; a reader meets the old one or the new one, never half of it."""
    header = {
        "kind": _KIND,
        "recipe": checkpoint.recipe,
        "tracker": checkpoint.tracker,
        "size": checkpoint.size,
        "counts": json.dumps([checkpoint.step, checkpoint.samples]),
        "changes": json.dumps(dict(checkpoint.changes)),
    }
    tensors = {name: tensor.detach().contiguous() for name, tensor in checkpoint.tensors.items()}
    with replacing(path) as temporary:
        save_file(tensors, temporary, header)


def load(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        RecipeError: The file is missing, damaged, or no checkpoint of ours.
    """
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise RecipeError(
            f"{path} can't be read as a checkpoint: {error}.",
            "Give the last.safetensors of a run written by `thermedge train`.",
        ) from error
    if header.get("kind") != _KIND:
        raise RecipeError(
            f"{path} is a safetensors file, but no checkpoint of this version.",
            "Give the last.safetensors of a run written by `thermedge train`.",
        )
    step, samples = json.loads(header["counts"])
    return Checkpoint(
        recipe=header["recipe"],
        tracker=header["tracker"],
        size=header["size"],
        step=step,
        samples=samples,
        tensors=tensors,
        changes=json.loads(header.get("changes", "{}")),  # older ones have none
    )


def network(checkpoint: Checkpoint) -> TrackerNet:
    """Return the checkpoint's network with its averaged weights, in eval mode.

    Raises:
        RecipeError: The network that this version builds has other weights.
    """
    net = models.build(checkpoint.tracker, checkpoint.size, checkpoint.changes)
    fill(net, checkpoint, "average")
    return net.eval()


def fill(net: TrackerNet, checkpoint: Checkpoint, part: str) -> None:
    """Give `net` the weights of one part of the checkpoint.

    Raises:
        RecipeError: The network that this version builds has other weights.
    """
    try:
        net.load_state_dict(checkpoint.part(part))
    except RuntimeError as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise RecipeError(
            f"The checkpoint does not fit the {checkpoint.tracker} {checkpoint.size} of this "
            f"version: {reason}.",
            "Use the version that trained it, or train again.",
        ) from error
