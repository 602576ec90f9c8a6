"""Inference engines, by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import cast

from thermedge.errors import BackendError
from thermedge.manifest import GraphSpec
from thermedge.runtime.backends.base import Backend

# name -> where it is; "auto" takes the first one that is installed.
BACKENDS = {
    "ort": "thermedge.runtime.backends.ort:OrtBackend",
    "openvino": "thermedge.runtime.backends.ov:OpenVinoBackend",
    "trt": "thermedge.runtime.backends.trt:open_engine",
}


def open_backend(name: str, graph: Path, spec: GraphSpec, *, threads: int = 1) -> Backend:
    """Load `graph` into the engine called `name`.

    Args:
        name: A key of BACKENDS, or "auto".
        graph: An ONNX file.
        spec: The inputs and outputs that the graph must have.
        threads: CPU threads for one run.

    Raises:
        BackendError: The name is unknown, or the graph does not have these tensors.
        MissingDependencyError: The engine is not installed.
    """
    if name == "auto":
        name = next(iter(BACKENDS))
    if name not in BACKENDS:
        raise BackendError(
            f"No backend is called {name!r}.", f"Choose one of auto, {', '.join(BACKENDS)}."
        )
    module, attribute = BACKENDS[name].split(":")
    opener = getattr(importlib.import_module(module), attribute)
    return cast(Callable[..., Backend], opener)(graph, spec, threads=threads)
