"""Share one run among processes, as torchrun starts them: the same sums as in one process."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from thermedge.errors import RecipeError

DeviceName = Literal["auto", "cpu", "cuda"]
_PATIENCE = timedelta(hours=2)  # the others wait while the first packs data, or validates
Value = TypeVar("Value")
Module = TypeVar("Module", bound=nn.Module)


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among those of a run."""

    device: torch.device
    rank: int = 0  # from 0; the first writes and prints
    count: int = 1
    local_rank: int = 0  # on this machine
    local_count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes log and checkpoints."""
        return self.rank == 0

    def threads(self, asked: int) -> int:
        """Return the CPU threads of this process: as asked, else its share; 0 leaves it to torch.

        torchrun grants one thread to each of several processes unless told otherwise.
        """
        if asked or self.count == 1:
            return asked
        return max((os.cpu_count() or 1) // self.local_count, 1)

    def from_first(self, value: Value) -> Value:
        """Return what the first process has given here, in all of them."""
        if self.count == 1:
            return value
        held: list[Value] = [value]
        dist.broadcast_object_list(held, device=torch.device("cpu"))
        return held[0]

    def in_turn(self) -> Iterator[None]:
        """Yield once, in turn: the first process, the first of every machine, the others.

        So what the first makes on a disk is there for the others, shared disk or not.
        """
        turn = 0 if self.is_first else 1 if self.local_rank == 0 else 2
        for now in range(3):
            if now == turn:
                yield
            if self.count > 1:
                dist.all_reduce(torch.zeros(1))


@contextmanager
def joined(device: DeviceName) -> Iterator[Processes]:
    """Find the others, if torchrun has started any, and the device of this process.

    Raises:
        RecipeError: There is no CUDA device, or fewer than processes on this machine.
    """
    if not _is_one_of_many():
        yield Processes(_device(device, 0, 1))
        return
    rank, count = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    local_count = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    chosen = _device(device, local_rank, local_count)
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    # Checkpoints cross by gloo as what lies in memory, whatever the gradients cross by.
    backends = "cpu:gloo,cuda:nccl" if chosen.type == "cuda" else "gloo"
    dist.init_process_group(backends, timeout=_PATIENCE)
    yield Processes(chosen, rank, count, local_rank, local_count)
    # Not after an error: the others may wait in a sum that will never be complete.
    dist.barrier()  # nobody leaves while another still talks
    dist.destroy_process_group()
    if rank:
        # A thread of gloo that wants the interpreter while it ends aborts the process, and with
        # it the run: seen with torch 2.13, rarely. The others have nothing left to do.
        atexit.register(_leave)


def _leave() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _is_one_of_many() -> bool:
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and "MASTER_ADDR" in os.environ


def _device(name: DeviceName, local_rank: int, local_count: int) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cpu":
        return torch.device("cpu")
    found = torch.cuda.device_count()
    if found < local_count:
        raise RecipeError(
            f"PyTorch {torch.__version__} finds {found} CUDA devices for {local_count} "
            "process(es) of this machine.",
            "Take --device cpu, or start one process per GPU: torchrun --nproc-per-node GPUS",
        )
    return torch.device("cuda", local_rank)


def share_of_all(total: Tensor) -> Tensor:
    """Return the sum of `total` over all processes, at least 1, over their number.

    What a loss divides by, when it is a count of the truth: the mean over processes of
    losses that divide by this is the loss that one process would have had with all of
    the batch, and DistributedDataParallel takes the mean of their gradients.
    """
    if not _is_shared():
        return total.clamp(min=1.0)
    everywhere = total.detach().clone()
    dist.all_reduce(everywhere)
    return everywhere.clamp(min=1.0) / dist.get_world_size()


def mean_of_all(values: Tensor) -> Tensor:
    """Return the mean of `values` over all processes, without gradient."""
    if not _is_shared():
        return values.detach()
    mean = values.detach().clone()
    dist.all_reduce(mean)
    return mean / dist.get_world_size()


def _is_shared() -> bool:
    return dist.is_available() and dist.is_initialized()


def with_shared_norms(net: Module) -> Module:
    """Let the batch norms of `net` take their statistics over all processes; return `net`.

    Parameters and buffers stay the same objects under the same names.
    """
    for module in list(net.modules()):
        for name, child in module.named_children():
            if type(child) is nn.BatchNorm2d:
                setattr(module, name, _SharedNorm.of(child))
    return net


class _SharedNorm(nn.BatchNorm2d):
    """A batch norm over the parts of a batch, of one size, in all processes.

    PyTorch's own does the same, but on CUDA alone.

    Source: SyncBatchNorm of PyTorch; the mean goes first, so that the variance does not
        suffer from cancellation.
    """

    @classmethod
    def of(cls, norm: nn.BatchNorm2d) -> _SharedNorm:
        """Take over what `norm` holds."""
        shared = cls(norm.num_features, norm.eps, norm.momentum)
        shared.__dict__.update(norm.__dict__)
        return shared

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  the name it has in PyTorch
        """Normalise; in training, by what all processes see."""
        if not self.training:
            return super().forward(input)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        count = dist.get_world_size()
        values = input.to(torch.promote_types(input.dtype, torch.float32))
        mean = _summed(values.mean((0, 2, 3))) / count
        centred = values - mean[:, None, None]
        variance = _summed(centred.square().mean((0, 2, 3))) / count
        with torch.no_grad():
            seen = count * values.numel() / values.shape[1]
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (seen / max(seen - 1, 1)), self.momentum)
            self.num_batches_tracked.add_(1)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        normed = centred * scale[:, None, None] + self.bias[:, None, None]
        return normed.to(input.dtype)


class _Sum(torch.autograd.Function):
    """A sum over all processes that gradients go through, back to each of them."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.contiguous().clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _Sum.forward(ctx, gradients[0])


def _summed(value: Tensor) -> Tensor:
    return cast(Tensor, _Sum.apply(value))  # type: ignore[no-untyped-call]
