"""A small picture of each frame, and how it differs from the one before as a whole."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from thermedge.frame import Counts

Blocks = NDArray[np.float32]

WIDTH, HEIGHT = 32, 24  # blocks of a picture
LANDSCAPE = 0.25  # coverage from which a picture is known again as a whole
_SAMPLES = 4096  # pixels looked at: their copy costs the same for a frame of any size
_SHARE = 0.1  # of a new value in a running mean
_FLAT = 1e-3  # counts; a picture of less spread has nothing that could be alike


@dataclass(slots=True)
class Change:
    """What became of the last picture: this one is gain * last + offset, and something else."""

    likeness: float = 1.0  # correlation of the blocks, [-1, 1]; 0 where a picture is flat
    gain: float = 1.0  # below 0 where hot and cold changed places
    offset: float = 0.0  # how much the picture's mean rose, counts
    spread: float = 0.0  # standard deviation of this picture's blocks, counts
    last_spread: float = 0.0  # of the last picture's


class Thumbnail:
    """Shrinks frames to blocks and compares them with the last picture that was kept.

    Pixels on a grid stand for the frame. Memory is taken for the first frame, and once
    more, for a copy of the whole frame, when a picture comes again for the first time.
    """

    def __init__(self) -> None:
        self._grid = self._last_grid = np.empty((0, 0), np.uint8)
        self._same = np.empty((0, 0), np.bool_)
        self._floats = np.empty((0, 0), np.float32)
        self._whole: Counts | None = None
        # Counts with their mean taken off; the buffers change places with each picture.
        self._blocks, self._last_blocks, self._heights = _blocks(), _blocks(), _blocks()
        self._is_high = np.empty((HEIGHT, WIDTH), np.bool_)
        self._mean = self._last_mean = 0.0
        self._is_kept = False
        self.change = Change()

    @property
    def pictures(self) -> tuple[Blocks, Blocks]:
        """The pictures last compared: the one before, and this one. Borrowed."""
        if self._is_kept:
            return self._blocks, self._last_blocks
        return self._last_blocks, self._blocks

    def start(self, counts: Counts) -> None:
        """Take `counts` for the last picture."""
        self._whole = None
        self.look(counts)
        self._whole = None  # a former track may have ended on this picture
        self.compare()
        self.keep()

    def look(self, counts: Counts) -> bool:
        """Take a frame in; return whether it is the last picture again, bit by bit.

        The first repeat of a stream goes unnoticed: only from then on there is a copy to
        prove it by. In a compressed video of a quiet scene most pixels repeat, but not all.
        """
        step = max(1, math.isqrt(counts.size // _SAMPLES))
        seen = counts[::step, ::step]
        if self._grid.shape != seen.shape or self._grid.dtype != seen.dtype:
            self._reserve(seen)
        np.copyto(self._grid, seen)
        np.equal(self._grid, self._last_grid, out=self._same)
        if self._whole is None:
            if self._same.all():
                self._whole = counts.copy()
            return False
        if self._same.all() and cv2.norm(counts, self._whole, cv2.NORM_INF) == 0:
            return True
        np.copyto(self._whole, counts)
        return False

    def compare(self) -> Change:
        """Measure how the frame differs from the last picture; borrowed until the next call."""
        change, size = self.change, WIDTH * HEIGHT
        self._is_kept = False
        np.copyto(self._floats, self._grid)
        cv2.resize(self._floats, (WIDTH, HEIGHT), dst=self._blocks, interpolation=cv2.INTER_AREA)
        now, last = self._blocks.reshape(-1), self._last_blocks.reshape(-1)
        self._mean = float(now.sum()) / size
        np.subtract(now, self._mean, out=now)
        change.last_spread = math.sqrt(float(np.dot(last, last)) / size)
        change.spread = math.sqrt(float(np.dot(now, now)) / size)
        shared = float(np.dot(now, last)) / size
        change.offset = self._mean - self._last_mean
        if min(change.spread, change.last_spread) < _FLAT:
            change.likeness, change.gain = 0.0, 1.0
        else:
            change.likeness = shared / (change.spread * change.last_spread)
            change.gain = shared / change.last_spread**2
        return change

    def texture(self) -> float:
        """Return the spread of the blocks over that of single pixels: 1 for large shapes.

        Of noise alone it is 1 / sqrt(pixels per block), about 0.4.
        """
        pixels = float(cv2.meanStdDev(self._floats)[1][0, 0])
        return self.change.spread / pixels if pixels > 0 else 0.0

    def coverage(self) -> float:
        """Return the share of the last picture's blocks that differ from its mean.

        0.6 for a landscape. Below a quarter its structure is one object before nothing,
        and when that leaves, the picture has not changed as a whole.
        """
        np.abs(self.pictures[0], out=self._heights)
        np.greater(self._heights, 0.5 * self.change.last_spread, out=self._is_high)
        return np.count_nonzero(self._is_high) / self._is_high.size

    def keep(self) -> None:
        """Make the frame the last picture."""
        self._grid, self._last_grid = self._last_grid, self._grid
        self._blocks, self._last_blocks = self._last_blocks, self._blocks
        self._last_mean, self._is_kept = self._mean, True

    def _reserve(self, seen: Counts) -> None:
        self._grid, self._last_grid = np.zeros_like(seen), np.zeros_like(seen)
        self._same = np.empty(seen.shape, np.bool_)
        self._floats = np.empty(seen.shape, np.float32)
        self._whole = None


def _blocks() -> Blocks:
    return np.zeros((HEIGHT, WIDTH), np.float32)


def running_mean(usual: float, new: float) -> float:
    """Return the usual value after a new one; the first one (usual is nan) sets it."""
    return new if math.isnan(usual) else usual + _SHARE * (new - usual)
