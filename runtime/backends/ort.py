"""ONNX Runtime on the CPU: the reference engine, and the one that is everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermedge.errors import BackendError
from thermedge.manifest import GraphSpec
from thermedge.optional import require
from thermedge.tensors import TensorSpec


class OrtBackend:
    """One ONNX graph with its inputs and outputs bound to fixed buffers."""

    name = "ort-cpu"

    def __init__(self, graph: Path, spec: GraphSpec, *, threads: int) -> None:
        ort = require("onnxruntime", "the backend 'ort'")
        self._session: Any = _session(ort, graph, threads)
        _check(graph, "input", self._session.get_inputs(), spec.inputs)
        _check(graph, "output", self._session.get_outputs(), spec.outputs)
        self._binding: Any = self._session.io_binding()
        self.inputs = {item.name: np.zeros(item.shape, item.dtype) for item in spec.inputs}
        self.outputs = {item.name: np.zeros(item.shape, item.dtype) for item in spec.outputs}
        for name, buffer in self.inputs.items():
            self._binding.bind_input(name, "cpu", 0, buffer.dtype, buffer.shape, _address(buffer))
        for name, buffer in self.outputs.items():
            self._binding.bind_output(name, "cpu", 0, buffer.dtype, buffer.shape, _address(buffer))

    def run(self) -> None:
        """Run once from `inputs` to `outputs`."""
        self._session.run_with_iobinding(self._binding)

    def close(self) -> None:
        """Drop the session; its memory goes with it."""
        self._binding = self._session = None


def _session(ort: Any, graph: Path, threads: int) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    # Two graphs live in one process; spinning threads would take the core from each other.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except _raised(ort) as error:
        raise BackendError(
            f"ONNX Runtime refuses {graph}: {error}.",
            "Export the bundle again, or install a newer onnxruntime.",
        ) from error


def _raised(ort: Any) -> tuple[type[BaseException], ...]:
    """Return what ONNX Runtime raises; its own types share no base class but Exception."""
    state = ort.capi.onnxruntime_pybind11_state
    own = (state.Fail, state.InvalidGraph, state.InvalidProtobuf, state.NotImplemented)
    return (RuntimeError, ValueError, *own)


def _check(graph: Path, kind: str, came: list[Any], expected: tuple[TensorSpec, ...]) -> None:
    shapes = {item.name: tuple(item.shape) for item in came}
    wanted = {item.name: item.shape for item in expected}
    if shapes != wanted:
        raise BackendError(
            f"{graph} has the {kind}s {shapes}, its manifest says {wanted}.",
            "Export the bundle again: its graph and its manifest do not belong together.",
        )


def _address(buffer: NDArray[Any]) -> int:
    return int(buffer.ctypes.data)
