"""thermedge doctor: what this machine can run, and what is missing."""

from __future__ import annotations

import argparse
from contextlib import closing
from typing import TYPE_CHECKING

from thermedge.commands.options import add_backend

if TYPE_CHECKING:
    from rich.console import Console

# package -> what it is for here
_OPTIONAL = {
    "numpy": "everything",
    "cv2": "pictures and recorded video",
    "onnxruntime": "inference on the CPU (backend ort)",
    "openvino": "inference on the CPU, faster in INT8 (backend openvino)",
    "tensorrt": "inference on NVIDIA's GPU (backend trt); comes with JetPack",
    "cuda": "the backend trt, beside tensorrt",
    "linuxpy": "cameras (v4l2:)",
    "pymavlink": "--out mavlink:",
    "paho": "--out mqtt:",
    "prometheus_client": "--metrics",
    "starlette": "--preview",
    "uvicorn": "--preview",
    "websockets": "--preview",
    "torch": "training and export, on the workstation only",
    "onnx": "export, on the workstation only",
    "onnxscript": "export of a checkpoint, on the workstation only",
    "safetensors": "checkpoints, on the workstation only",
}

_DISTRIBUTION = {
    "cv2": "opencv-python-headless",
    "cuda": "cuda-bindings",
    "paho": "paho-mqtt",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "--bundle",
        action="append",
        metavar="NAME|FOLDER",
        help="check this bundle; may be given more than once; default: all shipped ones",
    )
    add_backend(parser)


def run(args: argparse.Namespace) -> int:
    """Print packages, the machine and bundles; exit status 2 when a bundle fails."""
    from rich.console import Console

    from thermedge.bundles import names
    from thermedge.commands import USAGE_ERROR

    console = Console()
    _print_machine(console)
    _print_checkup(console)
    healthy = [
        _is_healthy(console, name, args.backend, args.precision) for name in args.bundle or names()
    ]
    return 0 if all(healthy) else USAGE_ERROR


def _print_machine(console: Console) -> None:
    import os
    import platform
    from importlib.metadata import PackageNotFoundError, version
    from importlib.util import find_spec

    from rich.table import Table

    import thermedge

    console.print(
        f"thermedge {thermedge.__version__}, Python {platform.python_version()}, "
        f"{platform.machine()}, {os.cpu_count()} CPUs",
        highlight=False,
    )
    table = Table("package", "version", "for")
    for package, purpose in _OPTIONAL.items():
        found = "missing"
        if find_spec(package) is not None:
            try:
                found = version(_DISTRIBUTION.get(package, package))
            except PackageNotFoundError:
                found = "installed"
        table.add_row(package, found, purpose)
    console.print(table)


def _print_checkup(console: Console) -> None:
    from thermedge.flashing.checkup import look
    from thermedge.flashing.machine import Machine

    for fact in look(Machine()):
        mark = {"ok": "ok     ", "missing": "missing", "wrong": "WRONG  "}[fact.state]
        line = f"{mark}  {fact.name}: {fact.told}"
        console.print(line, highlight=False, markup=False, soft_wrap=True)
        if fact.remedy:
            console.print(
                f"         fix: {fact.remedy}", highlight=False, markup=False, soft_wrap=True
            )


def _is_healthy(console: Console, name: str, backend: str, precision: str) -> bool:
    from thermedge import bundle
    from thermedge.bundles import find
    from thermedge.errors import ThermedgeError
    from thermedge.runtime import golden
    from thermedge.runtime.engines import open_engines

    try:
        found = bundle.read(find(name))
        with closing(open_engines(found, backend=backend, precision=precision)) as engines:
            gaps = golden.compare(found, engines.template, engines.track, engines.precision)
    except ThermedgeError as error:
        console.print(f"{name}: FAILED: {error}", highlight=False, markup=False)
        return False
    console.print(
        f"{name}: {found.manifest.tracker} {found.manifest.size}, {engines.precision} by "
        f"{engines.backend}, all {len(found.manifest.files)} checksums match, golden vectors "
        f"reproduced: largest difference to the exported fp32 {max(gaps.values()):.1e}, as its "
        "precision allows",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    return True
