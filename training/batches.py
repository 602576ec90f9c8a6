"""Prepare the batches of a run ahead of it, in processes of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from thermedge.manifest import CropSpec
from thermedge.training import pack
from thermedge.training.pairs import PairSampler
from thermedge.training.processes import Processes
from thermedge.training.recipe import Recipe


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
    batches: Batches, first: int, count: int, workers: int, processes: Processes
) -> Iterator[dict[str, Tensor]]:
    """Yield the batches from `first` up to `count`, on the device of this process.

    Args:
        batches: Opened, so that no worker packs data.
        first: Number of the first batch.
        count: Of the run.
        workers: Processes that prepare them; 0 prepares them here.
        processes: Whose device they go to.
    """
    is_copied = processes.device.type == "cuda"
    loader = torch.utils.data.DataLoader(
        batches,
        batch_size=None,
        sampler=range(first, count),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        worker_init_fn=_one_thread if workers else None,
        pin_memory=is_copied,
        # A forked worker would inherit the locks of OpenCV's threads, which packing has
        # started, and wait for them for ever.
        multiprocessing_context="spawn" if workers else None,
    )
    for batch in loader:
        yield (
            {name: part.to(processes.device, non_blocking=True) for name, part in batch.items()}
            if is_copied
            else batch
        )


def _one_thread(worker: int) -> None:
    import cv2

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
