"""Train one recipe: resumable to the bit, with a log and checkpoints."""

from __future__ import annotations

import logging
import math
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from thermedge import models
from thermedge.errors import RecipeError
from thermedge.models import checkpoint as checkpoints
from thermedge.models.checkpoint import Checkpoint
from thermedge.models.net import TrackerNet
from thermedge.training import distil, recipe
from thermedge.training.batches import Batches, prepared
from thermedge.training.losses import loss_of, targets_of
from thermedge.training.processes import (
    DeviceName,
    Processes,
    joined,
    mean_of_all,
    with_shared_norms,
)
from thermedge.training.recipe import Recipe, per_step
from thermedge.training.record import Record
from thermedge.training.validate import LoopSettings, Validation

log = logging.getLogger(__name__)

LAST = "last.safetensors"
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
    device: DeviceName = "auto",
    settings: LoopSettings | None = None,
    teacher: Path | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Path:
    """Train the recipe in `text` and return the last checkpoint.

    A run that was stopped goes on from its last checkpoint in `folder` and ends with the
    same weights as one that was not; to the bit on a CPU.

    In a process that torchrun started, the run is shared: each takes its part of every
    batch, losses are normalised by the counts of the whole batch, batch norms see all of
    it, and DistributedDataParallel takes the mean of the gradients. So the weights are
    those of one process, but for rounding. Only the first process reads and writes
    `folder`; every machine needs `data`. A run may be resumed with another number.

    Args:
        text: The recipe's TOML.
        folder: Where checkpoint, log and curves go; made if missing.
        data: The folder that the recipe's paths are relative to.
        start_from: Checkpoint whose averaged weights a new run begins with; of another
            tracker, those that both have.
        workers: Processes that prepare pairs, for each process that trains.
        threads: CPU threads for the network, 0 for all cores, shared with the others.
        device: "auto" takes CUDA where there is any; one device per process.
        settings: Of the online loop; a recipe with [validation] needs them.
        teacher: Checkpoint that the network is to imitate, for a recipe that has a
            teacher_weight; the same whenever the run goes on.
        report: Called after every step, in the first process.

    Raises:
        RecipeError: The recipe or its data are wrong, `folder` holds another run, or the
            device is not there.
        DatasetError: The recipe's validation clips are wrong.
    """
    plan = recipe.parse(text, "the recipe")
    if (teacher is None) != (plan.teacher_weight == 0):
        raise RecipeError(
            f"The recipe's teacher_weight is {plan.teacher_weight:g}, and "
            f"{'no teacher is' if teacher is None else 'a teacher is'} given.",
            "Give both --teacher CHECKPOINT and a teacher_weight above 0, or neither.",
        )
    with joined(device) as processes:
        if plan.batch % processes.count:
            raise RecipeError(
                f"A batch of {plan.batch} can't be split over {processes.count} processes.",
                "Start a number of processes that divides the recipe's batch.",
            )
        if count := processes.threads(threads):
            torch.set_num_threads(count)
        run = _Run(plan, text, processes)
        last = folder / LAST
        if plan.only and start_from is None and not last.exists() and processes.is_first:
            raise RecipeError(
                f"The recipe lets only {', '.join(plan.only)} learn, and nothing else is known.",
                "Give the weights that the rest is to keep: --from CHECKPOINT.",
            )
        begin = _beginning(folder, start_from) if processes.is_first else None
        saved, is_resumed = processes.from_first(begin) or (None, False)
        if saved is not None and is_resumed:
            run.resume(saved, last)
        elif saved is not None:
            run.begin_with(saved)
        if teacher is not None:
            taught_by = checkpoints.load(teacher) if processes.is_first else None
            run.imitate(processes.from_first(taught_by))
        validation = None
        if plan.validation is not None and processes.is_first:
            assert settings is not None, "a recipe with [validation] needs settings"
            validation = Validation(plan, plan.validation, data, settings)
        inputs = (*run.net.template_inputs, *run.net.track_inputs)
        part = {"part": processes.rank, "parts": processes.count}
        batches = Batches(plan, data, run.net.config.crop, inputs, **part)
        for _ in processes.in_turn():
            batches.open()
        coming = prepared(batches, run.step, run.steps, workers, processes)
        if not processes.is_first:
            for batch in coming:
                run.learn(batch)
            return last
        with Record(folder, plan.name, run.step) as record:
            _steps(run, coming, last, record, validation, report)
    return last


def _beginning(folder: Path, start_from: Path | None) -> tuple[Checkpoint | None, bool]:
    """Return the checkpoint that the run begins with, and whether it is the run's own."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecipeError(
            f"The run folder {folder} can't be made: {error.strerror}.", "Name another with -o."
        ) from error
    if (folder / LAST).exists():
        if start_from is not None and not start_from.exists():
            raise RecipeError(
                f"There is no checkpoint {start_from} to start from, and {folder} has its own.",
                "Leave --from out, or correct it and name another run folder with -o.",
            )
        return checkpoints.load(folder / LAST), True
    return (None if start_from is None else checkpoints.load(start_from)), False


class _Run:
    """The state that a checkpoint holds."""

    def __init__(self, plan: Recipe, text: str, processes: Processes) -> None:
        torch.manual_seed(plan.seed)
        self.plan, self.text, self.step, self.before = plan, text, 0, 0
        self.device = processes.device
        net = models.build(plan.tracker, plan.size, plan.network)
        if plan.clip > 1 and not net.takes_clips:
            raise RecipeError(
                f"The recipe's clip is {plan.clip}, but {plan.tracker} takes pairs only.",
                "Leave clip out of the recipe.",
            )
        self.net: TrackerNet = net.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = models.build(plan.tracker, plan.size, plan.network).to(self.device)
        self.average.load_state_dict(self.net.state_dict())
        self._settled = _settle(self.net, plan.only)
        self.answers: nn.Module = _Answers(self.net)
        if processes.count > 1:
            # Of 1x1 kernels, whose strides may be either; it is said not to be an error.
            warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
            self.answers = DistributedDataParallel(with_shared_norms(self.answers))
        self.loss = loss_of(plan.tracker)
        self.teacher: TrackerNet | None = None
        decayed = [p for p in self.net.parameters() if p.ndim > 1]
        plain = [p for p in self.net.parameters() if p.ndim <= 1]
        groups: list[dict[str, Any]] = [{"params": decayed}, {"params": plain, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(
            groups, lr=plan.learning_rate, weight_decay=plan.weight_decay
        )

    @property
    def steps(self) -> int:
        return self.plan.samples // per_step(self.plan)

    @property
    def samples(self) -> int:
        """Return how many search windows this run has learned from."""
        return self.step * per_step(self.plan)

    def is_tried(self) -> bool:
        """Return whether validation is due after this step."""
        assert self.plan.validation is not None
        every, before = self.plan.validation.every, self.samples - per_step(self.plan)
        return self.step == self.steps or self.samples // every > before // every

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
            samples=self.before + self.samples,
            tensors={name: tensor.to("cpu", copy=True) for name, tensor in tensors.items()},
            changes=self.plan.network,
        )

    def resume(self, saved: Checkpoint, path: Path) -> None:
        if saved.recipe != self.text:
            raise RecipeError(
                f"{path} belongs to another recipe than the one given.",
                "Give another run folder (-o), or the recipe that this run began with.",
            )
        checkpoints.fill(self.net, saved, "model")
        checkpoints.fill(self.average, saved, "average")
        state = self.optimizer.state_dict()
        for name, value in saved.part("optimizer").items():
            index, moment = name.split(".")
            state["state"].setdefault(int(index), {})[moment] = value
        self.optimizer.load_state_dict(state)
        self.step = saved.step
        self.before = saved.samples - saved.step * per_step(self.plan)

    def begin_with(self, other: Checkpoint) -> None:
        """Take over the averaged weights; from another tracker those of equal name and shape.

        What is not to learn has to be among them.
        """
        known, given = self.net.state_dict(), other.part("average")
        taken = {k: v for k, v in given.items() if k in known and known[k].shape == v.shape}
        if not any(tensor.ndim > 1 for tensor in taken.values()):
            raise RecipeError(
                f"The run can't start from a {other.tracker} {other.size} checkpoint: it shares "
                f"no weights with the recipe's {self.plan.tracker} {self.plan.size}.",
                "Give a checkpoint of the same tracker and size, or one with the same trunk.",
            )
        left = [k for k in known if k not in taken and k.split(".")[0] in self._settled]
        if left:
            raise RecipeError(
                f"The recipe lets only {', '.join(self.plan.only)} learn, but the checkpoint to "
                f"start from has no {left[0]} of shape {tuple(known[left[0]].shape)}.",
                "Give a checkpoint of the same tracker and size, or let that part learn too.",
            )
        log.info("%d of %d tensors come from the checkpoint", len(taken), len(known))
        self.net.load_state_dict(known | taken)
        self.average.load_state_dict(known | taken)
        if (other.tracker, other.size) == (self.plan.tracker, self.plan.size):
            self.before = other.samples

    def imitate(self, saved: Checkpoint | None) -> None:
        """Let this checkpoint's network teach from now on."""
        assert saved is not None
        self.teacher = distil.teacher_of(saved, self.net, self.plan.tracker)

    def learn(self, batch: dict[str, Tensor]) -> dict[str, float]:
        """Take one optimiser step; return the loss, its parts, hit and IoU of the whole batch.

        Raises:
            RecipeError: The loss is not finite.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        self.net.train()
        for name in self._settled:
            self.net.get_submodule(name).eval()
        is_bf16 = self.plan.precision == "bf16"
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=is_bf16):
            maps = self.answers(batch)
            taught = None if self.teacher is None else distil.answers(self.teacher, batch)
        parts = self.loss(maps, targets_of(batch))
        if taught is not None:
            far = distil.imitation(maps, taught, targets_of(batch))
            total = parts.total + self.plan.teacher_weight * far
            parts = replace(parts, total=total, terms={**parts.terms, "teacher": far})
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(parts.total)
        nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        self._follow()
        named = {"total": parts.total, **parts.terms, "hit": parts.hit, "iou": parts.iou}
        values = mean_of_all(torch.stack([value.detach() for value in named.values()]))
        figures = dict(zip(named, values.tolist(), strict=True))
        if not math.isfinite(figures["total"]):
            raise RecipeError(
                f"The loss is {figures['total']} at step {self.step}.",
                "Lower learning_rate in the recipe.",
            )
        return figures

    @torch.no_grad()
    def _follow(self) -> None:
        decay = min(self.plan.average, (1 + self.step) / (10 + self.step))
        now = self.net.state_dict()
        for name, value in self.average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(now[name], 1 - decay)
            else:
                value.copy_(now[name])


def _settle(net: TrackerNet, only: tuple[str, ...]) -> list[str]:
    """Let only these parts of the network learn; return the names of the others.

    Raises:
        RecipeError: The network has no such part.
    """
    parts = dict(net.named_children())
    if unknown := [name for name in only if name not in parts]:
        raise RecipeError(
            f"The recipe lets only {', '.join(only)} learn; the network has no {unknown[0]!r}.",
            f"Its parts are {', '.join(parts)}.",
        )
    settled = [name for name in parts if only and name not in only]
    for name in settled:
        parts[name].requires_grad_(False)
    return settled


class _Answers(nn.Module):
    """The training pass as a module's forward, the only thing that DDP listens to."""

    def __init__(self, net: TrackerNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, batch: dict[str, Tensor]) -> Any:
        """Return the maps of a batch."""
        return self.net.answers(batch)


def _steps(
    run: _Run,
    batches: Iterable[dict[str, Tensor]],
    last: Path,
    record: Record,
    validation: Validation | None,
    report: Callable[[Progress], None],
) -> None:
    """Take all steps in the first process: learn, tell, keep."""
    first, saved = run.step, time.monotonic()
    latest: deque[dict[str, float]] = deque(maxlen=_LOG_EVERY)
    for batch in batches:
        figures = run.learn(batch)
        latest.append(figures)
        speed = (run.step - first) * per_step(run.plan) / record.seconds
        recent = {name: float(np.mean([one[name] for one in latest])) for name in figures}
        loss, hit, iou = figures["total"], recent["hit"], recent["iou"]
        report(Progress(run.step, run.steps, speed, loss, hit, iou))
        if run.step % _LOG_EVERY == 0:
            rounded = {name: round(value, 5) for name, value in recent.items()}
            rounded |= {"rate": round(run.rate(), 7), "samples_per_s": round(speed, 1)}
            record.write(run.step, run.samples, rounded)
        if validation is not None and run.is_tried():
            with record.paused():
                found = validation(run.average)
            record.validated(run.step, run.samples, found)
        if time.monotonic() - saved > _SAVE_EVERY_S:
            _keep(run, last, record)
            saved = time.monotonic()
    _keep(run, last, record)


def _keep(run: _Run, last: Path, record: Record) -> None:
    checkpoints.save(run.checkpoint(), last)
    record.draw()
