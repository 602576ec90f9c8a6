"""Train one recipe: resumable to the bit, with a log and checkpoints."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from thermedge import models
from thermedge.errors import RecipeError
from thermedge.manifest import CropSpec
from thermedge.models import checkpoint as checkpoints
from thermedge.models.checkpoint import Checkpoint
from thermedge.models.net import TrackerNet
from thermedge.training import pack, recipe
from thermedge.training.losses import Parts, loss_of, targets_of
from thermedge.training.pairs import PairSampler
from thermedge.training.recipe import Recipe, per_step

log = logging.getLogger(__name__)

LAST = "last.safetensors"
LOG = "log.jsonl"
_LOG_EVERY = 50  # steps
_SAVE_EVERY_S = 120


@dataclass(frozen=True, slots=True)
class Progress:
    """What a progress bar shows."""

    step: int
    steps: int
    samples_per_s: float
    loss: float
    hit: float
    iou: float


def train(
    text: str,
    folder: Path,
    *,
    data: Path,
    start_from: Path | None = None,
    workers: int = 1,
    threads: int = 0,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Path:
    """Train the recipe in `text` and return the last checkpoint.

    A run that was stopped goes on from its last checkpoint in `folder` and ends with the
    same weights as one that was not.

    Args:
        text: The recipe's TOML.
        folder: Where checkpoint and log go; made if missing.
        data: The folder that the recipe's paths are relative to.
        start_from: Checkpoint whose averaged weights a new run begins with; of another
            tracker, those that both have.
        workers: Processes that prepare pairs.
        threads: CPU threads for the network, 0 for all cores.
        report: Called after every step.

    Raises:
        RecipeError: The recipe or its data are wrong, or `folder` holds another run.
    """
    plan = recipe.parse(text, "the recipe")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecipeError(
            f"The run folder {folder} can't be made: {error.strerror}.", "Name another with -o."
        ) from error
    if threads:
        torch.set_num_threads(threads)
    run = _Run(plan, text)
    last = folder / LAST
    if last.exists():
        run.resume(checkpoints.load(last), last)
    elif start_from is not None:
        run.begin_with(checkpoints.load(start_from))
    inputs = (*run.net.template_inputs, *run.net.track_inputs)
    batches = Batches(plan, data, run.net.config.crop, inputs)
    batches.open()
    with (folder / LOG).open("a", encoding="utf-8", buffering=1) as record:  # line by line
        _steps(run, batches, workers, last, record.write, report)
    checkpoints.save(run.checkpoint(), last)
    return last


class _Run:
    """The state that a checkpoint holds."""

    def __init__(self, plan: Recipe, text: str) -> None:
        torch.manual_seed(plan.seed)
        self.plan, self.text, self.step, self.before = plan, text, 0, 0
        net = models.build(plan.tracker, plan.size)
        self.net: TrackerNet = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = models.build(plan.tracker, plan.size)
        self.average.load_state_dict(self.net.state_dict())
        self.loss = loss_of(plan.tracker)
        decayed = [p for p in self.net.parameters() if p.ndim > 1]
        plain = [p for p in self.net.parameters() if p.ndim <= 1]
        groups: list[dict[str, Any]] = [{"params": decayed}, {"params": plain, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(
            groups, lr=plan.learning_rate, weight_decay=plan.weight_decay
        )

    @property
    def steps(self) -> int:
        return self.plan.samples // per_step(self.plan)

    def rate(self) -> float:
        """Return the learning rate of this step: up, flat, and down along a cosine."""
        done = self.step / self.steps
        up = min(1.0, (done + 1 / self.steps) / max(self.plan.warm_up, 1e-9))
        left = min(1.0, (1 - done) / max(self.plan.cool_down, 1e-9))
        return self.plan.learning_rate * up * 0.5 * (1 - float(np.cos(np.pi * left)))

    def checkpoint(self) -> Checkpoint:
        tensors = {f"model.{k}": v for k, v in self.net.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        for index, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": value for name, value in moments.items()}
        return Checkpoint(
            recipe=self.text,
            tracker=self.plan.tracker,
            size=self.plan.size,
            step=self.step,
            samples=self.before + self.step * per_step(self.plan),
            tensors={name: tensor.clone() for name, tensor in tensors.items()},
        )

    def resume(self, saved: Checkpoint, path: Path) -> None:
        if saved.recipe != self.text:
            raise RecipeError(
                f"{path} belongs to another recipe than the one given.",
                "Give another run folder (-o), or the recipe that this run began with.",
            )
        self.net.load_state_dict(saved.part("model"))
        self.average.load_state_dict(saved.part("average"))
        state = self.optimizer.state_dict()
        for name, value in saved.part("optimizer").items():
            index, moment = name.split(".")
            state["state"].setdefault(int(index), {})[moment] = value
        self.optimizer.load_state_dict(state)
        self.step = saved.step
        self.before = saved.samples - saved.step * per_step(self.plan)

    def begin_with(self, other: Checkpoint) -> None:
        """Take over the averaged weights; from another tracker those of equal name and shape."""
        known, given = self.net.state_dict(), other.part("average")
        taken = {k: v for k, v in given.items() if k in known and known[k].shape == v.shape}
        if not any(tensor.ndim > 1 for tensor in taken.values()):
            raise RecipeError(
                f"The run can't start from a {other.tracker} {other.size} checkpoint: it shares "
                f"no weights with the recipe's {self.plan.tracker} {self.plan.size}.",
                "Give a checkpoint of the same tracker and size, or one with the same trunk.",
            )
        log.info("%d of %d tensors come from the checkpoint", len(taken), len(known))
        self.net.load_state_dict(known | taken)
        self.average.load_state_dict(known | taken)
        if (other.tracker, other.size) == (self.plan.tracker, self.plan.size):
            self.before = other.samples

    def learn(self, batch: dict[str, Tensor]) -> Parts:
        """Take one optimiser step."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        self.net.train()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            maps = self.net.answers(batch)
        parts = self.loss(maps, targets_of(batch))
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(parts.total)
        nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        self._follow()
        return parts

    @torch.no_grad()
    def _follow(self) -> None:
        decay = min(self.plan.average, (1 + self.step) / (10 + self.step))
        now = self.net.state_dict()
        for name, value in self.average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(now[name], 1 - decay)
            else:
                value.copy_(now[name])


class Batches(torch.utils.data.Dataset[dict[str, Tensor]]):
    """The batches of a run, as tensors; crosses to a worker process as names, not as pictures."""

    def __init__(self, plan: Recipe, data: Path, crop: CropSpec, inputs: tuple[str, ...]) -> None:
        self._plan, self._data, self._crop, self._inputs = plan, data, crop, inputs
        self._sampler: PairSampler | None = None

    def open(self) -> PairSampler:
        """Open the packs, making those that are not there.

        Raises:
            RecipeError: The data are missing or wrong.
        """
        packs = {spec.name: pack.opened(spec, self._data) for spec in self._plan.data}
        self._sampler = PairSampler(self._plan, packs, self._crop, self._inputs)
        return self._sampler

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        """Return batch `number` of the run."""
        batch = (self._sampler or self.open()).batch(number)
        return {name: torch.from_numpy(values) for name, values in batch.items()}

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_sampler": None}


def _prepared(
    batches: Batches, first: int, count: int, workers: int
) -> Iterator[dict[str, Tensor]]:
    loader = torch.utils.data.DataLoader(
        batches,
        batch_size=None,
        sampler=range(first, count),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        worker_init_fn=_one_thread if workers else None,
        # A forked worker would inherit the locks of OpenCV's threads, which packing has
        # started, and wait for them for ever.
        multiprocessing_context="spawn" if workers else None,
    )
    return iter(loader)


def _one_thread(worker: int) -> None:
    import cv2

    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def _steps(
    run: _Run,
    batches: Batches,
    workers: int,
    last: Path,
    write: Callable[[str], object],
    report: Callable[[Progress], None],
) -> None:
    began, first, saved = time.monotonic(), run.step, time.monotonic()
    figures: list[dict[str, float]] = []
    for batch in _prepared(batches, run.step, run.steps, workers):
        parts = run.learn(batch)
        named = {"total": parts.total, **parts.terms, "hit": parts.hit, "iou": parts.iou}
        figures.append({name: float(value.detach()) for name, value in named.items()})
        figures = figures[-_LOG_EVERY:]
        elapsed = time.monotonic() - began
        speed = (run.step - first) * per_step(run.plan) / elapsed
        recent = {name: float(np.mean([one[name] for one in figures])) for name in named}
        loss = figures[-1]["total"]
        if not np.isfinite(loss):
            raise RecipeError(
                f"The loss is {loss} at step {run.step}.", "Lower learning_rate in the recipe."
            )
        report(Progress(run.step, run.steps, speed, loss, recent["hit"], recent["iou"]))
        if run.step % _LOG_EVERY == 0:
            entry: dict[str, float] = {"step": run.step, "samples": run.step * per_step(run.plan)}
            entry |= {name: round(value, 5) for name, value in recent.items()}
            entry |= {"rate": round(run.rate(), 7), "samples_per_s": round(speed, 1)}
            write(json.dumps(entry) + "\n")
        if time.monotonic() - saved > _SAVE_EVERY_S:
            checkpoints.save(run.checkpoint(), last)
            saved = time.monotonic()
