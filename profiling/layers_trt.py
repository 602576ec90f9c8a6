"""Layers as TensorRT's profiler tells them, of the engine that was built on this board."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from contextlib import closing
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from thermedge.errors import BackendError
from thermedge.profiling.layers import Feeds, Layer
from thermedge.runtime import engine_cache
from thermedge.runtime.backends import device_memory, trt, trt_library
from thermedge.runtime.backends.device_memory import Device

_WARM_UP = 3
# What a value takes, by the first word of the inspector's "Format/Datatype".
_BYTES = {"FP32": 4, "FP16": 2, "BF16": 2, "Half": 2, "Float": 4, "INT8": 1, "Int8": 1, "FP8": 1}


def measure(graph: Path, feeds: Feeds, *, threads: int, runs: int) -> list[Layer]:
    """Run the engine with a profiler, call by call: a CUDA graph would be one layer.

    Args:
        graph: The network; the engine that was installed last runs, as in the backend.
        feeds: Name -> array of each input.
        threads: Of no use to a GPU.
        runs: Each layer's time is the median of so many.

    Raises:
        BackendError: There is no engine for this board, no driver, or no memory.
        MissingDependencyError: TensorRT is not installed.
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
        context = engine.create_execution_context() if engine is not None else None
        if context is None:
            raise trt_library.failed(
                "TensorRT can't load the engine", log, engine_cache.rebuild(graph)
            )
        _bind(module, device, engine, context, feeds)
        profiler = _profiler(module)
        context.profiler = profiler
        for _ in range(_WARM_UP + runs):
            # With a profiler TensorRT waits for the run and reports each layer of it.
            if not context.execute_async_v3(device.stream):
                raise trt_library.failed(
                    "TensorRT can't run the engine", log, engine_cache.rebuild(graph)
                )
            device.synchronize()
        told = _information(module, engine)
    if not profiler.times:
        raise BackendError(
            "TensorRT's profiler tells no layer.", "Leave the layers out: --no-layers"
        )
    return [_layer(name, times[_WARM_UP:], told.get(name)) for name, times in profiler.times.items()]


def _profiler(module: Any) -> Any:
    """Return an object of TensorRT's IProfiler that keeps the times of each layer."""

    class Profiler(module.IProfiler):  # type: ignore[misc]
        def __init__(self) -> None:
            module.IProfiler.__init__(self)
            self.times: dict[str, list[float]] = defaultdict(list)

        def report_layer_time(self, layer_name: str, ms: float) -> None:
            self.times[layer_name].append(ms)

    return Profiler()
