"""A wheelhouse: the folder of wheels that a board installs from, without a network."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

from thermedge.errors import BoardError

LEAST_MINOR = 10  # of Python 3, as setup.cfg says
_NAME = re.compile(
    r"(?P<name>[^-]+)-(?P<version>[^-]+)(-\d[^-]*)?-(?P<python>[^-]+)-(?P<abi>[^-]+)-"
    r"(?P<platform>[^-]+)\.whl"
)
_MAKE = "Make it anew: make wheelhouse BOARD_PYTHON=3.10"


@dataclass(frozen=True, slots=True)
class Wheel:
    """What a wheel's file name says."""

    path: Path
    name: str  # with _ for every other sign, in lower case
    version: str
    python: str
    abi: str
    platform: str

    def fits(self, minor: int, machine: str) -> bool:
        """Tell whether Python 3.`minor` on Linux on `machine` can use it."""
        if self.platform != "any" and not self.platform.endswith(f"_{machine}"):
            return False
        if "py3" in self.python.split(".") or "py2" in self.python.split("."):
            return "py3" in self.python.split(".")
        minors = [int(tag[3:]) for tag in self.python.split(".") if re.fullmatch(r"cp3\d+", tag)]
        if "abi3" in self.abi.split("."):
            return any(least <= minor for least in minors)
        return minor in minors


def found(folder: Path) -> list[Wheel]:
    """Return the wheels of a folder, by name.

    Raises:
        BoardError: The folder can't be read, or a wheel's name is not in the standard form.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".whl")
    except OSError as error:
        raise BoardError(f"{folder} can't be read: {error.strerror}.", _MAKE) from error
    return [_parsed(path) for path in paths]


def check(folder: Path, *, minor: int | None = None, machine: str | None = None) -> None:
    """Refuse a wheelhouse that a board could not install from.

    Args:
        folder: The wheelhouse.
        minor: Of the board's Python 3, where it is known.
        machine: The board's, as `uname -m` has it; where it is known.

    Raises:
        BoardError: thermedge or pip is not among the wheels, or one is for another board or
            not whole.
    """
    here = found(folder)
    for needed in ("thermedge", "pip"):
        count = sum(wheel.name == needed for wheel in here)
        if count != 1:
            raise BoardError(f"{folder} holds {count} wheels of {needed}; one is needed.", _MAKE)
    if minor is not None and machine is not None:
        _check_fit(here, minor, machine)
    for wheel in here:
        if not zipfile.is_zipfile(wheel.path):
            raise BoardError(f"{wheel.path} is no whole wheel.", _MAKE)


def _check_fit(here: list[Wheel], minor: int, machine: str) -> None:
    strange = [wheel for wheel in here if not wheel.fits(minor, machine)]
    if strange:
        raise BoardError(
            f"{strange[0].path.name} does not run on the board, which has Python 3.{minor} "
            f"on {machine}.",
            f"Make the wheelhouse for it: make wheelhouse BOARD_PYTHON=3.{minor} "
            f"BOARD_MACHINE={machine}",
        )


def one(folder: Path, name: str) -> Path:
    """Return the wheel of a package that `check` has seen."""
    return next(wheel.path for wheel in found(folder) if wheel.name == name)


def _parsed(path: Path) -> Wheel:
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise BoardError(f"{path.name} is not the name of a wheel.", _MAKE)
    name = re.sub(r"[-_.]+", "_", match["name"]).lower()
    return Wheel(path, name, match["version"], match["python"], match["abi"], match["platform"])
