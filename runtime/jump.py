"""Camera jumps: how far the whole picture moved at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from thermedge.geometry import Box
from thermedge.runtime.thumbnail import (
    HEIGHT,
    LANDSCAPE,
    WIDTH,
    Blocks,
    Thumbnail,
    running_mean,
)

_QUIET = 0.99  # pictures more alike than this did not jump
_CUT = 0.5  # less alike and not shifted: another place. Measured as in shutter.py
_DOUBT = 0.85  # less alike: perhaps another place
_SUDDEN = 5.0  # times as unlike as usual; an empty sky is unlike itself in each frame
_LEAST_BLOCKS = 0.7  # a smaller shift is no jump: any search window holds it
_LARGEST_BLOCKS = 8.0  # beyond it half of the measured shifts are wrong
_PROVED = 0.85  # how alike the shifted pictures must be where they overlap
_EXPLAINED = 0.3  # share of their unlikeness that the shift must explain
_UNSTEADY = 0.5  # of a pan: it may change by so much from picture to picture, or be measured so
_LEAST_REST = 0.1  # of the blocks, that a target must leave free to tell the scene by
_UNKNOWN = (math.nan, math.nan)  # a pan that explains whatever comes
_REMEMBERED = 5  # pictures for which a pan that can't be measured is believed to go on


@dataclass(slots=True)
class Jump:
    """What the camera did between two pictures. Borrowed: the next look changes it."""

    # cut: another scene, or too far to measure. doubt: perhaps a cut; a target that is
    # missing in the same frame makes it one.
    kind: Literal["", "shift", "cut", "doubt"] = ""
    dx_px: float = 0.0  # how far the scene went in the frame, more than it did before;
    dy_px: float = 0.0  # 0 unless it is a shift


class JumpDetector:
    """Tells a camera that jumped from a target that something hides.

    What hides a target changes some blocks of the picture, a jump changes all. A steady pan
    is no jump: whoever pans may be following the target. It goes on while its pictures can't
    be measured, and takes a camera twice as far where a frame was lost; after some pictures
    that could not be measured nobody knows what is steady, and the next shift only tells the
    pan. The shift is measured by phase correlation, and believed if it makes the pictures
    alike. On shifts of 5 to 60 px cut into real video, 9 of 10 of those believed are within
    a block (a 32nd of the frame's width), half of them within a third of it.
    """

    def __init__(self) -> None:
        self._jump = Jump()
        self._pan = (0.0, 0.0)  # blocks per second
        self._newest = (0.0, 0.0)  # the last shift, which after a jump may be a pan's first one
        self._num_unmeasured = 0  # pictures since the pan was measured
        self._elapsed_s = 1.0  # between the last two pictures
        self._unlike = math.nan  # usual 1 - likeness
        self._taper = cv2.createHanningWindow((WIDTH, HEIGHT), cv2.CV_32F)
        self._last, self._now = np.empty((2, HEIGHT, WIDTH), np.float32)

    def look(
        self,
        thumbnail: Thumbnail,
        frame_px: tuple[int, int],
        target: Box,
        *,
        elapsed_s: float = 0.0,
    ) -> Jump:
        """Say how the scene moved between the last two pictures of a thumbnail.

        Args:
            thumbnail: Keeps the pictures, and how alike they are.
            frame_px: (width, height).
            target: Left out, px: a large one may turn or hide while the scene stays. One that
                fills the picture is not.
            elapsed_s: From the last picture to this one; 0: as long as to the last one.
        """
        jump, likeness = self._jump, abs(thumbnail.change.likeness)  # polarity does not matter
        jump.kind, jump.dx_px, jump.dy_px = "", 0.0, 0.0
        self._elapsed_s = elapsed_s if elapsed_s > 0 else self._elapsed_s
        shift: tuple[float, float] | None = (0.0, 0.0) if likeness > _QUIET else None
        if shift is None and thumbnail.coverage() >= LANDSCAPE:
            likeness = self._scene_likeness(thumbnail, frame_px, target)
            shift = self._measured(thumbnail, likeness)
            if shift is None and self._is_sudden(likeness):
                jump.kind = "cut" if likeness < _CUT else "doubt"
        if shift is None:
            self._go_on()
        else:
            self._compare(shift, frame_px)
        self._unlike = running_mean(self._unlike, 1 - likeness)
        return jump

    def _go_on(self) -> None:
        """Believe in the pan for another picture that can't be measured, but not for ever."""
        self._num_unmeasured += 1
        if self._num_unmeasured > _REMEMBERED:
            self._pan = self._newest = _UNKNOWN

    def _compare(self, shift: tuple[float, float], frame_px: tuple[int, int]) -> None:
        """Take in a shift, blocks; call it a jump if no pan explains it."""
        jump, seconds = self._jump, self._elapsed_s
        if math.hypot(*shift) > _LEAST_BLOCKS and not any(
            _explains(pan, shift, seconds) for pan in (self._pan, self._newest)
        ):
            jump.kind = "shift"
            jump.dx_px = (shift[0] - self._pan[0] * seconds) * frame_px[0] / WIDTH
            jump.dy_px = (shift[1] - self._pan[1] * seconds) * frame_px[1] / HEIGHT
        self._newest = (shift[0] / seconds, shift[1] / seconds)
        if not jump.kind:
            self._pan = self._newest
        self._num_unmeasured = 0

    def _is_sudden(self, likeness: float) -> bool:
        return likeness < _DOUBT and 1 - likeness > _SUDDEN * self._unlike

    def _scene_likeness(
        self, thumbnail: Thumbnail, frame_px: tuple[int, int], target: Box
    ) -> float:
        columns = _blocks_of(target.x, target.w, WIDTH / frame_px[0])
        rows = _blocks_of(target.y, target.h, HEIGHT / frame_px[1])
        if self._last.size - self._last[rows, columns].size < _LEAST_REST * self._last.size:
            return abs(thumbnail.change.likeness)
        for picture, copy in zip(thumbnail.pictures, (self._last, self._now), strict=True):
            np.copyto(copy, picture)
            copy[rows, columns] = 0.0
            rest = copy.size - copy[rows, columns].size
            np.subtract(copy, float(copy.sum()) / max(rest, 1), out=copy)
            copy[rows, columns] = 0.0
        return abs(_correlation(self._last, self._now))

    def _measured(self, thumbnail: Thumbnail, likeness: float) -> tuple[float, float] | None:
        """Return the shift in blocks, None if there is none that proves itself."""
        last, now = thumbnail.pictures
        np.multiply(last, self._taper, out=self._last)
        np.multiply(now, self._taper, out=self._now)
        (dx, dy), _ = cv2.phaseCorrelate(self._last, self._now)
        if math.hypot(dx, dy) <= _LEAST_BLOCKS:
            return (dx, dy) if likeness > _PROVED else None
        if math.hypot(dx, dy) >= _LARGEST_BLOCKS:
            return None
        needed = max(_PROVED, likeness + _EXPLAINED * (1 - likeness))
        is_proved = self._shifted_likeness(last, now, dx, dy) > needed
        return (dx, dy) if is_proved else None

    def _shifted_likeness(self, last: Blocks, now: Blocks, dx: float, dy: float) -> float:
        """Return the correlation of `now` with the shifted `last` where they overlap."""
        move = np.array([[1.0, 0.0, dx], [0.0, 1.0, dy]])
        cv2.warpAffine(last, move, (WIDTH, HEIGHT), dst=self._last)
        rows, columns = _inside(dy, HEIGHT), _inside(dx, WIDTH)
        one, other = self._last[rows, columns], now[rows, columns]
        return _correlation(one - one.mean(), other - other.mean())


def _explains(pan: tuple[float, float], shift: tuple[float, float], seconds: float) -> bool:
    expected = (pan[0] * seconds, pan[1] * seconds)
    if math.isnan(expected[0]):
        return True
    return math.dist(shift, expected) <= _LEAST_BLOCKS + _UNSTEADY * math.hypot(*expected)


def _correlation(one: Blocks, other: Blocks) -> float:
    energy = float(np.vdot(one, one)) * float(np.vdot(other, other))
    return float(np.vdot(one, other)) / math.sqrt(energy) if energy > 0 else 0.0


def _blocks_of(start_px: float, length_px: float, blocks_per_px: float) -> slice:
    """Return the blocks that a length touches."""
    first = math.floor(start_px * blocks_per_px)
    return slice(max(first, 0), max(math.ceil((start_px + length_px) * blocks_per_px), 0))


def _inside(shift: float, length: int) -> slice:
    """Return what a line of blocks still covers after a shift."""
    return slice(max(0, math.ceil(shift)), min(length, length + math.floor(shift)))
