"""Python environments on a board: made once per set of wheels, shared by releases."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from thermedge.errors import BoardError
from thermedge.files import sync
from thermedge.flashing import wheels

# JetPack installs TensorRT for the system's own Python, and for no other.
PYTHON = "/usr/bin/python3"
_COMPLETE = ".complete"  # its last file: without it the environment is made anew
_SPARE_BYTES = 50 << 20


def make(wheelhouse: Path, folder: Path) -> None:
    """Make the environment `folder` from all wheels in `wheelhouse`, without a network.

    It sees the system's packages, for TensorRT, but takes all that the wheelhouse has from
    there. An environment that is complete already stays as it is.

    Raises:
        BoardError: The wheels do not fit this board, or there is no room. Nothing is left then.
    """
    if (folder / _COMPLETE).is_file():
        return
    wheels.check(wheelhouse, minor=minor(), machine=os.uname().machine)
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _check_room(wheelhouse, folder.parent)
    try:
        _fill(wheelhouse, folder)
        sync(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def remove(folder: Path) -> None:
    """Remove an environment; half of one, after a power cut, is not taken for a whole."""
    (folder / _COMPLETE).unlink(missing_ok=True)
    shutil.rmtree(folder)


def minor() -> int:
    """Return the minor version of the Python 3 that runs the installation."""
    return sys.version_info.minor


def _fill(wheelhouse: Path, folder: Path) -> None:
    # --without-pip needs no python3-venv; pip runs from its own wheel.
    _run(PYTHON, "-m", "venv", "--without-pip", "--system-site-packages", str(folder))
    chosen = [str(wheel.path) for wheel in wheels.found(wheelhouse) if wheel.name != "pip"]
    pip = (str(folder / "bin/python"), str(wheels.one(wheelhouse, "pip") / "pip"))
    quiet = ("--quiet", "--no-input", "--disable-pip-version-check", "--no-cache-dir")
    # Not what the system has by chance: a release runs with what it was tested with.
    options = ("--no-index", "--no-deps", "--ignore-installed", "--no-warn-script-location")
    _run(*pip, "install", *quiet, "--root-user-action=ignore", *options, *chosen)
    os.sync()
    (folder / _COMPLETE).touch()


def _run(*command: str) -> None:
    # Neither our own packages nor the board's settings of pip, which may name another place.
    environment = {
        key: value
        for key, value in os.environ.items()
        if key != "PYTHONPATH" and not key.startswith("PIP_")
    }
    environment["PIP_CONFIG_FILE"] = os.devnull
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return
    said = done.stdout + done.stderr
    if "No space left on device" in said:
        raise BoardError(
            "The board's disk ran full while packages were installed.",
            "Make room on the board, for example: sudo journalctl --vacuum-size=50M",
        )
    lines = [line for line in said.splitlines() if line.strip()]
    problem = next((line for line in lines if line.startswith("ERROR")), lines[-1:] and lines[-1])
    raise BoardError(
        f"The packages could not be installed: {problem or f'status {done.returncode}'}.",
        f"Make a wheelhouse for this board: make wheelhouse "
        f"BOARD_PYTHON=3.{minor()} BOARD_MACHINE={os.uname().machine}",
    )


def _check_room(wheelhouse: Path, folder: Path) -> None:
    needed = _SPARE_BYTES
    for wheel in wheels.found(wheelhouse):
        with zipfile.ZipFile(wheel.path) as archive:
            # Compiled Python comes beside its sources.
            needed += sum(
                info.file_size * (2 if info.filename.endswith(".py") else 1)
                for info in archive.infolist()
            )
    check_room(folder, needed, "the Python packages")


def check_room(folder: Path, needed: int, purpose: str) -> None:
    """Refuse to begin what the disk has no room for.

    Raises:
        BoardError: Fewer than `needed` bytes are free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise BoardError(
            f"{folder} has {free >> 20} MB free, and {purpose} need {(needed >> 20) + 1} MB.",
            "Make room on the board, for example: sudo journalctl --vacuum-size=50M",
        )
