"""The contract of an inference engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Tensors = Mapping[str, NDArray[np.float32]]


class Backend(Protocol):
    """One graph, loaded and ready. Opened by `open_backend`, closed by its owner.

    Inputs and outputs are the engine's own buffers, so that a frame is written and read
    in place: fill `inputs`, call `run`, read `outputs` before the next `run`.
    """

    name: str  # "ort-cpu": what a latency table prints
    inputs: Tensors
    outputs: Tensors

    def run(self) -> None:
        """Run once, synchronously, from `inputs` to `outputs`."""
        ...

    def close(self) -> None:
        """Free what the engine holds. Calling it twice is allowed."""
        ...
