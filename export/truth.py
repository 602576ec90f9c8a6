"""What engines here really do with a graph: the precision of every layer, and the time."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter_ns

import numpy as np
import onnx

from thermedge.manifest import GraphSpec
from thermedge.optional import require
from thermedge.runtime.backends import open_backend
from thermedge.runtime.backends.ov import shared_core

# Operators of ONNX Runtime's optimised graph that multiply int8 by int8.
_INTEGER = (
    "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger", "MatMulIntegerToFloat", "QGemm",
)  # fmt: skip
_LAYERS = ("Conv", "ConvTranspose", "MatMul", "Gemm")
_ROUNDS = 60
_WARM_UP = 10


@dataclass(frozen=True, slots=True)
class Timing:
    """One graph in one engine on this machine, one thread."""

    backend: str
    precision: str
    median_ms: float


def engines_here() -> tuple[str, ...]:
    """Return the CPU engines that are installed."""
    return ("ort", "openvino") if find_spec("openvino") is not None else ("ort",)


def achieved(path: Path, backend: str) -> frozenset[str]:
    """Return the layers, by node name, that the engine computes in INT8.

    Args:
        path: A graph with Q/DQ.
        backend: "ort" or "openvino".
    """
    return _in_openvino(path) if backend == "openvino" else _in_ort(path)


def timings(graphs: dict[str, Path], spec: GraphSpec) -> list[Timing]:
    """Time each precision in each engine, in turns so that all see the same machine.

    Args:
        graphs: Precision -> file.
        spec: What each must have.
    """
    engines = {
        (backend, precision): open_backend(backend, path, spec)
        for backend in engines_here()
        for precision, path in graphs.items()
    }
    rng = np.random.default_rng(0)
    for engine in engines.values():
        for array in engine.inputs.values():
            array[...] = rng.random(array.shape, np.float32)
    spent: dict[tuple[str, str], list[int]] = {key: [] for key in engines}
    for _ in range(_ROUNDS):
        for key, engine in engines.items():
            began = perf_counter_ns()
            engine.run()
            spent[key].append(perf_counter_ns() - began)
    for engine in engines.values():
        engine.close()
    return [
        Timing(backend, precision, statistics.median(times[_WARM_UP:]) / 1e6)
        for (backend, precision), times in spent.items()
    ]


def _in_ort(path: Path) -> frozenset[str]:
    ort = require("onnxruntime", "asking ONNX Runtime which layers are INT8")
    with tempfile.TemporaryDirectory(prefix="thermedge-truth-") as folder:
        optimised = Path(folder) / "optimised.onnx"
        options = ort.SessionOptions()
        options.log_severity_level = 4  # else it warns that the file is for this machine only
        options.optimized_model_filepath = str(optimised)
        ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        nodes = onnx.load(optimised).graph.node
    names = [node.name for node in onnx.load(path).graph.node if node.op_type in _LAYERS]
    return _origins((node.name for node in nodes if node.op_type in _INTEGER), names)


def _origins(fused: Iterable[str], names: Collection[str]) -> frozenset[str]:
    """Return the layers that fused nodes come from.

    A fused node is called after its layer with something behind. So may another layer be:
    "head.Conv_2" is no part of "head.Conv". The longest name that fits is meant.
    """
    fitting = ([n for n in names if i == n or i.startswith((f"{n}_", f"{n}/"))] for i in fused)
    return frozenset(max(found, key=len) for found in fitting if found)


def _in_openvino(path: Path) -> frozenset[str]:
    core = shared_core()
    options = {"INFERENCE_PRECISION_HINT": "f32", "EXECUTION_MODE_HINT": "ACCURACY"}
    compiled = core.compile_model(core.read_model(str(path)), "CPU", options)
    found: set[str] = set()
    for node in compiled.get_runtime_model().get_ops():
        told = node.get_rt_info()
        kind = str(told["layerType"].astype(str)) if "layerType" in told else ""
        if kind not in ("Convolution", "MatMul", "FullyConnected", "Deconvolution"):
            continue
        if str(told["runtimePrecision"].astype(str)) in ("i8", "u8"):
            # "node_conv2d_1/WithoutBiases,node_relu_1": the layer, its parts, what is fused in.
            parts = str(told["originalLayersNames"].astype(str)).split(",")
            found.update(part.partition("/")[0] for part in parts)
    names = {node.name for node in onnx.load(path).graph.node if node.op_type in _LAYERS}
    return frozenset(names & found)
