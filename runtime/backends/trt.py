"""TensorRT on the GPU: runs the engine that `thermedge build` made on this board."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermedge.errors import BackendError
from thermedge.manifest import GraphSpec
from thermedge.runtime import engine_cache
from thermedge.runtime.backends import device_memory, trt_library
from thermedge.runtime.backends.base import Tensors
from thermedge.runtime.backends.device_memory import Device
from thermedge.tensors import TensorSpec

_LOG = logging.getLogger(__name__)

_WARM_UP_RUNS = 3  # the first ones load kernels


class TrtBackend:
    """One engine, its tensors in page-locked host memory and in the GPU's, and one stream.

    A run copies the inputs up, but for those that `hold` took over, and all outputs down.
    Where CUDA can record that as a graph, a run is one call.

    Args:
        trt: The module tensorrt.
        device: Closed with the backend.
        engine: Serialised; nothing that was not verified may come here.
        spec: The inputs and outputs that it must have.
        precision: What the engine was built for; inputs and outputs are float32 in any case.
        dla_core: Which accelerator besides the GPU the engine was built for, if any.
    """

    def __init__(
        self,
        trt: Any,
        device: Device,
        engine: bytes,
        spec: GraphSpec,
        *,
        precision: str,
        dla_core: int | None = None,
    ) -> None:
        self.name, self.precision = f"trt-{precision}", precision
        self._device: Device | None = device
        device.activate()
        self._log = trt_library.kept_log(trt)
        self._runtime: Any = trt.Runtime(self._log)
        if dla_core is not None:
            self._runtime.DLA_core = dla_core
        self._engine: Any = self._runtime.deserialize_cuda_engine(engine)
        if self._engine is None:
            raise self._failed("TensorRT can't load the engine")
        _check(trt, self._engine, spec)
        self._context: Any = self._engine.create_execution_context()
        if self._context is None:
            raise self._failed("TensorRT can't make room to run the engine")
        self.inputs: Tensors = {
            item.name: device.host(item.shape, item.dtype) for item in spec.inputs
        }
        self.outputs: Tensors = {
            item.name: device.host(item.shape, item.dtype) for item in spec.outputs
        }
        self._address = {
            tensor: device.allocate(array.nbytes)
            for tensor, array in {**self.inputs, **self.outputs}.items()
        }
        for tensor, address in self._address.items():
            if not self._context.set_tensor_address(tensor, address):
                raise self._failed(f"TensorRT refuses the address of {tensor!r}")
        self._sent = list(self.inputs)  # copied up in every run
        self._launch: Callable[[], None] = self._enqueue
        self._warm_up(device)

    @property
    def has_graph(self) -> bool:
        """Whether a run is one recorded CUDA graph."""
        return self._launch != self._enqueue

    @property
    def engine(self) -> Any:
        """TensorRT's engine, for whoever wants to inspect it."""
        return self._engine

    def run(self) -> None:
        """Run once from `inputs` to `outputs`."""
        device = self._opened()
        device.activate()
        self._launch()
        device.synchronize()

    def hold(self, names: Iterable[str]) -> None:
        """Take these inputs over as they are now; until the next call, no run looks at them."""
        device, names = self._opened(), list(names)
        device.activate()
        for name in names:
            device.upload(self._address[name], self.inputs[name])
        device.synchronize()
        sent = [name for name in self._sent if name not in names]
        if sent != self._sent:
            self._sent = sent
            self._record(device)

    def close(self) -> None:
        """Free the engine and its memory. Calling it twice is allowed."""
        device, self._device = self._device, None
        if device is None:
            return
        self._context = self._engine = self._runtime = None  # before the memory they use
        device.close()

    def _opened(self) -> Device:
        if self._device is None:
            raise BackendError("The backend 'trt' was closed.", "Open it again before running it.")
        return self._device

    def _enqueue(self) -> None:
        device = self._opened()
        for name in self._sent:
            device.upload(self._address[name], self.inputs[name])
        if not self._context.execute_async_v3(device.stream):
            raise self._failed("TensorRT can't run the engine")
        for name, array in self.outputs.items():
            device.download(array, self._address[name])

    def _warm_up(self, device: Device) -> None:
        for _ in range(_WARM_UP_RUNS):
            self._enqueue()
            device.synchronize()
        self._record(device)

    def _record(self, device: Device) -> None:
        """Make a run one CUDA graph, if that computes what the plain calls compute."""
        self._launch = self._enqueue
        self._enqueue()
        device.synchronize()
        expected = {name: array.copy() for name, array in self.outputs.items()}
        launch = device.recorded(self._enqueue)
        if launch is None:
            self._log.errors.clear()  # of TensorRT, about what it can't record
            return
        launch()
        device.synchronize()
        if all(_are_close(array, expected[name]) for name, array in self.outputs.items()):
            self._launch = launch
        else:
            _LOG.warning("%s: its CUDA graph computes something else and is not used", self.name)

    def _failed(self, problem: str) -> BackendError:
        return trt_library.failed(
            problem, self._log, "Build it again on this board: thermedge build BUNDLE"
        )


def open_engine(graph: Path, spec: GraphSpec, *, threads: int) -> TrtBackend:
    """Open the engine that was built on this board for the network `graph`.

    Args:
        graph: Any precision of the network; the engine that was installed last runs.
        spec: The inputs and outputs that it must have.
        threads: Of no use to a GPU.

    Raises:
        BackendError: There is no engine for this board, no driver, or no memory.
        MissingDependencyError: TensorRT, or cuda-python and pycuda, are not installed.
    """
    trt = trt_library.imported("the backend 'trt'")
    device = device_memory.open_device()  # first: without a GPU, TensorRT ends the process
    try:
        stored = engine_cache.load(graph, platform(trt, device))
        return TrtBackend(
            trt,
            device,
            stored.data,
            spec,
            precision=stored.facts.precision,
            dla_core=stored.facts.dla_core,
        )
    except BaseException:
        device.close()
        raise


def platform(trt: Any, device: Device) -> engine_cache.Platform:
    """Return what an engine built here is bound to."""
    return engine_cache.Platform(
        tensorrt=str(trt.__version__),
        gpu=device.name,
        compute_capability=device.compute_capability,
        driver=device.driver,
    )


def _check(trt: Any, engine: Any, spec: GraphSpec) -> None:
    """Raise unless the engine has the tensors of `spec`."""
    modes = trt.TensorIOMode
    kinds: dict[Any, dict[str, TensorSpec]] = {modes.INPUT: {}, modes.OUTPUT: {}}
    for index in range(engine.num_io_tensors):
        name = engine.get_tensor_name(index)
        shape = tuple(int(side) for side in engine.get_tensor_shape(name))
        is_float = engine.get_tensor_dtype(name) == trt.DataType.FLOAT
        kinds[engine.get_tensor_mode(name)][name] = TensorSpec(
            name, shape, "float32" if is_float else str(engine.get_tensor_dtype(name))
        )
    for mode, expected in (("INPUT", spec.inputs), ("OUTPUT", spec.outputs)):
        came = kinds[getattr(modes, mode)]
        if came != {item.name: item for item in expected}:
            raise BackendError(
                f"The engine has the {mode.lower()}s {_shown(came.values())}, the manifest says "
                f"{_shown(expected)}.",
                "Build it again on this board: thermedge build BUNDLE",
            )


def _shown(specs: Iterable[TensorSpec]) -> str:
    return ", ".join(f"{item.name} {item.dtype} {item.shape}" for item in specs)


def _are_close(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return bool(np.allclose(one, other, rtol=1e-3, atol=1e-3, equal_nan=True))
