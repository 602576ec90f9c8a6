"""Prepare the batches of a run ahead of it, in processes of their own."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, multiprocessing

from thermedge.manifest import CropSpec
from thermedge.training import pack
from thermedge.training.pairs import PairSampler
from thermedge.training.processes import Processes
from thermedge.training.recipe import Recipe

# A forked worker would inherit the locks of OpenCV's threads, which packing has started, and
# wait for them for ever.
_START = "spawn"
_TURN_BATCHES = 2  # of each worker


class Batches(torch.utils.data.Dataset[dict[str, Tensor]]):
    """The batches of a run, as tensors; crosses to a worker process as names, not as pictures.

    Of `parts` processes, each takes its own part of every batch: together they see the
    pairs that one would.
    """

    def __init__(
        self,
        plan: Recipe,
        data: Path,
        crop: CropSpec,
        inputs: tuple[str, ...],
        *,
        part: int = 0,
        parts: int = 1,
    ) -> None:
        self._plan, self._data, self._crop, self._inputs = plan, data, crop, inputs
        self._part, self._parts = part, parts
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
        """Return this process's part of batch `number` of the run."""
        sampler = self._sampler or self.open()
        batch = sampler.batch(number, part=self._part, parts=self._parts)
        return {name: torch.from_numpy(values) for name, values in batch.items()}

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_sampler": None}


def prepared(
    batches: Batches, first: int, count: int, workers: int | None, processes: Processes
) -> Iterator[dict[str, Tensor]]:
    """Yield the batches from `first` up to `count`, on the device of this process.

    Beside a GPU they are prepared ahead. On a CPU the network and those that prepare need
    the same cores, and a thread of the network that waits for one of them holds up the
    others: there they take turns.

    Args:
        batches: Opened, so that no worker packs data.
        first: Number of the first batch.
        count: Of the run.
        workers: Processes that prepare them; 0 prepares them here; None for one beside a
            GPU, and one for each thread of the network without.
        processes: Whose device they go to.
    """
    if processes.device.type == "cpu":
        workers = torch.get_num_threads() if workers is None else workers
        yield from _in_turns(batches, range(first, count), workers)
        return
    workers = 1 if workers is None else workers
    loader = torch.utils.data.DataLoader(
        batches,
        batch_size=None,
        sampler=range(first, count),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        worker_init_fn=_one_thread if workers else None,
        pin_memory=True,
        multiprocessing_context=_START if workers else None,
    )
    for batch in loader:
        yield {name: part.to(processes.device, non_blocking=True) for name, part in batch.items()}


def _in_turns(
    batches: Batches, numbers: Sequence[int], workers: int
) -> Iterator[dict[str, Tensor]]:
    """Yield batches; the workers rest while those of their last turn are learned from."""
    if not workers:
        yield from (batches[number] for number in numbers)
        return
    turn = workers * _TURN_BATCHES
    with multiprocessing.get_context(_START).Pool(workers, _begin, (batches,)) as pool:
        for start in range(0, len(numbers), turn):
            yield from pool.map(_prepare, numbers[start : start + turn], chunksize=1)


_batches: Batches | None = None  # of a worker


def _begin(batches: Batches) -> None:
    """Make this process ready to prepare batches."""
    global _batches
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that trains ends this one
    _one_thread(0)
    _batches = batches


def _prepare(number: int) -> dict[str, Tensor]:
    assert _batches is not None
    return _batches[number]


def _one_thread(worker: int) -> None:
    import cv2

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
