"""A GPU made of host memory, and engines that compute with numpy: for tests without a GPU."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from thermedge.errors import BackendError


class HostGpu:
    """What `device_memory.Device` promises. Work waits until it is synchronised, as on a GPU."""

    name, compute_capability, driver, stream = "Orin", "8.7", "12.6", 77

    def __init__(self, *, records: bool = True, free_mib: int = 4096) -> None:
        self.records, self.free_mib = records, free_mib
        self.memory: dict[int, np.ndarray] = {}
        self.pinned: list[np.ndarray] = []
        self.waiting: list[Callable[[], None]] = []
        self.uploads: list[int] = []  # addresses
        self.activations = 0
        self.closed = False

    def activate(self) -> None:
        self.activations += 1

    def memory_mib(self) -> tuple[int, int]:
        return self.free_mib, 7600

    def host(self, shape, dtype):
        self.pinned.append(np.zeros(shape, dtype))
        return self.pinned[-1]

    def allocate(self, size: int) -> int:
        block = np.full(size, 0xAA, np.uint8)
        self.memory[block.ctypes.data] = block
        return int(block.ctypes.data)

    def upload(self, address, array) -> None:
        assert any(array is one for one in self.pinned)

        def work() -> None:
            self.uploads.append(address)
            ctypes.memmove(address, array.ctypes.data, array.nbytes)

        self.ask(work)

    def download(self, array, address) -> None:
        assert any(array is one for one in self.pinned)
        self.ask(lambda: ctypes.memmove(array.ctypes.data, address, array.nbytes) and None)

    def ask(self, work: Callable[[], None]) -> None:
        self.waiting.append(work)

    def synchronize(self) -> None:
        waiting, self.waiting = self.waiting, []
        for work in waiting:
            work()

    def recorded(self, work: Callable[[], None]) -> Callable[[], None] | None:
        if not self.records:
            return None
        assert not self.waiting
        try:
            work()
        except BackendError:
            self.waiting = []
            return None
        recording, self.waiting = self.waiting, []
        return lambda: self.waiting.extend(recording)

    def close(self) -> None:
        self.closed = True


def engines(trt: Any, gpu: HostGpu, specs: dict[bytes, Any], compute: Callable[..., Any]) -> None:
    """Let the recorded module `trt` run engines on `gpu`.

    Args:
        specs: What is serialised -> its GraphSpec.
        compute: Is called with what is serialised and name -> input; returns name -> output.
    """
    names: dict[int, bytes] = {}  # id of an engine or a context -> what was serialised
    address: dict[tuple[int, str], int] = {}
    kept: list[Any] = []

    def spec_of(engine: Any) -> Any:
        return specs[names[id(engine)]]

    def tensors(engine: Any) -> list[Any]:
        return [*spec_of(engine).inputs, *spec_of(engine).outputs]

    def named(engine: Any, name: str) -> Any:
        return next(item for item in tensors(engine) if item.name == name)

    def is_input(engine: Any, name: str) -> bool:
        return any(item.name == name for item in spec_of(engine).inputs)

    def made(kind: str, serialised: bytes) -> Any:
        kept.append(trt._new(kind))
        names[id(kept[-1])] = serialised
        return kept[-1]

    def load(runtime: Any, serialised: bytes) -> Any:
        return made("ICudaEngine", serialised) if serialised in specs else None

    def at(context: Any, item: Any) -> np.ndarray:
        count = int(np.prod(item.shape))
        pointer = (ctypes.c_float * count).from_address(address[id(context), item.name])
        return np.ctypeslib.as_array(pointer).reshape(item.shape)

    def run(context: Any, stream: int) -> bool:
        assert stream == gpu.stream

        def work() -> None:
            spec = spec_of(context)
            feeds = {item.name: at(context, item) for item in spec.inputs}
            for name, value in compute(names[id(context)], feeds).items():
                at(context, named(context, name))[...] = value

        gpu.ask(work)
        return True

    def set_address(context: Any, name: str, memory: int) -> bool:
        address[id(context), name] = memory
        return memory in gpu.memory

    trt.answers |= {
        "Runtime.deserialize_cuda_engine": load,
        "ICudaEngine.num_io_tensors": lambda engine: len(tensors(engine)),
        "ICudaEngine.get_tensor_name": lambda engine, index: tensors(engine)[index].name,
        "ICudaEngine.get_tensor_shape": lambda engine, name: named(engine, name).shape,
        "ICudaEngine.get_tensor_dtype": lambda engine, name: trt.DataType.FLOAT,
        "ICudaEngine.get_tensor_mode": lambda engine, name: (
            trt.TensorIOMode.INPUT if is_input(engine, name) else trt.TensorIOMode.OUTPUT
        ),
        "ICudaEngine.create_execution_context": lambda engine: made(
            "IExecutionContext", names[id(engine)]
        ),
        "IExecutionContext.set_tensor_address": set_address,
        "IExecutionContext.execute_async_v3": run,
    }
