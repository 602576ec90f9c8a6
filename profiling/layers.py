"""How long each layer of the track graph takes, where the engine tells."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from thermedge.bundle import GOLDEN, Bundle, graph_file
from thermedge.runtime.backends import open_backend

# engine -> what measures its layers: (graph, inputs, threads=, runs=) -> layers
MEASURES = {
    "ort": "thermedge.profiling.layers_ort:measure",
    "openvino": "thermedge.profiling.layers_openvino:measure",
    "trt": "thermedge.profiling.layers_trt:measure",
}
# Those that the bounds of one CPU thread say nothing about. They run what was built here from
# any precision of the graph.
ON_GPU = ("trt",)
Feeds = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer as the engine runs it: several of the graph may have become one."""

    name: str
    kind: str
    ms: float  # median of the runs
    macs: int  # multiply-accumulates; 0 where it has none, or they can't be told
    moved_bytes: int  # inputs, weights and outputs, each once; 0 where it can't be told


def measure(
    bundle: Bundle, *, backend: str, precision: str, threads: int = 1, runs: int = 30
) -> list[Layer]:
    """Run the track graph alone and return its layers in their order; [] where none tell.

    The engine is opened once more with its profiler on, which slows it down a little: these
    times say how layers compare, the tracker's own say how long it takes.

    Raises:
        BackendError: The engine refuses the graph.
        MissingDependencyError: The engine is not installed.
    """
    if backend not in MEASURES:
        return []
    graph = bundle.path(graph_file("track", "fp32" if backend in ON_GPU else precision))
    # What the backend refuses, it refuses here with its own words.
    open_backend(backend, graph, bundle.manifest.track, threads=threads).close()
    module, name = MEASURES[backend].split(":")
    of_engine: Callable[..., list[Layer]] = getattr(importlib.import_module(module), name)
    return of_engine(graph, _feeds(bundle), threads=threads, runs=runs)


def convolution_macs(output: tuple[int, ...], weights: tuple[int, ...]) -> int:
    """Return the multiply-accumulates of a convolution.

    Args:
        output: (N, O, H, W).
        weights: (O, I / groups, kernel rows, kernel columns).
    """
    return int(np.prod(output, dtype=np.int64) * np.prod(weights[1:], dtype=np.int64))


def product_macs(output: tuple[int, ...], first: tuple[int, ...]) -> int:
    """Return the multiply-accumulates of a matrix product.

    Args:
        output: (..., M, N).
        first: (..., M, K), or (..., K, M) where the engine takes it transposed.
    """
    is_transposed = len(first) > 1 and len(output) > 1 and first[-2] != output[-2]
    inner = first[-2] if is_transposed and first[-1] == output[-2] else first[-1]
    return int(np.prod(output, dtype=np.int64)) * inner


def _feeds(bundle: Bundle) -> Feeds:
    """Return the track inputs of the first golden case; zeros for what it does not hold."""
    manifest = bundle.manifest
    with np.load(bundle.path(GOLDEN)) as file:
        golden = dict(file)
    case = min(key.split(".")[0] for key in golden)
    feeds = {}
    for item in manifest.track.inputs:
        cached = f"{case}.out.{manifest.cached.get(item.name, item.name)}"
        stored = golden.get(f"{case}.in.{item.name}", golden.get(cached))
        is_fit = stored is not None and stored.shape == item.shape
        feeds[item.name] = stored if is_fit else np.zeros(item.shape, item.dtype)
    return cast(Feeds, feeds)
