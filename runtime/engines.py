"""Which engine and which precision a tracker runs in, where nobody chose."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec

from thermedge.bundle import Bundle, graph_file
from thermedge.errors import BackendError, BundleError, MissingDependencyError, ThermedgeError
from thermedge.runtime import golden
from thermedge.runtime.backends import open_backend
from thermedge.runtime.backends.base import Backend

log = logging.getLogger(__name__)

PRECISIONS = ("auto", "fp32", "int8")
# Tried in this order before ONNX Runtime -> the package that says whether it is installed.
_PREFERRED = {"trt": "tensorrt", "openvino": "openvino"}
# Engines on which explicit symmetric Q/DQ is faster than fp32. On x86 ONNX Runtime computes
# such layers in floating point and pays for the conversions (INT8.md of `default`).
_FASTER_IN_INT8 = ("openvino", "trt")
_MOST_THREADS = 1024  # more than boards and workstations have cores, fewer than hang a machine
_UNFIT = (BackendError, MissingDependencyError)  # "auto" takes the next engine


@dataclass(frozen=True, slots=True)
class Engines:
    """A bundle's two graphs, loaded."""

    template: Backend
    track: Backend
    backend: str  # a key of BACKENDS
    precision: str  # "fp32", "int8"

    def close(self) -> None:
        """Close both. Calling it twice is allowed."""
        self.template.close()
        self.track.close()


def open_engines(
    bundle: Bundle, *, backend: str = "auto", precision: str = "auto", threads: int = 1
) -> Engines:
    """Load a bundle's two graphs.

    "auto" takes TensorRT where an engine was built, then OpenVINO where it is installed, each
    if it computes the bundle's golden vectors, else ONNX Runtime; and INT8 where the bundle
    has it and the engine is faster with it.

    Args:
        bundle: Where the graphs come from.
        backend: A key of BACKENDS, or "auto".
        precision: One of PRECISIONS.
        threads: CPU threads of one inference.

    Raises:
        BackendError: The engine or the precision is unknown, the number of threads is
            impossible, or the engine refuses a graph.
        BundleError: The bundle has no graphs of that precision.
        MissingDependencyError: The engine is not installed.
    """
    if precision not in PRECISIONS:
        raise BackendError(
            f"No precision is called {precision!r}.", f"Choose one of {', '.join(PRECISIONS)}."
        )
    if not 0 <= threads <= _MOST_THREADS:
        raise BackendError(
            f"{threads} CPU threads were asked for, expected 0 to {_MOST_THREADS}.",
            "Ask for no more than this machine has cores: nproc tells.",
        )
    if backend == "auto":
        for name in (name for name, package in _PREFERRED.items() if find_spec(package)):
            with suppress(*_UNFIT):
                return _checked(bundle, name, precision, threads)
    return _opened(bundle, "ort" if backend == "auto" else backend, precision, threads)


def _checked(bundle: Bundle, backend: str, precision: str, threads: int) -> Engines:
    """Load an engine, and keep it if it computes what was exported."""
    try:
        engines = _opened(bundle, backend, precision, threads)
    except _UNFIT as error:
        log.warning("The backend %s is passed over: %s", backend, error.problem)
        raise
    try:
        golden.compare(bundle, engines.template, engines.track, engines.precision)
    except ThermedgeError as error:
        engines.close()
        if isinstance(error, _UNFIT):
            log.warning("The backend %s is passed over: %s", backend, error.problem)
        raise
    return engines


def _opened(bundle: Bundle, backend: str, precision: str, threads: int) -> Engines:
    manifest = bundle.manifest
    asked = precision
    if precision == "auto":
        precision = manifest.precision if backend in _FASTER_IN_INT8 else "fp32"
    files = {graph: graph_file(graph, precision) for graph in ("template", "track")}
    if precision == "int8" and manifest.int8 is None:
        raise BundleError(
            f"The bundle {bundle.folder} has no INT8 graphs.",
            "Choose --precision fp32, or export it with --precision int8 --calibration SET.",
        )
    template = open_backend(
        backend, bundle.path(files["template"]), manifest.template, threads=threads
    )
    try:
        track = open_backend(backend, bundle.path(files["track"]), manifest.track, threads=threads)
    except ThermedgeError:
        template.close()
        raise
    # TensorRT runs the engine that was built, whatever its precision: it says which.
    has = getattr(track, "precision", precision)
    if asked != "auto" and has != asked:
        template.close()
        track.close()
        raise BackendError(
            f"The engine that was built is {has}, and --precision asks for {asked}.",
            f"Build that one: thermedge build BUNDLE --precision {asked}.",
        )
    return Engines(template, track, backend, has)
