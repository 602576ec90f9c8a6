"""The coverage of a calibration set as a picture: bars, what is missing, and windows."""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap

import cv2
import numpy as np
from numpy.typing import NDArray

from thermedge.calibration.coverage import TITLES, Coverage
from thermedge.errors import CalibrationError

Picture = NDArray[np.uint8]

_WIDTH_PX, _MARGIN_PX = 1440, 28
_LINE_PX, _TILE_PX, _GAP_PX = 24, 112, 4
_BARS_PX = 640  # width of the column of bars
_LABEL_PX, _COUNT_PX = 170, 130
_ROWS_OF_TILES = 2
_LETTERS = 88  # of a sentence below the bars, per line
_INK, _FAINT, _PAPER = (40, 40, 40), (150, 150, 150), (255, 255, 255)
_BAR, _MISSING = (176, 114, 32), (44, 60, 214)  # blue, green, red; told by words too


def write_chart(path: Path, coverage: Coverage, windows: NDArray[np.float32]) -> None:
    """Draw the coverage into a PNG.

    Args:
        path: Ends in .png; overwritten.
        coverage: Of the set.
        windows: (N, S, S) search windows in [0, 1]; some are shown, evenly chosen.

    Raises:
        CalibrationError: The file can't be written.
    """
    picture = draw(coverage, windows)
    is_made, coded = cv2.imencode(".png", picture)
    assert is_made  # three bytes per pixel always encode
    try:
        path.write_bytes(coded.tobytes())
    except OSError as error:
        raise CalibrationError(
            f"{path} can't be written: {error.strerror}.", "Choose another folder with -o."
        ) from error


def draw(coverage: Coverage, windows: NDArray[np.float32]) -> Picture:
    """Return (H, W, 3) blue, green, red."""
    missing = [line for sentence in coverage.missing for line in _lines(sentence)]
    bars = sum(len(values) + 2 for values in coverage.counts.values())
    rows = max(bars, len(missing) + 3) + 2
    tiles_px = _ROWS_OF_TILES * (_TILE_PX + _GAP_PX)
    height = 2 * _MARGIN_PX + rows * _LINE_PX + tiles_px + 2 * _LINE_PX
    picture = np.full((height, _WIDTH_PX, 3), _PAPER, np.uint8)
    y = _MARGIN_PX + _LINE_PX
    title = (
        f"{coverage.num_windows} search windows, {coverage.num_templates} templates, "
        f"{len(coverage.recordings)} recordings"
    )
    _write(picture, title, _MARGIN_PX, y, scale=0.75)
    _bars(picture, coverage, y + _LINE_PX)
    _sentences(picture, missing, _MARGIN_PX + _BARS_PX + 40, y + 2 * _LINE_PX)
    top = height - _MARGIN_PX - tiles_px
    shown = min(len(windows), _ROWS_OF_TILES * _tiles_per_row())
    told = f"{shown} of the search windows, evenly chosen"
    _write(picture, told, _MARGIN_PX, top - 10, color=_FAINT)
    _tiles(picture, windows, top)
    return picture


def _bars(picture: Picture, coverage: Coverage, y: int) -> None:
    left = _MARGIN_PX + _LABEL_PX
    room = _BARS_PX - _LABEL_PX - _COUNT_PX
    for axis, values in coverage.counts.items():
        y += _LINE_PX
        _write(picture, TITLES[axis], _MARGIN_PX, y, scale=0.6)
        for value, count in values.items():
            y += _LINE_PX
            share = count / max(coverage.num_windows, 1)
            right = left + round(room * share)
            color = _MISSING if coverage.lacks(axis, value) else _INK
            _write(picture, value, _MARGIN_PX + 12, y, color=color)
            if right > left:
                cv2.rectangle(picture, (left, y - 13), (right, y + 1), _BAR, cv2.FILLED)
            _write(picture, f"{count} ({share:.0%})", right + 8, y, color=color)
        y += _LINE_PX


def _sentences(picture: Picture, lines: list[str], x: int, y: int) -> None:
    title = "missing, or hardly there" if lines else "nothing is missing"
    _write(picture, title, x, y, scale=0.6)
    for line in lines:
        y += _LINE_PX
        _write(picture, line, x, y)


def _tiles(picture: Picture, windows: NDArray[np.float32], top: int) -> None:
    per_row = _tiles_per_row()
    count = min(len(windows), _ROWS_OF_TILES * per_row)
    chosen = np.linspace(0, len(windows) - 1, count).astype(int)
    for place, number in enumerate(chosen):
        row, column = divmod(place, per_row)
        y = top + row * (_TILE_PX + _GAP_PX)
        x = _MARGIN_PX + column * (_TILE_PX + _GAP_PX)
        grey = (255 * np.clip(windows[number], 0, 1)).astype(np.uint8)
        small = cv2.resize(grey, (_TILE_PX, _TILE_PX), interpolation=cv2.INTER_AREA)
        picture[y : y + _TILE_PX, x : x + _TILE_PX] = small[:, :, None]


def _tiles_per_row() -> int:
    return (_WIDTH_PX - 2 * _MARGIN_PX + _GAP_PX) // (_TILE_PX + _GAP_PX)


def _lines(sentence: str) -> list[str]:
    first, *rest = wrap(sentence, _LETTERS)
    return [f"- {first}", *(f"  {line}" for line in rest)]


def _write(
    picture: Picture,
    text: str,
    x: int,
    y: int,
    *,
    scale: float = 0.5,
    color: tuple[int, int, int] = _INK,
) -> None:
    cv2.putText(picture, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, color, 1, cv2.LINE_AA)
