"""What one input or output of a graph must look like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from thermedge.errors import BackendError


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, static shape and dtype of one graph input or output."""

    name: str
    shape: tuple[int, ...]  # static only: batch 1, no free dimension
    dtype: str = "float32"

    def check(self, array: NDArray[Any]) -> None:
        """Raise unless `array` has this shape and dtype.

        Raises:
            BackendError: What came and what was expected.
        """
        if tuple(array.shape) != self.shape or str(array.dtype) != self.dtype:
            raise BackendError(
                f"Tensor {self.name!r}: came {array.dtype} {tuple(array.shape)}, "
                f"expected {self.dtype} {self.shape}.",
                "Export the bundle again, or feed it what its manifest asks for.",
            )
