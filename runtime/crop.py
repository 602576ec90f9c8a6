"""Cut the windows that the network sees; training, calibration and runtime share this file."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from thermedge.frame import Counts
from thermedge.geometry import Box

# (a, b, tx, c, d, ty): x' = a x + b y + tx, y' = c x + d y + ty. Plain numbers: the hot
# path makes one per frame, and must not allocate an array for it.
Affine = tuple[float, float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class Window:
    """A square of the frame, resampled to `size_px` x `size_px` for the network."""

    cx: float  # middle, frame px
    cy: float  # middle, frame px
    side: float  # frame px, > 0
    size_px: int

    @classmethod
    def around(cls, box: Box, factor: float, size_px: int) -> Window:
        """Return the square of side `factor * sqrt(w * h)` around `box`.

        Source: the area-preserving crop of SiamFC (Bertinetto 2016), with the factors
        of OSTrack (Ye 2022).
        """
        cx, cy = box.center
        return cls(cx, cy, factor * math.sqrt(box.area), size_px)

    @property
    def scale(self) -> float:
        """Window px per frame px."""
        return self.size_px / self.side

    def window_from_frame(self) -> Affine:
        """Return the map from frame px to window px, both with corner origins."""
        scale, half = self.scale, self.size_px / 2
        return scale, 0.0, half - scale * self.cx, 0.0, scale, half - scale * self.cy

    def point_in_frame(self, x: float, y: float) -> tuple[float, float]:
        """Return the frame position (px) of the window position (x, y) (px)."""
        half = self.size_px / 2
        return self.cx + (x - half) / self.scale, self.cy + (y - half) / self.scale


class Cropper:
    """Cuts windows out of frames without allocating once it has seen the frame's size."""

    def __init__(self) -> None:
        self._floats = np.empty(0, np.float32)
        self._counts = np.empty(0, np.uint8)
        self._matrix = np.empty((2, 3))

    def cut(
        self,
        counts: Counts,
        window: Window,
        *,
        low: float,
        high: float,
        out: NDArray[np.float32],
    ) -> None:
        """Fill `out` with the window's picture, `low` becoming 0 and `high` 1.

        Args:
            counts: (H, W) uint8 or uint16.
            window: May reach past the frame's border, or lie outside altogether.
            low: Count that becomes 0.
            high: Count that becomes 1, above `low`.
            out: (size_px, size_px), C-contiguous; overwritten.
        """
        self.warp(counts, window.window_from_frame(), low=low, high=high, out=out)

    def warp(
        self,
        counts: Counts,
        window_from_frame: Affine,
        *,
        low: float,
        high: float,
        out: NDArray[np.float32],
    ) -> None:
        """Fill `out` through any affine map; `cut` is the case without turn or shear.

        Where the window shrinks the picture more than twofold, the counts are averaged
        over whole blocks first, so that noise and small targets do not alias. Outside
        the frame the window holds the mean of what it shows of the frame.

        Args:
            counts: (H, W) uint8 or uint16.
            window_from_frame: Map between px with corner origins.
            low: Count that becomes 0.
            high: Count that becomes 1, above `low`.
            out: (S, S), C-contiguous; overwritten with values in [0, 1].
        """
        size = out.shape[0]
        a, b, tx, c, d, ty = window_from_frame
        determinant = a * d - b * c
        x0, y0, x1, y1, inside = _region(counts.shape, window_from_frame, determinant, size)
        if x1 <= x0 or y1 <= y0:
            out.fill(0.5)
            return
        patch = counts[y0:y1, x0:x1]
        block_x = block_y = 1.0
        shrink = int(1 / math.sqrt(abs(determinant)))
        if shrink >= 2:
            patch, block_x, block_y = self._averaged(patch, shrink)
        floats = self._room_for(patch)
        gain = 1.0 / (high - low)
        cv2.addWeighted(patch, gain, patch, 0.0, -low * gain, dst=floats, dtype=cv2.CV_32F)
        # OpenCV counts pixel centres from 0, our maps count pixel corners: half a pixel apart.
        matrix = self._matrix
        matrix[0, 0], matrix[0, 1] = a * block_x, b * block_y
        matrix[1, 0], matrix[1, 1] = c * block_x, d * block_y
        matrix[0, 2] = a * (x0 + block_x / 2) + b * (y0 + block_y / 2) + tx - 0.5
        matrix[1, 2] = c * (x0 + block_x / 2) + d * (y0 + block_y / 2) + ty - 0.5
        fill = 0.0 if inside else cv2.mean(floats)[0]
        cv2.warpAffine(
            floats,
            matrix,
            (size, size),
            dst=out,
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=fill,
        )
        cv2.threshold(out, 1.0, 0.0, cv2.THRESH_TRUNC, dst=out)
        cv2.threshold(out, 0.0, 0.0, cv2.THRESH_TOZERO, dst=out)

    def _averaged(self, patch: Counts, shrink: int) -> tuple[Counts, float, float]:
        height, width = patch.shape
        to_height, to_width = -(-height // shrink), -(-width // shrink)
        if self._counts.size < to_height * to_width or self._counts.dtype != patch.dtype:
            self._counts = np.empty(to_height * to_width, patch.dtype)
        small = self._counts[: to_height * to_width].reshape(to_height, to_width)
        cv2.resize(patch, (to_width, to_height), dst=small, interpolation=cv2.INTER_AREA)
        return small, width / to_width, height / to_height

    def _room_for(self, patch: Counts) -> NDArray[np.float32]:
        height, width = patch.shape
        if self._floats.size < height * width:
            self._floats = np.empty(height * width, np.float32)
        return self._floats[: height * width].reshape(height, width)

    def reserve(self, counts: Counts) -> None:
        """Take the memory that any window of a frame like `counts` can need."""
        if self._floats.size < counts.size:
            self._floats = np.empty(counts.size, np.float32)
        if self._counts.size < counts.size // 2 or self._counts.dtype != counts.dtype:
            self._counts = np.empty(counts.size // 2 + 1, counts.dtype)


def _region(
    shape: tuple[int, ...], matrix: Affine, determinant: float, size: int
) -> tuple[int, int, int, int, bool]:
    """Return the frame's columns and rows under the window, and whether all are inside."""
    a, b, tx, c, d, ty = matrix
    height, width = shape
    middle_x, middle_y = size / 2 - tx, size / 2 - ty
    cx = (d * middle_x - b * middle_y) / determinant
    cy = (a * middle_y - c * middle_x) / determinant
    reach_x = size / 2 * (abs(d) + abs(b)) / abs(determinant) + 1
    reach_y = size / 2 * (abs(a) + abs(c)) / abs(determinant) + 1
    left, top = math.floor(cx - reach_x), math.floor(cy - reach_y)
    right, bottom = math.ceil(cx + reach_x), math.ceil(cy + reach_y)
    inside = left >= 0 and top >= 0 and right <= width and bottom <= height
    return max(left, 0), max(top, 0), min(right, width), min(bottom, height), inside
