"""The things of a generated scene: outlines with heat, drawn at any sub-pixel size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from thermedge.geometry import Box

Kind = Literal["drone", "person", "vehicle", "bird", "blob"]
KINDS: tuple[Kind, ...] = ("drone", "person", "vehicle", "bird", "blob")
Points = NDArray[np.float64]  # (M, 2) outline, free units, y down
Part = tuple[Points, float]  # an outline and its heat over the ambient, free units
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
    build = _BUILD[kind]
    moving = kind in ("person", "bird")
    seed = int(rng.integers(1 << 31))
    phases = np.arange(NUM_PHASES if moving else 1) * (2 * math.pi / NUM_PHASES)
    # The same draws for each phase: it is one thing.
    return _finished([build(np.random.default_rng(seed), float(p)) for p in phases], rng, 0.25)


def screen(aspect: float, rng: np.random.Generator) -> Sprite:
    """Return something to hide behind, h = aspect * w: leaves, or the wall of a house."""
    angle = np.linspace(0, 2 * math.pi, 160, endpoint=False)
    x, y = np.cos(angle), np.sin(angle)
    leafy = rng.random() < 0.7
    corners, rough, texture = (4, 0.06, 0.3) if leafy else (40, 0.0, 0.06)
    radius = (x**corners + y**corners) ** (-1 / corners) * (1 + rough * _ripple(rng, angle, 30))
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


def _ripple(rng: np.random.Generator, angle: Points, waves: int) -> Points:
    """Return a closed random curve over the angle, of about unit size."""
    total = np.zeros_like(angle)
    for wave in range(2, waves):
        total += rng.normal() / math.sqrt(waves) * np.cos(wave * angle + rng.uniform(0, 6.3))
    return total


def _oval(x: float, y: float, rx: float, ry: float) -> Points:
    angle = np.linspace(0, 2 * math.pi, 32, endpoint=False)
    return np.column_stack([x + rx * np.cos(angle), y + ry * np.sin(angle)])


def _limb(x0: float, y0: float, x1: float, y1: float, width: float) -> Points:
    along = np.array([x1 - x0, y1 - y0])
    across = np.array([-along[1], along[0]]) * (width / 2 / math.hypot(*along))
    a, b = np.array([x0, y0]), np.array([x1, y1])
    return np.array([a + across, b + 0.7 * across, b - 0.7 * across, a - across])


def _drone(rng: np.random.Generator, _: float) -> list[Part]:
    tilt, reach = rng.uniform(0.12, 0.45), rng.uniform(0.75, 0.95)
    motor, body = rng.uniform(1.5, 2.6), rng.uniform(0.2, 0.3)
    parts: list[Part] = []
    for x, y in ((-reach, -tilt), (reach, -tilt), (-reach * 0.9, tilt), (reach * 0.9, tilt)):
        parts.append((_oval(x, y - 0.1, 0.34, 0.05), 0.45))
        parts.append((_limb(0, 0, x, y, 0.12), 0.7))
        parts.append((_oval(x, y, 0.1, 0.11), motor))
    parts += [(_limb(s * 0.15, 0.1, s * 0.3, tilt + 0.3, 0.07), 0.6) for s in (-1, 1)]
    parts.append((_oval(0, 0, body * 1.2, body), 1.0))
    parts.append((_oval(0, -0.06, body * 0.7, body * 0.4), 1.8))
    parts.append((_oval(0, body, 0.1, 0.1), 1.2))
    return parts


def _person(rng: np.random.Generator, phase: float) -> list[Part]:
    stride, broad = rng.uniform(0.2, 0.34), rng.uniform(0.2, 0.27)
    clothes = rng.uniform(0.6, 1.0)
    swing = stride * math.sin(phase)
    parts: list[Part] = []
    for s in (-1, 1):
        hand_x = s * broad - s * 0.7 * swing
        parts.append((_limb(s * 0.08, -0.1, s * 0.08 + s * swing, 0.95, 0.2), 0.8 * clothes))
        parts.append((_limb(s * broad, -0.62, hand_x, -0.08, 0.13), clothes))
        parts.append((_oval(hand_x, -0.05, 0.06, 0.07), 1.5))
    torso = [(-broad, -0.68), (broad, -0.68), (0.8 * broad, 0.0), (-0.8 * broad, 0.0)]
    parts.append((np.array(torso), clothes))
    parts.append((_oval(0.02, -0.84, 0.12, 0.16), 1.7))
    return parts


def _vehicle(rng: np.random.Generator, _: float) -> list[Part]:
    back, roof = rng.uniform(-0.95, -0.55), rng.uniform(-0.55, -0.35)
    front, hood = rng.uniform(0.2, 0.4), rng.uniform(1.4, 2.4)
    body = [(-1, 0.3), (-1, -0.08), (front + 0.2, -0.1), (0.97, 0.02), (1, 0.3)]
    cabin = [(back - 0.05, -0.05), (back + 0.12, roof), (front, roof), (front + 0.26, -0.05)]
    glass = [(back + 0.1, -0.1), (back + 0.18, roof + 0.08), (front - 0.04, roof + 0.08)]
    glass.append((front + 0.14, -0.1))
    engine = [(front + 0.25, -0.06), (0.95, 0.03), (0.97, 0.2), (front + 0.25, 0.2)]
    parts: list[Part] = [(np.array(body), 0.9), (np.array(cabin), 0.8)]
    parts += [(np.array(glass), 0.25), (np.array(engine), hood)]
    parts += [(_oval(x, 0.3, 0.19, 0.19), 1.5) for x in (-0.6, 0.6)]
    parts.append((_oval(-0.93, 0.27, 0.06, 0.05), 3.0))
    return parts


def _bird(rng: np.random.Generator, phase: float) -> list[Part]:
    lift, span = 0.45 * math.cos(phase), rng.uniform(0.8, 1.0)
    parts: list[Part] = []
    for s in (-1, 1):
        elbow, tip = (s * 0.5 * span, -0.7 * lift - 0.06), (s * span, -lift)
        wing = [(0.0, -0.1), elbow, tip, (s * 0.45 * span, -0.6 * lift + 0.12), (0.0, 0.12)]
        parts.append((np.array(wing), 0.6))
    parts.append((_oval(0, 0, 0.17, 0.2), 1.5))
    parts.append((_oval(0.08, -0.16, 0.09, 0.09), 1.7))
    return parts


def _blob(rng: np.random.Generator, _: float) -> list[Part]:
    angle = np.linspace(0, 2 * math.pi, 72, endpoint=False)
    radius = 1 + 0.28 * _ripple(rng, angle, 6)
    long = rng.uniform(0.7, 1.5)
    outline = np.column_stack([np.cos(angle) * radius * long, np.sin(angle) * radius])
    core = outline * rng.uniform(0.35, 0.6) + rng.uniform(-0.2, 0.2, 2)
    return [(outline, 0.8), (core, rng.uniform(1.1, 1.8))]


_BUILD = {
    "drone": _drone,
    "person": _person,
    "vehicle": _vehicle,
    "bird": _bird,
    "blob": _blob,
}
