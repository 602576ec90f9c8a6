"""Build a TensorRT engine of one ONNX graph, for the GPU that the board has.

TensorRT times kernels while it builds, so an engine is built where it will run. The same
code builds with TensorRT-RTX, which needs no GPU: that is how every graph is tested.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thermedge.errors import BackendError
from thermedge.export.engine_adapters import Progress, TensorRT8, adapter
from thermedge.runtime.backends import trt_library

# Chosen, not measured: our graphs are small, and the board's memory is the programs' too.
_LEAST_FREE_MIB = 512
_LEAST_WORKSPACE_MIB, _MOST_WORKSPACE_MIB = 64, 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How an engine is to be built."""

    precision: str  # one of engine_adapters.PRECISIONS
    workspace_mib: int  # scratch memory that a layer may use
    dla_core: int | None = None  # run what it can on this accelerator, the rest on the GPU
    timing_cache: bytes = b""  # what an earlier build measured, to be faster


@dataclass(frozen=True, slots=True)
class Built:
    """An engine, and what building it left behind."""

    data: bytes
    build_s: float
    flags: tuple[str, ...]  # builder flags that were set, sorted
    timing_cache: bytes


def workspace_mib(free_mib: int) -> int:
    """Return how much scratch memory to allow on a machine with so much free memory.

    Raises:
        BackendError: There is too little to build at all.
    """
    if free_mib < _LEAST_FREE_MIB:
        raise BackendError(
            f"Only {free_mib} MiB of memory are free; {_LEAST_FREE_MIB} MiB are expected to "
            "build an engine.",
            "Stop other programs, log out of the desktop (sudo systemctl isolate "
            "multi-user.target), or add swap; or insist with --workspace-mib",
        )
    return max(min(free_mib // 4, _MOST_WORKSPACE_MIB), _LEAST_WORKSPACE_MIB)


def build(trt: Any, graph: Path, options: Options, progress: Progress | None = None) -> Built:
    """Parse `graph` and build its engine.

    Args:
        trt: The module tensorrt, or that of TensorRT-RTX.
        graph: The one that the adapter asks for: `adapter(trt).graph_precision(...)`.
        progress: Is told how far the build is, where this TensorRT tells.

    Raises:
        BackendError: A node is refused, with its name; the builder gives up; the memory
            is full; or the board lacks the accelerator.
        KeyboardInterrupt: `progress` said to stop.
    """
    began = time.monotonic()
    generation = adapter(trt)
    log = trt_library.kept_log(trt)
    builder = trt.Builder(log)
    network = builder.create_network(generation.network_flags())
    _parse(generation, network, log, graph)
    config = builder.create_builder_config()
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED  # tells the layers' types
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace_mib << 20)
    flags = _set_flags(generation, config, options)
    if options.dla_core is not None:
        _use_dla(trt, builder, config, options)
    if generation.keeps_timings:
        config.set_timing_cache(config.create_timing_cache(options.timing_cache), False)
    stopped: list[bool] = []
    kept = generation.watch(config, _stoppable(progress, stopped)) if progress else None
    memory = builder.build_serialized_network(network, config)
    del kept
    if stopped:
        raise KeyboardInterrupt
    if memory is None:
        raise trt_library.failed(
            f"TensorRT makes no engine of {graph.name}",
            log,
            "Rewrite the part that is named in a form that builds, or choose another precision.",
        )
    timing = bytes(config.get_timing_cache().serialize()) if generation.keeps_timings else b""
    return Built(bytes(memory), time.monotonic() - began, flags, timing)


def _parse(generation: TensorRT8, network: Any, log: Any, graph: Path) -> None:
    parser = generation.trt.OnnxParser(network, log)
    if not parser.parse(graph.read_bytes()):
        errors = [parser.get_error(index) for index in range(parser.num_errors)]
        told = "; ".join(generation.refusal(error) for error in errors)
        raise BackendError(
            f"NVIDIA's parser refuses {graph.name}: {told}.",
            "Rewrite that node with operators that this TensorRT "
            f"({generation.trt.__version__}) knows.",
        )


def _set_flags(generation: TensorRT8, config: Any, options: Options) -> tuple[str, ...]:
    names = list(generation.builder_flags(options.precision))
    if options.dla_core is not None:
        names.append("GPU_FALLBACK")
    for name in names:
        config.set_flag(getattr(generation.trt.BuilderFlag, name))
    if options.precision == "fp32":
        # Else fp32 would mean ten bits of mantissa where the GPU has TF32.
        config.clear_flag(generation.trt.BuilderFlag.TF32)
    return tuple(sorted(names))


def _use_dla(trt: Any, builder: Any, config: Any, options: Options) -> None:
    cores = builder.num_DLA_cores
    if options.dla_core is None or not 0 <= options.dla_core < cores:
        raise BackendError(
            f"There is no DLA core {options.dla_core}: TensorRT {trt.__version__} finds {cores} "
            "on this board.",
            "Leave --dla out. Orin Nano and Thor have none, and TensorRT 10.8 to 11.3 run none.",
        )
    config.default_device_type = trt.DeviceType.DLA
    config.DLA_core = options.dla_core


def _stoppable(progress: Progress, stopped: list[bool]) -> Progress:
    """Wrap `progress`: an exception must not cross TensorRT's C++ code."""

    def tell(done: float) -> bool:
        try:
            goes_on = progress(done)
        except KeyboardInterrupt:
            goes_on = False
        if not goes_on:
            stopped.append(True)
        return goes_on

    return tell
