"""The things of a generated scene: outlines drawn at any sub-pixel size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from thermedge.geometry import Box
from thermedge.runtime.scene_outlines import MOVING, Kind, Part, Points, parts, ripple

Patch = NDArray[np.float32]  # (h, w, 2) heat times cover, and cover in [0, 1]

NUM_PHASES = 8  # of a gait or a wing beat
_CANVAS_PX = 256  # a power of two, so that it halves exactly


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a thing is in the frame."""

    x: float  # middle, px
    y: float  # middle, px
    size_px: float  # sqrt(w * h) of its outline at rest
    turn: float = 0.0  # radians, clockwise on the screen
    mirrored: bool = False  # left and right swapped


class Sprite:
    """One phase of a thing: a fine picture of heat and cover, with its halvings.

    Args:
        parts: Painted in order; a later one hides an earlier one.
        middle: Point of the outline that a pose's x and y name.
        unit: Length that becomes `Pose.size_px`.
        texture: (256, 256) factor of the heat.
    """

    def __init__(
        self, parts: Sequence[Part], middle: Points, unit: float, texture: NDArray[np.float32]
    ) -> None:
        self._points = np.concatenate([points for points, _ in parts]) - middle
        self._points /= unit
        # 0.92: the rim stays empty, so that no halving loses heat over the canvas's edge.
        self._scale = 0.92 * _CANVAS_PX / 2 / float(np.abs(self._points).max())
        heat = np.zeros((_CANVAS_PX, _CANVAS_PX), np.float32)
        cover = np.zeros_like(heat)
        for points, value in parts:
            place = (points - middle) * (self._scale / unit) + _CANVAS_PX / 2 - 0.5
            outline = np.rint(place * 16).astype(np.int32)
            cv2.fillPoly(heat, [outline], value, shift=4)
            cv2.fillPoly(cover, [outline], 1.0, shift=4)
        fine = cv2.GaussianBlur(np.dstack([heat * texture, cover]), (0, 0), 1.0)
        self._levels: list[Patch] = [np.asarray(fine, np.float32)]
        while self._levels[-1].shape[0] > 4:
            side = self._levels[-1].shape[0] // 2
            half = cv2.resize(self._levels[-1], (side, side), interpolation=cv2.INTER_AREA)
            self._levels.append(np.asarray(half, np.float32))

    @property
    def mean_heat(self) -> float:
        """Average over the cover, free units."""
        heat, cover = self._levels[0][..., 0], self._levels[0][..., 1]
        return float(heat.sum() / cover.sum())

    def warm(self, factor: float) -> None:
        """Multiply all heat by `factor`."""
        for level in self._levels:
            level[..., 0] *= factor

    def box(self, pose: Pose) -> Box:
        """Return the exact extent of the outline, frame px, not clipped."""
        points = self._points @ _matrix(pose, 1.0).T
        left, top = points.min(axis=0) + (pose.x, pose.y)
        right, bottom = points.max(axis=0) + (pose.x, pose.y)
        return Box(float(left), float(top), float(right - left), float(bottom - top))

    def draw(self, pose: Pose, margin_px: int) -> tuple[Patch, int, int]:
        """Return a new patch with the thing, and the frame column and row of its corner.

        Args:
            pose: May lie outside the frame.
            margin_px: Empty pixels around the outline.
        """
        box = self.box(pose)
        x0, y0 = math.floor(box.x) - margin_px, math.floor(box.y) - margin_px
        width = math.ceil(box.x + box.w) + margin_px - x0
        height = math.ceil(box.y + box.h) + margin_px - y0
        # The halving whose pixels are half to one frame pixel wide: bilinear does the rest.
        level = math.floor(math.log2(max(self._scale / pose.size_px, 1.0)))
        level = min(level, len(self._levels) - 1)
        step = 2**level
        matrix = np.empty((2, 3))
        matrix[:, :2] = _matrix(pose, step / self._scale)
        # Level pixel i has its middle at (i + 0.5) * step - canvas / 2, in canvas px.
        first = matrix[:, :2] @ np.full(2, 0.5 - _CANVAS_PX / 2 / step)
        matrix[:, 2] = first + (pose.x - x0 - 0.5, pose.y - y0 - 0.5)
        patch = cv2.warpAffine(self._levels[level], matrix, (width, height))
        return np.asarray(patch, np.float32), x0, y0


def _matrix(pose: Pose, scale: float) -> Points:
    cosine, sine = math.cos(pose.turn), math.sin(pose.turn)
    flip = -1.0 if pose.mirrored else 1.0
    turn = np.array([[cosine * flip, -sine], [sine * flip, cosine]])
    return turn * (scale * pose.size_px)


def sprites(kind: Kind, rng: np.random.Generator) -> tuple[Sprite, ...]:
    """Return the phases of a new thing of a kind: one, or `NUM_PHASES` where it moves its limbs.

    The mean heat of the first phase is 1, so that a contrast in K is the thing's mean.
    """
    seed = int(rng.integers(1 << 31))
    phases = np.arange(NUM_PHASES if kind in MOVING else 1) * (2 * math.pi / NUM_PHASES)
    # The same draws for each phase: it is one thing.
    return _finished(
        [parts(kind, np.random.default_rng(seed), float(p)) for p in phases], rng, 0.25
    )


def screen(aspect: float, rng: np.random.Generator) -> Sprite:
    """Return something to hide behind, h = aspect * w: leaves, or the wall of a house."""
    angle = np.linspace(0, 2 * math.pi, 160, endpoint=False)
    x, y = np.cos(angle), np.sin(angle)
    leafy = rng.random() < 0.7
    corners, rough, texture = (4, 0.06, 0.3) if leafy else (40, 0.0, 0.06)
    radius = (x**corners + y**corners) ** (-1 / corners) * (1 + rough * ripple(rng, angle, 30))
    outline = np.column_stack([x * radius, y * radius * aspect])
    return _finished([[(outline, 1.0)]], rng, texture)[0]


def _finished(
    phases: list[list[Part]], rng: np.random.Generator, texture: float
) -> tuple[Sprite, ...]:
    outline = np.concatenate([points for points, _ in phases[0]])
    low, high = outline.min(axis=0), outline.max(axis=0)
    unit = math.sqrt(float(np.prod(high - low)))
    coarse = rng.standard_normal((24, 24), dtype=np.float32)
    side = (_CANVAS_PX, _CANVAS_PX)
    factor = 1 + texture * cv2.resize(coarse, side, interpolation=cv2.INTER_CUBIC)
    made = tuple(Sprite(parts, (low + high) / 2, unit, factor) for parts in phases)
    warmth = 1 / made[0].mean_heat
    for sprite in made:
        sprite.warm(warmth)
    return made
