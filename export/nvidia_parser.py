"""Ask NVIDIA's own ONNX parser and builder whether they take a graph; no GPU is needed.

TensorRT-RTX shares its parser with TensorRT, and builds on a CPU, through the very code that
builds on boards. The engine it makes is not one for a Jetson and is thrown away: what counts
is that every node was accepted.
"""

from __future__ import annotations

from pathlib import Path

from thermedge.export import engine
from thermedge.export.engine import Options
from thermedge.optional import require

_WORKSPACE_MIB = 1024


def build(path: Path, precision: str = "fp32") -> None:
    """Parse and build the graph in `path`.

    Args:
        precision: What the graph is written in; TensorRT-RTX takes types from it alone.

    Raises:
        BackendError: A node is refused, or no engine can be built; with the node's name.
        MissingDependencyError: TensorRT-RTX is not installed.
    """
    trt = require("tensorrt_rtx_bindings", "checking a graph with NVIDIA's parser")
    engine.build(trt, path, Options(precision=precision, workspace_mib=_WORKSPACE_MIB))
