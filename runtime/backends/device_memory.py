"""The GPU's memory and one stream of work on it, through whichever package is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any, Protocol

from numpy.typing import NDArray

from thermedge.errors import BackendError, MissingDependencyError

# In this order: cuda-python comes ready to run, pycuda has to be compiled.
_LIBRARIES = {
    "cuda": "thermedge.runtime.backends.device_cuda",
    "pycuda": "thermedge.runtime.backends.device_pycuda",
}


class Device(Protocol):
    """The first GPU, with one stream: what is asked of it happens in order, later.

    Addresses are of the GPU's memory. `synchronize` waits until all is done; only then may
    host memory that is copied from or to be touched.

    Every method may raise a BackendError: the driver refused.
    """

    name: str  # as the driver calls it: "Orin"
    compute_capability: str  # "8.7"
    driver: str  # the newest CUDA that the driver knows: "12.6"
    stream: int  # handle

    def activate(self) -> None:
        """Let the calling thread use the device."""
        ...

    def memory_mib(self) -> tuple[int, int]:
        """Return how much memory is (free, there at all)."""
        ...

    def host(self, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
        """Return zeros in page-locked host memory, which belong to the device."""
        ...

    def allocate(self, size: int) -> int:
        """Return the address of `size` bytes, which belong to the device."""
        ...

    def upload(self, address: int, array: NDArray[Any]) -> None:
        """Copy a page-locked array to the GPU."""
        ...

    def download(self, array: NDArray[Any], address: int) -> None:
        """Copy from the GPU into a page-locked array."""
        ...

    def synchronize(self) -> None:
        """Wait for all that was asked."""
        ...

    def recorded(self, work: Callable[[], None]) -> Callable[[], None] | None:
        """Record what `work` asks of the stream; return what asks it all at once.

        Returns:
            None where that can't be done: the work holds something that can't be recorded,
            or the package has no CUDA graphs.
        """
        ...

    def close(self) -> None:
        """Free all memory. Calling it twice is allowed."""
        ...


def open_device() -> Device:
    """Open the first GPU.

    Raises:
        BackendError: There is no driver or no GPU.
        MissingDependencyError: Neither cuda-python nor pycuda is installed.
    """
    for package, module in _LIBRARIES.items():
        if importlib.util.find_spec(package) is not None:
            opened: Device = importlib.import_module(module).open_first()
            return opened
    raise MissingDependencyError(
        "The backend 'trt' needs cuda-python or pycuda to reach the GPU's memory; "
        "neither is installed.",
        "pip install 'thermedge[trt]' 'cuda-bindings<13' on JetPack 6, which has CUDA 12; "
        "pip install 'thermedge[trt]' 'cuda-bindings>=13' on JetPack 7",
    )


def no_driver(told: str) -> BackendError:
    """Return the error of a machine on which CUDA can't start."""
    return BackendError(
        f"CUDA does not start on this machine: {told.rstrip('.')}.",
        "On a Jetson, flash or repair JetPack, and give containers the GPU with "
        "--runtime nvidia; elsewhere install NVIDIA's driver; or choose --backend ort",
    )


def no_memory(told: str) -> BackendError:
    """Return the error of a GPU whose memory is full; on a Jetson it is the board's."""
    return BackendError(
        f"The GPU has no memory left: {told}.",
        "Stop other programs that use memory or the GPU (`sudo tegrastats` shows what is free), "
        "or log out of the desktop: sudo systemctl isolate multi-user.target",
    )


def refused(told: str) -> BackendError:
    """Return the error of a driver that says no for any other reason."""
    return BackendError(
        f"The CUDA driver refuses {told}.",
        "Look at the kernel's messages (`sudo dmesg | tail`) and start the board again.",
    )


def cuda_version(number: int) -> str:
    """Return the driver's 12060 as "12.6"."""
    return f"{number // 1000}.{number % 1000 // 10}"
