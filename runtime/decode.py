"""Read a target out of the maps that a network made of a window."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from thermedge.manifest import HeadSpec
from thermedge.runtime.backends.base import Tensors
from thermedge.runtime.crop import Window

_LARGEST_LN = 10.0  # of a size: 22,000 window px, where windows have hundreds
_LARGEST_POWER = 80.0  # of e: float32 holds it
_LEAST_PX = 0.1  # a width that a network gives may be 0 or less; its logarithm is asked for


class Change(NamedTuple):
    """How far the sizes of targets like this one leave the first size, by what was learned."""

    floor: float  # variance of ln(size / first size) while the target keeps its size
    share: float  # of the square of a measured change, the variance that it speaks for, [0, 1]


@dataclass(frozen=True, slots=True)
class Candidate:
    """The best cell of one window."""

    cx: float  # frame px
    cy: float  # frame px
    ln_w: float  # ln of the width in frame px
    ln_h: float  # ln of the height in frame px
    spread_w: float  # Laplace scale of ln_w
    spread_h: float  # Laplace scale of ln_h
    score: float  # [0, 1]
    change: Change | None = None  # None: the network does not tell


class _Place(NamedTuple):
    """What one cell says, in window px."""

    cx: float
    cy: float
    ln_w: float
    ln_h: float
    spread_w: float
    spread_h: float
    change: Change | None = None


class Decoder:
    """Picks a cell and turns its numbers into frame px, without allocating."""

    def __init__(self, head: HeadSpec, cells: int, window_weight: float) -> None:
        self._stride = head.stride_px
        self._spread = head.spread
        self._read = {"centre": self._centre, "ltrb": self._ltrb}[head.kind]
        self._cells = cells
        self._window = 1.0 - window_weight * (1.0 - _hann(cells))
        self._rank = np.empty((cells, cells), np.float32)

    def best(
        self,
        maps: Tensors,
        window: Window,
        template_size: tuple[float, float],
        *,
        centred: bool = True,
    ) -> Candidate:
        """Return the cell with the highest score.

        Where a network that overflowed gives no numbers, the score is 0: nothing was found.

        Args:
            maps: `score` (1, 1, S, S) in [0, 1]; `offset`, `size`, `spread` (1, 2, S, S),
                or `ltrb` (1, 4, S, S), as the head says. `change` (1, 2, S, S), ln of the
                floor and logit of the share, where a network tells them.
            window: Where the maps were made.
            template_size: (w, h) of the target in the template window, px.
            centred: Hold cells back the further they are from the window's middle.
        """
        score = maps["score"][0, 0]
        if centred:
            np.multiply(score, self._window, out=self._rank)
            best = int(self._rank.argmax())
        else:
            best = int(score.argmax())
        row, column = divmod(best, self._cells)
        peak = score.item(row, column)
        place = self._read(maps, row, column, template_size)
        if not (math.isfinite(peak) and _is_sound(place)):
            peak, place = 0.0, self._nothing(template_size)
        cx, cy = window.point_in_frame(place.cx, place.cy)
        ln_scale = math.log(window.scale)
        return Candidate(
            cx,
            cy,
            place.ln_w - ln_scale,
            place.ln_h - ln_scale,
            place.spread_w,
            place.spread_h,
            min(max(peak, 0.0), 1.0),
            place.change,
        )

    def _nothing(self, template_size: tuple[float, float]) -> _Place:
        """Return the target in the window's middle, as large as it was first."""
        middle = self._cells * self._stride / 2
        ln_w, ln_h = map(math.log, template_size)
        return _Place(middle, middle, ln_w, ln_h, 0.0, 0.0)

    def _centre(
        self, maps: Tensors, row: int, column: int, template_size: tuple[float, float]
    ) -> _Place:
        offset, size, spread = maps["offset"], maps["size"], maps["spread"]
        return _Place(
            (column + 0.5 + offset.item(0, 0, row, column)) * self._stride,
            (row + 0.5 + offset.item(0, 1, row, column)) * self._stride,
            math.log(template_size[0]) + size.item(0, 0, row, column),
            math.log(template_size[1]) + size.item(0, 1, row, column),
            _exp(spread.item(0, 0, row, column)),
            _exp(spread.item(0, 1, row, column)),
            _change(maps, row, column),
        )

    def _ltrb(
        self, maps: Tensors, row: int, column: int, template_size: tuple[float, float]
    ) -> _Place:
        left, top, right, bottom = (maps["ltrb"].item(0, side, row, column) for side in range(4))
        return _Place(
            (column + 0.5) * self._stride + (right - left) / 2,
            (row + 0.5) * self._stride + (bottom - top) / 2,
            math.log(max(left + right, _LEAST_PX)),
            math.log(max(top + bottom, _LEAST_PX)),
            self._spread,
            self._spread,
        )


def _change(maps: Tensors, row: int, column: int) -> Change | None:
    change = maps.get("change")
    if change is None:
        return None
    share = 0.5 * (1 + math.tanh(0.5 * change.item(0, 1, row, column)))
    return Change(_exp(change.item(0, 0, row, column)), share)


def _is_sound(place: _Place) -> bool:
    sizes = place.ln_w, place.ln_h
    numbers = (place.cx, place.cy, place.spread_w, place.spread_h, *(place.change or ()))
    return all(map(math.isfinite, numbers)) and all(abs(size) < _LARGEST_LN for size in sizes)


def _exp(value: float) -> float:
    return math.exp(min(value, _LARGEST_POWER))  # nan stays what it is


def _hann(cells: int) -> NDArray[np.float32]:
    """Return (cells, cells): 1 in the middle, above 0 at the border (OSTrack's centred form)."""
    line = 0.5 * (1 - np.cos(2 * np.pi * np.arange(1, cells + 1) / (cells + 1)))
    return np.outer(line, line).astype(np.float32)
