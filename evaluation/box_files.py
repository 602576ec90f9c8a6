"""Read the text files of numbers that data sets and trackers write: one row per frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thermedge.errors import DatasetError

_NAMES = {",": "commas", "\t": "tabs", ";": "semicolons", " ": "blanks"}
_REMEDY = "Write one frame per line, with one kind of delimiter in the whole file."


def read_text(path: Path) -> str:
    """Return a text file's content.

    Raises:
        DatasetError: It can't be read, or is no text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DatasetError(
            f"{path} can't be read: {error.strerror}.", "Check the path and its permissions."
        ) from error
    except UnicodeDecodeError as error:
        raise DatasetError(
            f"{path} is not a text file.", "Give text files with one frame per line."
        ) from error


def read_rows(path: Path, columns: tuple[int, ...]) -> NDArray[np.float64]:
    """Read a file of numbers with the same count in every line.

    The delimiter (comma, tab, semicolon or blanks) is found from the first line; `nan` is
    a number. Empty lines at the end are ignored.

    Args:
        path: The file.
        columns: The counts of numbers that a line may have, the expected one first.

    Returns:
        (N, C) with C one of `columns`; (0, columns[0]) of an empty file.

    Raises:
        DatasetError: Naming the first line that does not fit.
    """
    lines = read_text(path).rstrip().splitlines()
    if not lines:
        return np.empty((0, columns[0]))
    delimiter = _delimiter(lines[0])
    rows = [_split(line, delimiter) for line in lines]
    width = len(rows[0])
    if width not in columns:
        raise _unfit(path, 1, lines[0], columns)
    try:
        # A decimal comma would split one number in two: counts differ, or a cell is empty.
        return np.array(rows, np.float64)
    except ValueError:
        number = next(i for i, row in enumerate(rows) if len(row) != width or not _numbers(row))
    other = _delimiter(lines[number])
    if other != delimiter and len(_split(lines[number], other)) == width:
        raise DatasetError(
            f"{path} line {number + 1} separates numbers by {_NAMES[other]}, "
            f"line 1 by {_NAMES[delimiter]}: {_shown(lines[number])}.",
            _REMEDY,
        )
    raise _unfit(path, number + 1, lines[number], (width,))


def read_boxes(path: Path) -> NDArray[np.float64]:
    """Read boxes of 4 numbers x, y, w, h; polygons of 8 become the upright box around them.

    Returns:
        (N, 4).

    Raises:
        DatasetError: Naming the first line that does not fit.
    """
    rows = read_rows(path, (4, 8))
    return rows if rows.shape[1] == 4 else upright(rows)


def upright(polygons: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (N, 4) boxes around (N, 2 P) polygons x1, y1, x2, ..."""
    xs, ys = polygons[:, 0::2], polygons[:, 1::2]
    left, top = xs.min(axis=1), ys.min(axis=1)
    return np.column_stack([left, top, xs.max(axis=1) - left, ys.max(axis=1) - top])


def _delimiter(line: str) -> str:
    return next((mark for mark in ",\t;" if mark in line.strip()), " ")


def _split(line: str, delimiter: str) -> list[str]:
    return line.split() if delimiter == " " else line.strip().split(delimiter)


def _numbers(row: list[str]) -> bool:
    try:
        [float(cell) for cell in row]
    except ValueError:
        return False
    return True


def _unfit(path: Path, number: int, line: str, columns: tuple[int, ...]) -> DatasetError:
    expected = " or ".join(str(count) for count in columns)
    return DatasetError(
        f"{path} line {number} is {_shown(line)}, expected {expected} numbers.", _REMEDY
    )


def _shown(line: str) -> str:
    return repr(line if len(line) <= 60 else f"{line[:57]}...")
