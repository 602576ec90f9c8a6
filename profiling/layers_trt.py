"""Layers as TensorRT's profiler tells them, of the engine that was built on this board."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Mapping
from contextlib import closing
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from thermedge.profiling.layers import Feeds, Layer
from thermedge.runtime import engine_cache
from thermedge.runtime.backends import device_memory, trt, trt_library
from thermedge.runtime.backends.device_memory import Device

_WARM_UP = 3
# Words of a tensor's type as the inspector spells it, and the bytes of one value.
_TYPES = (
    (re.compile(r"int8|fp8|bool", re.I), 1),
    (re.compile(r"fp16|half|bf16|bfloat16", re.I), 2),
    (re.compile(r"fp32|float|int32", re.I), 4),
)
_TYPE_KEYS = ("Format/Datatype", "DataType", "Datatype", "Format")  # TensorRT 11 has the others


def measure(graph: Path, feeds: Feeds, *, threads: int, runs: int) -> list[Layer]:
    """Run the engine under the profiler, call by call: a CUDA graph tells no layers.

    Args:
        graph: Any precision of the network; the engine that was installed last runs.
        feeds: Name -> array of each input.
        threads: Of no use to a GPU.
        runs: A layer's time is the median of so many.

    Raises:
        BackendError: There is no engine for this board, no driver, or no memory.
        MissingDependencyError: TensorRT, or cuda-python and pycuda, are not installed.
    """
    module = trt_library.imported("the layers of the backend 'trt'")
    with closing(device_memory.open_device()) as device:
        device.activate()
        stored = engine_cache.load(graph, trt.platform(module, device))
        log = trt_library.kept_log(module)
        runtime = module.Runtime(log)
        if stored.facts.dla_core is not None:
            runtime.DLA_core = stored.facts.dla_core
        engine = runtime.deserialize_cuda_engine(stored.data)
        context = None if engine is None else engine.create_execution_context()
        if context is None:
            raise trt_library.failed(
                "TensorRT can't load the engine", log, engine_cache.rebuild(graph)
            )
        _bind(module, device, engine, context, feeds)
        profiler = _profiler(module)
        context.profiler = profiler
        for _ in range(_WARM_UP + runs):
            profiler.runs.append({})
            # With a profiler, TensorRT waits for the run's end and tells each layer of it.
            if not context.execute_async_v3(device.stream):
                raise trt_library.failed(
                    "TensorRT can't run the engine", log, engine_cache.rebuild(graph)
                )
            device.synchronize()
        inspector = engine.create_engine_inspector()
        told = inspector.get_engine_information(module.LayerInformationFormat.JSON)
        return of_runs(profiler.runs[_WARM_UP:], told)


def of_runs(runs: list[dict[str, float]], information: str) -> list[Layer]:
    """Return the layers of profiled runs, in their order.

    Args:
        runs: Name -> ms of each layer, run by run.
        information: The inspector's JSON; layers that it does not describe have times alone.
    """
    described = {
        str(layer.get("Name")): layer
        for layer in json.loads(information).get("Layers", ())
        if isinstance(layer, Mapping)  # of an engine without details they are names
    }
    layers = []
    for name in dict.fromkeys(name for run in runs for name in run):
        told = described.get(name, {})
        spent_ms = statistics.median(run.get(name, 0.0) for run in runs)
        kind = str(told.get("ParameterType", told.get("LayerType", "")))
        layers.append(Layer(name, kind, spent_ms, _macs(told), _moved(told)))
    return layers


def _profiler(module: Any) -> Any:
    """Return one of TensorRT's profilers, which adds up ms by layer in the last of its `runs`."""

    class Profiler(module.IProfiler):  # type: ignore[misc]
        def __init__(self) -> None:
            module.IProfiler.__init__(self)
            self.runs: list[dict[str, float]] = []

        def report_layer_time(self, layer_name: str, ms: float) -> None:
            run = self.runs[-1]
            run[layer_name] = run.get(layer_name, 0.0) + ms

    return Profiler()


def _bind(module: Any, device: Device, engine: Any, context: Any, feeds: Feeds) -> None:
    """Give each tensor memory on the device, and the inputs what they are fed."""
    for index in range(engine.num_io_tensors):
        name = engine.get_tensor_name(index)
        array = device.host(tuple(engine.get_tensor_shape(name)), "float32")
        address = device.allocate(array.nbytes)
        context.set_tensor_address(name, address)
        if engine.get_tensor_mode(name) == module.TensorIOMode.INPUT:
            np.copyto(array, feeds[name])
            device.upload(address, array)
    device.synchronize()


def _macs(told: Mapping[str, Any]) -> int:
    """Return the multiply-accumulates of a convolution: each weight once per place and picture.

    Source: NVIDIA's TensorRT developer guide, engine inspector: the example of its output.
    """
    outputs = [tuple(tensor.get("Dimensions", ())) for tensor in told.get("Outputs", ())]
    if told.get("ParameterType") != "Convolution" or not outputs or len(outputs[0]) < 3:
        return 0
    batch, _, *places = outputs[0]
    return int(batch * prod(places) * told.get("Weights", {}).get("Count", 0))


def _moved(told: Mapping[str, Any]) -> int:
    """Return the bytes of all inputs, outputs and weights."""
    tensors = [*told.get("Inputs", ()), *told.get("Outputs", ())]
    weights = told.get("Weights", {})
    sizes = [(prod(tensor.get("Dimensions", ())), _type(tensor)) for tensor in tensors]
    sizes.append((int(weights.get("Count", 0)), str(weights.get("Type", ""))))
    return sum(count * _bytes(kind) for count, kind in sizes)


def _type(tensor: Mapping[str, Any]) -> str:
    return " ".join(str(tensor.get(key, "")) for key in _TYPE_KEYS)


def _bytes(kind: str) -> int:
    return next((size for pattern, size in _TYPES if pattern.search(kind)), 0)
