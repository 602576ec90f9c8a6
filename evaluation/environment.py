"""What results depend on besides the tracker: this package, its engines, this machine."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from thermedge import __version__

_PACKAGES = (
    "numpy",
    "opencv-python-headless",
    "opencv-contrib-python-headless",
    "opencv-python",
    "opencv-contrib-python",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "tensorrt",
)


def described() -> dict[str, str]:
    """Return versions, commit and machine, for reports; what can't be told is left out."""
    known = {
        "thermedge": __version__,
        "commit": commit(Path(__file__).parent),
        "machine": machine(),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: _version(name) for name in _PACKAGES},
    }
    return {key: value for key, value in known.items() if value}


def machine() -> str:
    """Return the processor and its number of cores."""
    return f"{_processor()}, {os.cpu_count()} cores"


def _processor() -> str:
    for path, key in (("/proc/device-tree/model", ""), ("/proc/cpuinfo", "model name")):
        try:
            lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        found = [line.partition(":")[2] if key else line for line in lines if line.startswith(key)]
        if found:
            return found[0].strip(" \t\0")
    return platform.processor() or platform.machine()


def commit(folder: Path) -> str:
    """Return the commit that `folder` is checked out at, with + behind it if files differ."""
    try:
        head = _git(folder, "rev-parse", "--short=12", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return ""  # installed from a wheel, or no git here
    return head + ("+" if changed else "")


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
