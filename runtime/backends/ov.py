"""OpenVINO on the CPU: the same graphs as ONNX Runtime, faster where they are INT8."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from thermedge.errors import BackendError
from thermedge.manifest import GraphSpec
from thermedge.optional import require
from thermedge.tensors import TensorSpec

_LOWEST = -3e38


class OpenVinoBackend:
    """One ONNX graph with its inputs and outputs bound to fixed buffers."""

    name = "openvino-cpu"

    def __init__(self, graph: Path, spec: GraphSpec, *, threads: int) -> None:
        openvino = require("openvino", "the backend 'openvino'")
        compiled = _compiled(openvino, graph, spec, threads)
        self._request: Any = compiled.create_infer_request()
        self.inputs = {item.name: np.zeros(item.shape, item.dtype) for item in spec.inputs}
        self.outputs = {item.name: np.zeros(item.shape, item.dtype) for item in spec.outputs}
        for name, buffer in (self.inputs | self.outputs).items():
            self._request.set_tensor(name, openvino.Tensor(buffer, shared_memory=True))

    def run(self) -> None:
        """Run once from `inputs` to `outputs`."""
        # Shared: else each run would copy all outputs into new arrays that nobody reads.
        self._request.infer(share_outputs=True)

    def close(self) -> None:
        """Drop the request; the compiled graph goes with it."""
        self._request = None


@cache
def shared_core() -> Any:
    """Return the one openvino.Core of this process, kept until the process ends.

    Each Core brings a stack of its own for signal handlers, and puts back the one before it
    when it goes. With two of them that leads to freed memory, and the next SIGTERM or Ctrl-C
    ends in a segmentation fault: seen with 2026.4.1.
    """
    return require("openvino", "the backend 'openvino'").Core()


def _compiled(openvino: Any, graph: Path, spec: GraphSpec, threads: int) -> Any:
    core = shared_core()
    try:
        model = core.read_model(str(graph))
        _check(graph, "input", model.inputs, spec.inputs)
        _check(graph, "output", model.outputs, spec.outputs)
        _guard_joins(openvino, model)
        return core.compile_model(model, "CPU", _options(threads))
    except RuntimeError as error:
        told = " ".join(str(error).split())
        raise BackendError(
            f"OpenVINO refuses {graph}: {told}.",
            "Choose --backend ort, or install a newer openvino.",
        ) from error


def _guard_joins(openvino: Any, model: Any) -> None:
    """Keep quantisation from passing through a Concat, where OpenVINO gets it wrong.

    Moved before a Concat, the zero points that OpenVINO gives to signed tensors become one
    per channel, and the convolution behind it computes nonsense: seen with 2025.4.1 and
    2026.4.1 on a CPU with AVX-512 VNNI. No pass moves it over a maximum with a number
    below every float of interest.
    """
    ops = model.get_ordered_ops()
    if not any(node.get_type_name() == "FakeQuantize" for node in ops):
        return
    opset = require("openvino.opset13", "the backend 'openvino'")
    for node in ops:
        joined = node.output(0)
        if node.get_type_name() != "Concat" or joined.get_element_type() != openvino.Type.f32:
            continue
        readers = joined.get_target_inputs()
        kept = opset.maximum(joined, opset.constant(np.float32(_LOWEST)))
        for reader in readers:
            if reader.get_node().get_type_name() != "Result":
                reader.replace_source_output(kept.output(0))


def _options(threads: int) -> dict[str, Any]:
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
        # Pinned threads of two graphs, or of two programs, would fight for the first core.
        "ENABLE_CPU_PINNING": False,
        # CPUs with AMX would otherwise compute float layers in bfloat16, unasked.
        "INFERENCE_PRECISION_HINT": "f32",
        # And would quantise what a MatMul with int8 weights is fed, unasked.
        "EXECUTION_MODE_HINT": "ACCURACY",
        "CACHE_DIR": "",
    }


def _check(graph: Path, kind: str, came: list[Any], expected: tuple[TensorSpec, ...]) -> None:
    shapes = {port.any_name: _shape(port) for port in came}
    wanted = {item.name: item.shape for item in expected}
    if shapes != wanted:
        raise BackendError(
            f"{graph} has the {kind}s {shapes}, its manifest says {wanted}.",
            "Export the bundle again: its graph and its manifest do not belong together.",
        )


def _shape(port: Any) -> tuple[int | str, ...]:
    """Return a port's shape, a free dimension by its name as ONNX Runtime does."""
    return tuple(
        side.get_length() if side.is_static else str(side) for side in port.get_partial_shape()
    )
