"""NVIDIA's TensorRT as it is installed here: which one, and what it says."""

from __future__ import annotations

from typing import Any

from thermedge.errors import BackendError, MissingDependencyError
from thermedge.optional import require
from thermedge.runtime.backends.device_memory import no_memory

OLDEST = (8, 5)  # from here on tensors have names, not numbers alone

# Source: the component lists of the JetPack releases.
_HOW_TO_GET_IT = (
    "On a Jetson it comes with JetPack: sudo apt install python3-libnvinfer (TensorRT 10.3 with "
    "JetPack 6.1 and 6.2, 10.13 with 7.0 and 7.1, 10.16 with 7.2), in an environment made with "
    "--system-site-packages. JetPack 4 and 5 have it for older Pythons only; there, and on "
    "machines without an NVIDIA GPU, choose --backend ort"
)


def imported(purpose: str) -> Any:
    """Return the module tensorrt.

    Raises:
        BackendError: It is older than TensorRT 8.5.
        MissingDependencyError: It is not installed, or does not load.
    """
    try:
        trt = require("tensorrt", purpose)
    except MissingDependencyError as error:
        raise MissingDependencyError(error.problem, _HOW_TO_GET_IT) from error
    if version(trt)[:2] < OLDEST:
        raise BackendError(
            f"TensorRT {trt.__version__} is too old: 8.5 or newer is expected.",
            "Flash JetPack 6 or newer where the board takes it, or choose --backend ort",
        )
    return trt


def version(trt: Any) -> tuple[int, ...]:
    """Return its version as numbers: (10, 3, 0)."""
    return tuple(int(part) for part in trt.__version__.split(".")[:4] if part.isdigit())


def kept_log(trt: Any) -> Any:
    """Return a logger that keeps errors in `errors`, and says nothing."""

    class Log(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            # By number: INTERNAL_ERROR is 0, ERROR is 1. Their order is not part of the API.
            if int(severity) <= int(trt.ILogger.ERROR):
                self.errors.append(" ".join(message.split()))

    return Log()


def failed(problem: str, log: Any, remedy: str) -> BackendError:
    """Return the error for what TensorRT gave up on, with what it said.

    Args:
        problem: A clause: "TensorRT can't load the engine".
    """
    told = "; ".join(log.errors) or "it does not say why"
    lowered = told.lower()
    if "out of memory" in lowered or "outofmemory" in lowered or "out_of_memory" in lowered:
        return no_memory(f"{problem} ({told})")
    return BackendError(f"{problem}: {told}.", remedy)
