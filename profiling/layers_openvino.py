"""Layers as OpenVINO's counters tell them."""

from __future__ import annotations

import statistics
from collections import defaultdict
from math import prod
from pathlib import Path
from typing import Any

from thermedge.profiling.layers import Feeds, Layer, convolution_macs, product_macs
from thermedge.runtime.backends.ov import shared_core

_WARM_UP = 3


def measure(graph: Path, feeds: Feeds, *, threads: int, runs: int) -> list[Layer]:
    """Run `graph` with the counters on, with the settings of the backend."""
    core = shared_core()
    model = core.read_model(str(graph))
    options = {
        "PERF_COUNT": True,
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",
        "EXECUTION_MODE_HINT": "ACCURACY",
    }
    macs = _macs(model)
    compiled = core.compile_model(model, "CPU", options)
    request = compiled.create_infer_request()
    times: dict[str, list[float]] = defaultdict(list)
    kinds: dict[str, str] = {}
    for number in range(_WARM_UP + runs):
        request.infer(dict(feeds))
        for layer in request.get_profiling_info() if number >= _WARM_UP else ():
            if layer.status == layer.Status.EXECUTED:
                times[layer.node_name].append(layer.real_time.total_seconds() * 1e3)
                kinds[layer.node_name] = layer.node_type
    nodes = {op.get_friendly_name(): op for op in compiled.get_runtime_model().get_ops()}
    return [
        Layer(
            name,
            kinds[name],
            statistics.median(spent),
            _work(nodes.get(name), name, macs),
            _moved(nodes.get(name)),
        )
        for name, spent in times.items()
    ]


def _macs(model: Any) -> dict[str, int]:
    """Return the multiply-accumulates of the graph's own layers, by name."""
    found = {}
    for op in model.get_ops():
        kind = op.get_type_name()
        if kind in ("Convolution", "GroupConvolution", "MatMul"):
            shapes = [tuple(op.get_input_shape(place)) for place in (0, 1)]
            output = tuple(op.get_output_shape(0))
            if kind == "MatMul":
                found[op.get_friendly_name()] = product_macs(output, shapes[0])
            else:  # the weights of grouped ones have one more axis in front
                weights = shapes[1][1:] if kind == "GroupConvolution" else shapes[1]
                found[op.get_friendly_name()] = convolution_macs(output, weights)
    return found


def _work(node: Any, name: str, macs: dict[str, int]) -> int:
    """Return the multiply-accumulates of one of the engine's layers."""
    known = sum(macs.get(origin, 0) for origin in _origins(node, name))
    if known or node is None or _kind(node) != "FullyConnected":
        return known
    # A product with a bias bears the name of the addition alone.
    return product_macs(tuple(node.get_output_shape(0)), tuple(node.get_input_shape(0)))


def _kind(node: Any) -> str:
    told = node.get_rt_info()
    return str(told["layerType"].astype(str)) if "layerType" in told else ""


def _origins(node: Any, name: str) -> set[str]:
    """Return the graph's own layers that one of the engine's does the work of."""
    if node is None or "originalLayersNames" not in node.get_rt_info():
        return {name}
    return {name, *node.get_rt_info()["originalLayersNames"].astype(str).split(",")}


def _moved(node: Any) -> int:
    """Return the bytes of all inputs and outputs; weights are inputs here."""
    if node is None:
        return 0
    ends = [*node.inputs(), *node.outputs()]
    return sum(prod(end.get_shape()) * end.get_element_type().size for end in ends)
