"""What a data set's layout is, and the readers' common steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermedge.errors import DatasetError, ThermedgeError
from thermedge.evaluation.metrics import Conventions
from thermedge.evaluation.sequences import Sequence
from thermedge.records import RecordError, from_mapping, to_mapping
from thermedge.toml import loads

PICTURES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".tif", ".tiff")
VIDEOS = (".avi", ".mkv", ".mov", ".mp4")


@dataclass(frozen=True, slots=True)
class Layout:
    """How the authors of a benchmark arranged its files, and how they score it."""

    name: str
    expected: str  # one line: what a folder of this layout holds
    fits: Callable[[Path], bool]  # whether a folder looks like it
    read: Callable[[Path], list[Sequence]]
    conventions: Conventions
    protocol: str = "one_pass"  # the authors' own, a name of evaluation/protocols


@dataclass(frozen=True, slots=True)
class DataSet:
    """The sequences of one folder."""

    layout: Layout
    sequences: tuple[Sequence, ...]


def with_conventions(data: DataSet, changes: list[str]) -> DataSet:
    """Return the data set scored by other conventions than its authors'.

    Args:
        data: As read.
        changes: Texts KEY=VALUE with the fields of Conventions, as `invalid_truth=skip`.

    Raises:
        ThermedgeError: A key or a value is unknown, or a number is not finite.
    """
    values = to_mapping(data.layout.conventions)
    for change in changes:
        key, mark, text = change.partition("=")
        if not mark:
            raise ThermedgeError(
                f"The convention is {change!r}, expected KEY=VALUE.",
                f"Choose a key of {', '.join(values)}.",
            )
        values[key.strip()] = _toml_value(text.strip())
    try:
        conventions = from_mapping(Conventions, values)
        for key, value in values.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise RecordError(f"{key} is {value}, expected a finite number")
    except RecordError as error:
        raise ThermedgeError(
            f"A convention is wrong: {error}.", f"Choose a key of {', '.join(values)}."
        ) from error
    return replace(data, layout=replace(data.layout, conventions=conventions))


def _toml_value(text: str) -> Any:
    """Return true, 5.0 and the like as what they are, and bare words as text."""
    try:
        return loads(f"value = {text}")["value"]
    except ValueError:
        return text


def group_of(folder: Path) -> str:
    """Return the name that a data set's scores are averaged under: its last two folders."""
    return "/".join(folder.resolve().parts[-2:])


def named(folder: Path, names: list[str], expected: str) -> str:
    """Return the first of `names` that exists in `folder`.

    Raises:
        DatasetError: None does.
    """
    for name in names:
        if (folder / name).exists():
            return name
    raise DatasetError(
        f"{folder} holds neither {' nor '.join(names)}; it holds {found(folder)}.",
        f"Expected {expected}.",
    )


def found(folder: Path) -> str:
    """Return a few names of what lies in the folder, for messages."""
    names = sorted(path.name + ("/" if path.is_dir() else "") for path in folder.iterdir())
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more or "nothing"


def num_pictures(folder: Path) -> int:
    """Return how many pictures lie in the folder itself."""
    if not folder.is_dir():
        return 0
    return sum(path.suffix.lower() in PICTURES for path in folder.iterdir())


def pictures_for(folder: Path, truth: NDArray[np.float64], label: Path) -> Path:
    """Return `folder` if it holds a picture for every label.

    Raises:
        DatasetError: It holds fewer, or the label file is empty.
    """
    if not len(truth):
        raise DatasetError(f"{label} is empty.", "Unpack the data set again.")
    pictures = num_pictures(folder)
    if pictures < len(truth):
        raise DatasetError(
            f"{folder} holds {pictures} pictures, {label} labels {len(truth)}.",
            "Unpack the data set again: pictures are missing.",
        )
    return folder


def flagged(path: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names whose flag is 1 in a file of 0s and 1s in the names' order.

    Whatever stands between the digits is ignored, and what follows the last one that has
    a name: LSOTB-TIR has a file with digits glued to its end. () if there is no file.

    Raises:
        DatasetError: There are fewer flags than names.
    """
    if not path.is_file():
        return ()
    flags = [character for character in path.read_text(encoding="utf-8") if character in "01"]
    if len(flags) < len(names):
        raise DatasetError(
            f"{path} has {len(flags)} flags of 0 or 1, expected {len(names)}.",
            "Unpack the attributes again.",
        )
    return tuple(name for name, flag in zip(names, flags) if flag == "1")  # noqa: B905
