"""Who is in a generated scene and where, frame by frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thermedge.geometry import Box
from thermedge.runtime.scene_shapes import NUM_PHASES, Pose, Sprite, screen, sprites
from thermedge.runtime.scene_spec import Occlusion, SceneSpec

Path = NDArray[np.float64]  # (num_frames, 2) x and y, px
Curve = NDArray[np.float64]  # (num_frames,)

HORIZON = 0.52  # where a horizon lies, share of the frame's height
_RELAX_S = 0.25  # how long a thing takes to turn into a new course
_INTRUDER_S = 1.5
_INTRUDER_K = 60.0


@dataclass(frozen=True, slots=True)
class Actor:
    """One thing that moves through the frame."""

    phases: tuple[Sprite, ...]
    place: Path  # middle, frame px
    size_px: Curve
    contrast_k: Curve  # mean heat over what is behind the target
    turn: Curve  # radians
    mirrored: bool
    phase_step: float  # phases per frame

    def sprite(self, index: int) -> Sprite:
        """Return its look in a frame."""
        return self.phases[int(index * self.phase_step) % len(self.phases)]

    def pose(self, index: int) -> Pose:
        """Return its place in a frame."""
        x, y = self.place[index].tolist()
        return Pose(x, y, float(self.size_px[index]), float(self.turn[index]), self.mirrored)

    def box(self, index: int) -> Box:
        """Return its full extent in a frame, not clipped."""
        return self.sprite(index).box(self.pose(index))


@dataclass(frozen=True, slots=True)
class Cast:
    """Everything that moves, in the order in which it is drawn."""

    behind: tuple[Actor, ...]
    target: Actor
    before: tuple[Actor, ...]
    pan: Path  # of the camera over the landscape, px
    shake: Path  # on top of it, px


def cast(spec: SceneSpec) -> Cast:
    """Place everything for the whole scene."""
    draw = [np.random.default_rng([spec.seed, 10, part]) for part in range(5)]
    pan, shake = _pan(spec, draw[0]), _shake(spec, draw[1])
    course = _course(spec, draw[2])
    target = _actor(spec, course - shake, draw[2], heading=course[-1] - course[0] + pan[-1])
    behind, before = [], []
    for number in range(spec.num_distractors):
        actor = _distractor(spec, number, course, shake, draw[3])
        (before if number % 2 else behind).append(actor)
    for event in spec.occlusions:
        if event.frame < spec.num_frames:
            before.append(_occluder(spec, event, target, course, pan, shake, draw[4]))
    for frame in spec.intruder_frames:
        before.append(_intruder(spec, frame, course, draw[4]))
    return Cast(tuple(behind), target, tuple(before), pan, shake)


def _pan(spec: SceneSpec, rng: np.random.Generator) -> Path:
    """Return a steady pan that varies, and a slow tilt within a tenth of the frame."""
    side = 1.0 if spec.seed % 2 else -1.0
    pace = 1 + 0.4 * _wave(rng, spec, 4.0)
    x = side * spec.pan_px_s * np.cumsum(pace) / spec.rate_hz
    tilt = min(0.1 * spec.height_px, spec.pan_px_s * 0.4)
    y = tilt * _wave(rng, spec, 8.0)
    return np.column_stack([x - x[0], y - y[0]])


def _shake(spec: SceneSpec, rng: np.random.Generator) -> Path:
    """Return the camera's tremble of 2 to 6 Hz and its jerks."""
    seconds = np.arange(spec.num_frames)[:, None] / spec.rate_hz
    total = np.zeros((spec.num_frames, 2))
    for hertz in rng.uniform(2, 6, 3):
        swing = np.sin(2 * math.pi * hertz * seconds + rng.uniform(0, 6.3, 2))
        total += spec.jitter_px * math.sqrt(2 / 3) * swing
    for _ in range(spec.num_saccades):
        start = rng.uniform(0.2, 0.9) * spec.num_frames / spec.rate_hz
        angle = rng.uniform(0, 2 * math.pi)
        jerk = rng.uniform(20, 60) * np.array([math.cos(angle), math.sin(angle)])
        since = seconds - start
        # Away within a few frames; whoever holds the camera brings it back.
        total += np.where(since > 0, (1 - np.exp(-since / 0.04)) * np.exp(-since / 0.7), 0) * jerk
    return total


def _wave(rng: np.random.Generator, spec: SceneSpec, period_s: float) -> Curve:
    """Return a smooth random curve of about unit size."""
    seconds = np.arange(spec.num_frames) / spec.rate_hz
    total = np.zeros(spec.num_frames)
    for factor in (1.0, 1.7, 2.9):
        pace = 2 * math.pi * factor / period_s
        total += np.sin(pace * seconds + rng.uniform(0, 6.3)) / factor
    return total / 1.3


def _region(spec: SceneSpec) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of where a target keeps its middle."""
    width, height = spec.width_px, spec.height_px
    margin_x = min(0.8 * spec.target_px + 10, 0.4 * width)
    margin_y = min(0.8 * spec.target_px + 10, 0.4 * height)
    top, bottom = margin_y, height - margin_y
    if spec.backdrop == "horizon":
        if spec.kind in ("person", "vehicle"):
            top, bottom = 0.62 * height, max(height - margin_y, 0.7 * height)
        else:
            top, bottom = min(margin_y, 0.3 * height), 0.5 * height
    return margin_x, top, width - margin_x, bottom


def _course(spec: SceneSpec, rng: np.random.Generator) -> Path:
    """Return a constant-velocity path with manoeuvres that stays in its region.

    While something hides the target it keeps its course, so that where it comes out
    again is where it was heading.
    """
    left, top, right, bottom = _region(spec)
    low, high = np.array([left, top]), np.array([right, bottom])
    place = low + (high - low) * rng.uniform(0.25, 0.75, 2)
    steep = 0.3 if spec.kind in ("person", "vehicle") else 1.0
    wish = _heading(rng, steep) * spec.speed_px_s / spec.rate_hz
    velocity = wish.copy()
    relax = 1 - math.exp(-1 / (_RELAX_S * spec.rate_hz))
    chance = spec.manoeuvre * 30 / spec.rate_hz
    path = np.empty((spec.num_frames, 2))
    for index in range(spec.num_frames):
        path[index] = place
        if rng.random() < chance and not _hidden(spec, index):
            pace = spec.speed_px_s / spec.rate_hz * rng.uniform(0.3, 1.7)
            wish = _heading(rng, steep) * pace
        wish = np.where(place < low, np.abs(wish), np.where(place > high, -np.abs(wish), wish))
        velocity += relax * (wish - velocity)
        place = place + velocity
    return path


def _hidden(spec: SceneSpec, index: int) -> bool:
    return any(
        abs(index - event.frame) < event.num_frames / 2 + spec.rate_hz / 3
        for event in spec.occlusions
    )


def _heading(rng: np.random.Generator, steep: float) -> Path:
    angle = rng.uniform(0, 2 * math.pi)
    return np.array([math.cos(angle), steep * math.sin(angle)])


def _actor(
    spec: SceneSpec,
    place: Path,
    rng: np.random.Generator,
    *,
    heading: Path,
    likeness: float = 1.0,
) -> Actor:
    """Return a thing of the target's kind, size and contrast."""
    wave = _wave(rng, spec, rng.uniform(8, 16))
    span = float(np.ptp(wave))
    zoom = math.log(spec.scale_range) / span if span > 0 else 0.0
    end = spec.contrast_k if spec.end_contrast_k is None else spec.end_contrast_k
    rolls = {"drone": 0.12, "bird": 0.15, "blob": 0.3}.get(spec.kind, 0.03)
    return Actor(
        sprites(spec.kind, rng),
        place,
        np.maximum(spec.target_px * np.exp(zoom * (wave - wave[0])), 3.0),
        np.linspace(spec.contrast_k, end, spec.num_frames) * likeness,
        rolls * _wave(rng, spec, 3.0),
        bool(heading[0] < 0),
        {"person": 1.6, "bird": 3.5}.get(spec.kind, 0.0) * NUM_PHASES / spec.rate_hz,
    )


def _distractor(
    spec: SceneSpec, number: int, course: Path, shake: Path, rng: np.random.Generator
) -> Actor:
    """Return a look-alike: the first may cross the target's way, the others roam."""
    far = 3.0 * spec.target_px * spec.scale_range
    if spec.crossing and number == 0 and spec.num_frames > 20:
        meet = int(rng.uniform(0.3, 0.8) * spec.num_frames)
        apart = _heading(rng, 0.4)
        pace = (course[meet] - course[0] + far * apart) / meet
        path = course[meet] + pace * (np.arange(spec.num_frames) - meet)[:, None]
    else:
        path = _course(spec, rng)
        away = path[0] - course[0]
        # Towards the side where it already is, at least so far that it can be told apart.
        side = 1.0 if away[0] >= 0 else -1.0
        path = path + (side * max(0.0, far - abs(away[0])), 0.0)
    return _actor(
        spec, path - shake, rng, heading=path[-1] - path[0], likeness=rng.uniform(0.7, 1.15)
    )


def _occluder(
    spec: SceneSpec,
    event: Occlusion,
    target: Actor,
    course: Path,
    pan: Path,
    shake: Path,
    rng: np.random.Generator,
) -> Actor:
    """Return what hides the target: a fixture where the camera pans, else a passer-by."""
    frames = np.arange(spec.num_frames)
    last = spec.num_frames - 1
    first, final = max(0, event.frame - event.num_frames // 2), event.frame + event.num_frames // 2
    box = target.box(event.frame)
    world = course + pan
    travel = world[min(final, last)] - world[first]
    width = abs(float(travel[0])) * event.num_frames / max(1, min(final, last) - first) - box.w
    if 0.6 * box.w <= width <= 3 * box.w:
        path = course[event.frame] + pan[event.frame] - pan
    else:
        width = float(rng.uniform(1.2, 2.0)) * box.w
        drift = (course[min(final, last)] - course[first]) / max(1, min(final, last) - first)
        side = 1.0 if drift[0] < 0 else -1.0
        pace = drift + (side * (width + box.w) / event.num_frames, 0.0)
        path = course[event.frame] + pace * (frames - event.frame)[:, None]
    height = 2.6 * box.h if event.coverage >= 1 else 1.5 * box.h
    if event.coverage < 1:
        path = path + (0.0, (0.5 - event.coverage) * box.h + height / 2)
    size = np.full(spec.num_frames, math.sqrt(width * height))
    level = np.full(spec.num_frames, event.contrast_k)
    still = np.zeros(spec.num_frames)
    return Actor((screen(height / width, rng),), path - shake, size, level, still, False, 0.0)


def _intruder(spec: SceneSpec, frame: int, course: Path, rng: np.random.Generator) -> Actor:
    """Return something very hot that crosses the corner farthest from the target."""
    middle = np.array([spec.width_px, spec.height_px]) / 2
    seen = course[min(frame, spec.num_frames - 1)]
    corner = np.where(seen < middle, 2 * middle, 0.0)
    reach = 0.35 * spec.height_px
    pace = 2 * reach / (_INTRUDER_S * spec.rate_hz)
    along = (np.arange(spec.num_frames) - frame)[:, None] * pace - 0.3 * reach
    side = np.where(corner > 0, -1.0, 1.0)
    path = corner + side * (0.15 * reach) + np.array([side[0], -side[1]]) * (along - 0.7 * reach)
    size = np.full(spec.num_frames, 0.12 * spec.height_px)
    level = np.full(spec.num_frames, _INTRUDER_K)
    still = np.zeros(spec.num_frames)
    return Actor(sprites("blob", rng), path, size, level, still, False, 0.0)
