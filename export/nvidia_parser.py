"""Ask NVIDIA's own ONNX parser and builder whether they take a graph; no GPU is needed.

TensorRT-RTX shares its parser with TensorRT, and builds on a CPU. The engine it makes is
not one for a Jetson and is thrown away: what counts is that every node was accepted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from thermedge.errors import BackendError
from thermedge.optional import require


def build(path: Path) -> None:
    """Parse and build the graph in `path`.

    Raises:
        BackendError: A node is refused, or no engine can be built; with the node's name.
        MissingDependencyError: TensorRT-RTX is not installed.
    """
    trt = require("tensorrt_rtx_bindings", "checking a graph with NVIDIA's parser")
    log = _log(trt)
    builder = trt.Builder(log)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, log)
    if not parser.parse(path.read_bytes()):
        told = "; ".join(_error(parser.get_error(i)) for i in range(parser.num_errors))
        raise BackendError(
            f"NVIDIA's parser refuses {path.name}: {told}.",
            "Rewrite that node with operators that it knows.",
        )
    if builder.build_serialized_network(network, builder.create_builder_config()) is None:
        raise BackendError(
            f"NVIDIA's builder makes no engine of {path.name}: {'; '.join(log.errors)}.",
            "Rewrite the part that is named in a form that builds.",
        )


def _error(error: Any) -> str:
    return f"node {error.node_name()!r} ({error.node_operator()}): {error.desc()}"


def _log(trt: Any) -> Any:
    """Return a logger that keeps errors and says nothing."""

    class Log(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity <= trt.ILogger.Severity.ERROR:
                self.errors.append(message)

    return Log()
