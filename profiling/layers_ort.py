"""Layers as ONNX Runtime's profiler tells them."""

from __future__ import annotations

import json
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from thermedge.optional import require
from thermedge.profiling.layers import Feeds, Layer, convolution_macs, product_macs

_CONVOLUTIONS = {"Conv", "FusedConv", "NhwcFusedConv", "ConvInteger", "QLinearConv", "NhwcConv"}
_PRODUCTS = {"MatMul", "FusedMatMul", "Gemm", "FusedGemm", "QGemm"} | {
    f"{kind}{ending}" for kind in ("MatMulInteger", "DynamicQuantizeMatMul", "QLinearMatMul")
    for ending in ("", "ToFloat")
}  # fmt: skip
_ENDING = "_kernel_time"
_WARM_UP = 3


def measure(graph: Path, feeds: Feeds, *, threads: int, runs: int) -> list[Layer]:
    """Run `graph` with the profiler on, with the settings of the backend."""
    ort = require("onnxruntime", "the layers of the backend 'ort'")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    options.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = f"{folder}/layers"
        session = ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        for _ in range(_WARM_UP + runs):
            session.run(None, dict(feeds))
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return of_events(events, skip=_WARM_UP)


def of_events(events: Iterable[Mapping[str, Any]], *, skip: int = 0) -> list[Layer]:
    """Return the layers of a profile.

    Args:
        events: As ONNX Runtime writes them; those of no layer are passed over.
        skip: First runs of each layer to leave out.
    """
    times: dict[str, list[float]] = defaultdict(list)
    last: dict[str, Mapping[str, Any]] = {}
    for event in events:
        name = str(event.get("name", ""))
        if event.get("cat") == "Node" and name.endswith(_ENDING):
            name = name.removesuffix(_ENDING).rstrip("/")
            times[name].append(float(event["dur"]) / 1e3)
            last[name] = event.get("args", {})
    return [
        Layer(
            name,
            str(told.get("op_name", "")),
            statistics.median(times[name][skip:] or times[name]),
            _macs(told),
            sum(int(told.get(f"{what}_size", 0)) for what in ("activation", "parameter", "output")),
        )
        for name, told in last.items()
    ]


def _macs(told: Mapping[str, Any]) -> int:
    inputs, outputs = (
        [tuple(next(iter(shape.values()))) for shape in told.get(f"{way}_type_shape", ()) if shape]
        for way in ("input", "output")
    )
    if not inputs or not outputs:
        return 0
    kind = told.get("op_name")
    if kind in _CONVOLUTIONS:
        # Quantised ones have scales and zero points between the picture and the weights.
        weights = next((shape for shape in inputs[1:] if len(shape) == len(inputs[0])), None)
        return convolution_macs(outputs[0], weights) if weights else 0
    if kind in _PRODUCTS and inputs[0]:
        return product_macs(outputs[0], inputs[0])
    return 0
