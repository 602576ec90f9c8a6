"""Finding what moves against the scene."""

from __future__ import annotations

import math
from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from thermedge.frame import Frame
from thermedge.runtime.hottest import Picture, noise_of, outlined
from thermedge.runtime.start import Finding

_KEPT = 10  # frames that make the background
_EVERY_NS = 250_000_000  # between two of them: slow targets must leave their own place
_LEAST_KEPT = 4  # before anything is said
_SURE_SHIFT = 0.03  # response of the phase correlation; below, the camera's motion is unknown
_FARTHEST = 0.3  # of a side of the frame, that the camera may have moved since
_SMOOTHING_PX = 0.8
_SMOOTHED = 1 / (2 * math.sqrt(math.pi) * _SMOOTHING_PX)  # of white noise that is left then
_DETAIL_PX = 4.0  # the motion is told from what is smaller than this
_LOUDEST = 2.0  # standard deviations of the detail: no single lamp decides on the motion
_TOLERANCE_PX = 3  # side of the square in which the background may lie after the shift
_BORDER_PX = 12  # along the border of what all frames show: the shift is not exact there
_SIDE_PX = 13  # of the square that a moving spot is outlined around
_WIDEST_PX = 0.9 * (3 * _SIDE_PX * 1.3)  # a spot without an end in there is no target


class Moving:
    """Compares each frame with all that the frames before it showed at the same place.

    The camera's motion, a shift by phase correlation, is taken out first. A pixel moves
    when it is brighter or darker than its whole neighbourhood was in any of the frames
    kept: leaves that sway and edges that were shifted half a pixel too far are not. Frames
    whose shift can't be told, or is large, are left out.
    """

    least_strength = 6.0

    def __init__(self) -> None:
        self._kept: deque[tuple[Picture, Picture]] = deque(maxlen=_KEPT)
        self._kept_ns = 0
        self._window: Picture = np.empty((0, 0), np.float32)

    def look(self, frame: Frame) -> Finding | None:
        """Return the spot that differs most from the background; None without a background."""
        counts = frame.counts.astype(np.float32)
        noise = noise_of(counts)
        picture = np.asarray(cv2.GaussianBlur(counts, (0, 0), _SMOOTHING_PX), np.float32)
        if self._window.shape != picture.shape:
            self._kept.clear()
            size = picture.shape[::-1]
            self._window = np.asarray(cv2.createHanningWindow(size, cv2.CV_32F), np.float32)
        detail = np.asarray(picture - cv2.GaussianBlur(picture, (0, 0), _DETAIL_PX), np.float32)
        loudest = _LOUDEST * float(detail.std())
        np.clip(detail, -loudest, loudest, out=detail)
        shifted = self._shifted(detail)
        if not self._kept or frame.timestamp_ns - self._kept_ns >= _EVERY_NS:
            self._kept.append((picture, detail))
            self._kept_ns = frame.timestamp_ns
        if len(shifted) < _LEAST_KEPT:
            return None
        return _differing(picture, shifted, noise=_SMOOTHED * noise)

    def _shifted(self, detail: Picture) -> list[Picture]:
        """Return the frames kept as the camera would see them now."""
        height, width = detail.shape
        shifted = []
        for picture, before in self._kept:
            (dx, dy), response = cv2.phaseCorrelate(before, detail, self._window)
            is_near = abs(dx) < _FARTHEST * width and abs(dy) < _FARTHEST * height
            if response >= _SURE_SHIFT and is_near:
                move = np.array([[1, 0, dx], [0, 1, dy]])
                moved = cv2.warpAffine(picture, move, (width, height), borderValue=np.nan)
                shifted.append(np.asarray(moved, np.float32))
        return shifted


def _differing(picture: Picture, shifted: list[Picture], *, noise: float) -> Finding | None:
    stack = np.stack(shifted)
    high, low = stack.max(axis=0), stack.min(axis=0)
    is_seen = _inner(np.isfinite(high))
    high[~is_seen], low[~is_seen] = np.inf, -np.inf
    square = np.ones((_TOLERANCE_PX, _TOLERANCE_PX), np.uint8)
    beyond = np.maximum(picture - cv2.dilate(high, square), cv2.erode(low, square) - picture)
    beyond = np.maximum(beyond, 0)
    difference = np.abs(picture - np.median(stack, axis=0))
    # What flickers, or was shifted not exactly, differs everywhere: that is the measure.
    spread = noise + 1.4826 * float(np.median(difference[is_seen])) if is_seen.any() else np.inf
    spread = max(spread, _SMOOTHED)  # of one count: the steps of 8 bits are noise too
    _, strength, _, (x, y) = cv2.minMaxLoc(beyond)
    if strength <= 0:
        return None
    box = outlined(np.nan_to_num(difference), (x, y), _SIDE_PX, 0.0)
    if max(box.w, box.h) > _WIDEST_PX:
        return None
    reach = 2 * round(max(box.w, box.h))
    beyond[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1] = 0
    return Finding(box, strength / spread, float(beyond.max()) / spread)


def _inner(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return `mask` without its border, nor that of the frame."""
    square = np.ones((2 * _BORDER_PX + 1, 2 * _BORDER_PX + 1), np.uint8)
    eroded = cv2.erode(
        mask.astype(np.uint8), square, borderType=cv2.BORDER_CONSTANT, borderValue=0.0
    )
    return np.asarray(eroded, bool)
