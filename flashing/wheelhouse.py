"""Gather the wheels that a board without a network installs from.

pip resolves for the Python that it runs in: it reads the conditions of dependencies with that
one's version, whatever it is told to download for. So the closure is followed here, with the
board's Python and machine, and every version comes from the pins.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from thermedge.errors import BoardError
from thermedge.flashing import wheels
from thermedge.optional import require

# glibc 2.35 is Ubuntu 22.04's, which JetPack 6 is made of; 2.39 would be JetPack 7's.
_GLIBC_MINORS = (35, 34, 31, 28, 27, 17)
_METADATA = re.compile(r"[^/]+\.dist-info/METADATA")
EXTRAS = ("camera", "trt")  # of thermedge, that a board gets when nobody says otherwise


def gather(
    wheel: Path,
    folder: Path,
    *,
    pins: Path,
    minor: int,
    machine: str = "aarch64",
    extras: tuple[str, ...] = EXTRAS,
    tell: Callable[[str], None] = lambda name: None,
) -> list[wheels.Wheel]:
    """Fill `folder` with thermedge, pip, and all that they need; return the wheels.

    Args:
        wheel: Of thermedge, from `make wheel`.
        folder: Appears when all is there; a wheelhouse from before is replaced.
        pins: The checkout's constraints.txt.
        minor: Of the board's Python 3.
        machine: The board's, as `uname -m` has it.
        extras: Of thermedge, as in setup.cfg.
        tell: Called with every package before it is downloaded.

    Raises:
        BoardError: A package has no pin, or no wheel for that board; `folder` holds something
            else than wheels; thermedge has no such extra.
        OSError: `folder` can't be written.
    """
    folder = folder.absolute()
    _check_target(folder)
    _check_extras(wheel, extras)
    versions = _pinned(pins, minor, machine)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as work:
        made = Path(work, "wheels")
        made.mkdir()
        shutil.copy(wheel, made)
        wanted = [("pip", frozenset[str]()), ("thermedge", frozenset(extras))]
        seen: set[tuple[str, frozenset[str]]] = set()
        while wanted:
            name, asked = wanted.pop()
            if (name, asked) in seen:
                continue
            seen.add((name, asked))
            if not any(one.name == name for one in wheels.found(made)):
                tell(name)
                _download(name, versions, made, minor, machine)
            wanted += _needs(wheels.one(made, name), asked, minor, machine)
        wheels.check(made, minor=minor, machine=machine)
        made.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    return wheels.found(folder)


def _check_target(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise BoardError(
            f"{folder} exists and is no folder.", "Choose another name with -o: nothing is lost."
        )
    others = sorted(path.name for path in folder.iterdir() if path.suffix != ".whl")
    if others:
        raise BoardError(
            f"{folder} holds {others[0]!r}, and would be replaced as a whole.",
            "Choose another folder with -o, a new one or an older wheelhouse: nothing is lost.",
        )


def _check_extras(wheel: Path, extras: tuple[str, ...]) -> None:
    known = _metadata(wheel).get_all("Provides-Extra", [])
    unknown = [extra for extra in extras if extra not in known]
    if unknown:
        raise BoardError(
            f"{wheel.name} has no extra {unknown[0]!r}.",
            f"Choose among {', '.join(sorted(known)) or 'none'}.",
        )


def _download(name: str, versions: dict[str, str], folder: Path, minor: int, machine: str) -> None:
    if name not in versions:
        raise BoardError(
            f"{name} has no version in the pins.", "Pin it in constraints.txt, for every Python."
        )
    platforms = [f"--platform=manylinux_2_{glibc}_{machine}" for glibc in _GLIBC_MINORS]
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input"),
        *("--disable-pip-version-check", "--only-binary=:all:", "--implementation=cp"),
        *(f"--python-version=3{minor}", *platforms, f"--platform=manylinux2014_{machine}"),
        *(f"--dest={folder}", f"{name}=={versions[name]}"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        said = lines[-1].removeprefix("ERROR: ") if lines else f"pip gave {done.returncode}"
        raise BoardError(
            f"{name} {versions[name]} can't be had for Python 3.{minor} on {machine}: {said}.",
            "Look at the network; or pin a version that has a wheel for this board.",
        )


def _needs(
    wheel: Path, extras: frozenset[str], minor: int, machine: str
) -> list[tuple[str, frozenset[str]]]:
    """Return what a wheel asks for on the board: names, and the extras of each."""
    requirements = require("packaging.requirements", "making a wheelhouse")
    found = []
    for text in _metadata(wheel).get_all("Requires-Dist", []):
        one = requirements.Requirement(text)
        asked = [{"extra": extra} for extra in (*extras, "")]
        if one.marker is None or any(
            one.marker.evaluate(_board(minor, machine) | extra) for extra in asked
        ):
            found.append((_plain(one.name), frozenset(one.extras)))
    return found


def _pinned(pins: Path, minor: int, machine: str) -> dict[str, str]:
    requirements = require("packaging.requirements", "making a wheelhouse")
    try:
        text = pins.read_text(encoding="utf-8")
    except OSError as error:
        raise BoardError(
            f"The pins {pins} can't be read: {error.strerror}.",
            "Run it in the checkout: make wheelhouse",
        ) from error
    versions = {}
    for line in re.findall(r"^[a-z].*", text, re.M):
        one = requirements.Requirement(line)
        if one.marker is None or one.marker.evaluate(_board(minor, machine)):
            versions[_plain(one.name)] = str(one.specifier).removeprefix("==")
    return versions


def _metadata(wheel: Path) -> Any:
    try:
        with zipfile.ZipFile(wheel) as archive:
            (name,) = [n for n in archive.namelist() if _METADATA.fullmatch(n)]
            return HeaderParser().parsestr(archive.read(name).decode("utf-8"))
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise BoardError(
            f"{wheel} is no whole wheel: {error}.",
            "Remove it, and build or download it again: make wheel",
        ) from error


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _board(minor: int, machine: str) -> dict[str, str]:
    """Return the board's answers to the conditions of dependencies."""
    return {
        "python_version": f"3.{minor}",
        "python_full_version": f"3.{minor}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": machine,
    }
