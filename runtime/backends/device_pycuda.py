"""The GPU's memory through pycuda, where it is what is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermedge.optional import require
from thermedge.runtime.backends.device_memory import cuda_version, no_driver, no_memory, refused


class PycudaDevice:
    """The first GPU; see `device_memory.Device`. pycuda has no CUDA graphs."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver
        device = driver.Device(0)
        self._context = device.retain_primary_context()
        self._pinned: list[Any] = []
        self._allocated: list[Any] = []
        self._is_open = True
        self.activate()
        self._stream: Any = driver.Stream()
        self.stream = int(self._stream.handle)
        self.name = str(device.name())
        self.compute_capability = ".".join(str(part) for part in device.compute_capability())
        self.driver = cuda_version(driver.get_driver_version())

    def activate(self) -> None:
        """Let the calling thread use the device."""
        if self._driver.Context.get_current() is None:
            self._context.push()

    def memory_mib(self) -> tuple[int, int]:
        """Return how much memory is (free, there at all)."""
        free, total = self._driver.mem_get_info()
        return free >> 20, total >> 20

    def host(self, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
        """Return zeros in page-locked host memory, which belong to the device."""
        array: NDArray[Any] = self._do(self._driver.pagelocked_empty, shape, np.dtype(dtype))
        array.fill(0)
        self._pinned.append(array)
        return array

    def allocate(self, size: int) -> int:
        """Return the address of `size` bytes, which belong to the device."""
        self._allocated.append(self._do(self._driver.mem_alloc, size))
        return int(self._allocated[-1])

    def upload(self, address: int, array: NDArray[Any]) -> None:
        """Copy a page-locked array to the GPU."""
        self._do(self._driver.memcpy_htod_async, address, array, self._stream)

    def download(self, array: NDArray[Any], address: int) -> None:
        """Copy from the GPU into a page-locked array."""
        self._do(self._driver.memcpy_dtoh_async, array, address, self._stream)

    def synchronize(self) -> None:
        """Wait for all that was asked."""
        self._do(self._stream.synchronize)

    def recorded(self, work: Callable[[], None]) -> Callable[[], None] | None:
        """Return None: pycuda can't record a stream."""
        return None

    def close(self) -> None:
        """Free all memory. Calling it twice is allowed."""
        if not self._is_open:
            return
        self._is_open = False
        self.activate()
        for memory in self._allocated:
            memory.free()
        self._allocated, self._pinned = [], []  # the page-locked arrays free themselves
        self._driver.Context.pop()
        self._context.detach()

    def _do(self, call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except self._driver.MemoryError as error:
            raise no_memory(str(error)) from error
        except self._driver.Error as error:
            raise refused(str(error)) from error


def open_first() -> PycudaDevice:
    """Open the first GPU.

    Raises:
        BackendError: There is no driver or no GPU.
        MissingDependencyError: pycuda does not load.
    """
    driver = require("pycuda.driver", "the backend 'trt'")
    try:
        driver.init()
        if driver.Device.count() == 0:
            raise no_driver("the driver finds no GPU")
    except driver.Error as error:
        raise no_driver(str(error)) from error
    return PycudaDevice(driver)
