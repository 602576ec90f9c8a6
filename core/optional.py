"""Import optional packages where they are used, with a remedy when they are missing."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from thermedge.errors import MissingDependencyError

# Package -> how to get it. tensorrt comes with JetPack, so pip is the wrong advice there.
_REMEDY = {
    "linuxpy": "pip install 'thermedge[camera]'",
    "onnx": "pip install 'thermedge[export]' on the workstation; boards do not need onnx",
    "onnxruntime": "pip install onnxruntime",
    "onnxscript": "pip install 'thermedge[export]' on the workstation",
    "paho": "pip install 'thermedge[mqtt]'",
    "prometheus_client": "pip install 'thermedge[metrics]'",
    "pymavlink": "pip install 'thermedge[mavlink]'",
    "rich": "pip install rich",
    "safetensors": "pip install 'thermedge[export]' on the workstation",
    "starlette": "pip install 'thermedge[preview]'",
    "tensorrt": "install JetPack's python3-libnvinfer on the board",
    "tensorrt_rtx_bindings": "pip install 'thermedge[rtx]' on a workstation with Linux",
    "torch": "pip install 'thermedge[export]' on the workstation; boards do not need torch",
    "uvicorn": "pip install 'thermedge[preview]'",
    "websockets": "pip install 'thermedge[preview]'",
}


def require(package: str, purpose: str) -> Any:
    """Return the module `package`, which `purpose` (a noun phrase) needs.

    Raises:
        MissingDependencyError: The package is not installed, or does not load.
    """
    top = package.split(".")[0]
    _silence(top)
    try:
        return importlib.import_module(package)
    except ImportError as error:
        remedy = _REMEDY.get(top, f"pip install {top}")
        raise MissingDependencyError(f"{purpose} needs {top}: {error}.", remedy) from error


def _silence(package: str) -> None:
    """Keep a package from telling its makers that it was imported; cameras are private.

    ONNX Runtime's wheels send figures unless this variable is set before the import; OpenVINO
    does unless the package that sends them can't be imported.
    """
    if package == "onnxruntime":
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    elif package == "openvino":
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
