"""The GPU's memory through NVIDIA's cuda-python: its binding of the CUDA driver."""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermedge.errors import BackendError
from thermedge.optional import require
from thermedge.runtime.backends.device_memory import cuda_version, no_driver, no_memory, refused

_LOG = logging.getLogger(__name__)


class CudaDevice:
    """The first GPU; see `device_memory.Device`."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver
        self._device = self._do("cuDeviceGet", 0)
        self._context = self._do("cuDevicePrimaryCtxRetain", self._device)
        self._pinned: list[int] = []
        self._allocated: list[Any] = []
        self._graphs: list[Any] = []
        self._stream: Any = None
        self._is_open = True
        self.activate()
        self._stream = self._do("cuStreamCreate", driver.CUstream_flags.CU_STREAM_NON_BLOCKING)
        self.stream = int(self._stream)
        self.name = self._do("cuDeviceGetName", 256, self._device).split(b"\0")[0].decode()
        self.compute_capability = f"{self._attribute('MAJOR')}.{self._attribute('MINOR')}"
        self.driver = cuda_version(self._do("cuDriverGetVersion"))

    def activate(self) -> None:
        """Let the calling thread use the device."""
        self._do("cuCtxSetCurrent", self._context)

    def memory_mib(self) -> tuple[int, int]:
        """Return how much memory is (free, there at all)."""
        free, total = self._do("cuMemGetInfo")
        return free >> 20, total >> 20

    def host(self, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
        """Return zeros in page-locked host memory, which belong to the device."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        address = int(self._do("cuMemAllocHost", size))
        self._pinned.append(address)
        raw = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))
        raw.fill(0)
        return raw.view(dtype).reshape(shape)

    def allocate(self, size: int) -> int:
        """Return the address of `size` bytes, which belong to the device."""
        self._allocated.append(self._do("cuMemAlloc", size))
        return int(self._allocated[-1])

    def upload(self, address: int, array: NDArray[Any]) -> None:
        """Copy a page-locked array to the GPU."""
        self._do("cuMemcpyHtoDAsync", address, array.ctypes.data, array.nbytes, self._stream)

    def download(self, array: NDArray[Any], address: int) -> None:
        """Copy from the GPU into a page-locked array."""
        self._do("cuMemcpyDtoHAsync", array.ctypes.data, address, array.nbytes, self._stream)

    def synchronize(self) -> None:
        """Wait for all that was asked."""
        self._do("cuStreamSynchronize", self._stream)

    def recorded(self, work: Callable[[], None]) -> Callable[[], None] | None:
        """Record what `work` asks of the stream as a CUDA graph; None where it can't be."""
        driver = self._driver
        mode = driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        try:
            self._do("cuStreamBeginCapture", self._stream, mode)
            try:
                work()
            finally:
                graph = self._do("cuStreamEndCapture", self._stream)
            # Before CUDA 12 the plain name took a buffer for messages.
            flags = hasattr(driver, "cuGraphInstantiateWithFlags")
            name = "cuGraphInstantiateWithFlags" if flags else "cuGraphInstantiate"
            launched = self._do(name, graph, 0)
            self._do("cuGraphDestroy", graph)
        except BackendError as error:
            _LOG.info("no CUDA graph: %s", error.problem)
            return None
        self._graphs.append(launched)
        return lambda: self._do("cuGraphLaunch", launched, self._stream)

    def close(self) -> None:
        """Free all memory. Calling it twice is allowed."""
        if not self._is_open:
            return
        self._is_open = False
        self.activate()
        for graph in self._graphs:
            self._do("cuGraphExecDestroy", graph)
        for address in self._allocated:
            self._do("cuMemFree", address)
        for address in self._pinned:
            self._do("cuMemFreeHost", address)
        self._do("cuStreamDestroy", self._stream)
        self._do("cuDevicePrimaryCtxRelease", self._device)

    def _attribute(self, which: str) -> int:
        names = self._driver.CUdevice_attribute
        attribute = getattr(names, f"CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_{which}")
        return int(self._do("cuDeviceGetAttribute", attribute, self._device))

    def _do(self, name: str, *arguments: Any) -> Any:
        """Call the driver; return its one result, a tuple of several, or None."""
        return _checked(self._driver, name, getattr(self._driver, name)(*arguments))


def open_first() -> CudaDevice:
    """Open the first GPU.

    Raises:
        BackendError: There is no driver, it is too old, or it finds no GPU.
    """
    driver = require("cuda.bindings.driver", "the backend 'trt'")
    try:
        _checked(driver, "cuInit", driver.cuInit(0))
    except RuntimeError as error:  # how cuda-python says that it finds no driver to load
        raise no_driver(" ".join(str(error).split())) from error
    if _checked(driver, "cuDeviceGetCount", driver.cuDeviceGetCount()) == 0:
        raise no_driver("the driver finds no GPU")
    return CudaDevice(driver)


def _checked(driver: Any, name: str, answer: tuple[Any, ...]) -> Any:
    status, *results = answer
    if status != driver.CUresult.CUDA_SUCCESS:
        raise _refused(driver, name, status)
    if not results:
        return None
    return results[0] if len(results) == 1 else tuple(results)


def _refused(driver: Any, name: str, status: Any) -> BackendError:
    told = str(getattr(status, "name", status))
    if status == driver.CUresult.CUDA_ERROR_OUT_OF_MEMORY:
        return no_memory(name)
    return no_driver(told) if name == "cuInit" else refused(f"{name}: {told}")
