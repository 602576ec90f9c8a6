"""Who is in a generated scene and where, frame by frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from thermedge.geometry import Box
from thermedge.runtime import scene_paths
from thermedge.runtime.scene_paths import Curve, Path
from thermedge.runtime.scene_shapes import NUM_PHASES, Pose, Sprite, screen, sprites
from thermedge.runtime.scene_spec import Occlusion, SceneSpec

_SMALLEST_PX = 3.0
_BEAT_HZ = {"person": 1.6, "bird": 3.5, "animal": 2.2, "rider": 1.2}  # steps, wings, pedals
_INTRUDER_S = 1.5
_INTRUDER_K = 60.0


@dataclass(frozen=True, slots=True)
class Actor:
    """One thing that moves through the frame."""

    phases: tuple[Sprite, ...]
    place: Path  # middle, frame px
    size_px: Curve
    contrast_k: Curve  # its mean over the background of the target
    relief_k: float  # its parts' differences; they stay when the mean crosses zero
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


@dataclass(frozen=True, slots=True)
class _Way:
    """The target's way in the picture, and how camera motion is shared out over it."""

    course: Path  # without the camera's motion, px
    drift: Path  # how the landscape passes behind it, px
    sway: Path  # what moves it together with the landscape, px


def cast(spec: SceneSpec) -> Cast:
    """Place everything for the whole scene."""
    draw = [np.random.default_rng([spec.seed, 10, part]) for part in range(5)]
    pan, shake = scene_paths.pan(spec, draw[0]), scene_paths.shake(spec, draw[1])
    # Below or above a horizon is where things belong: they follow a tilt of the camera.
    shared = pan * ((0.0, 1.0) if spec.backdrop == "horizon" else (0.0, 0.0))
    way = _Way(scene_paths.course(spec, draw[2]), pan - shared, shake + shared)
    travel = way.course[-1] - way.course[0] + way.drift[-1]
    target = _alike(spec, way.course - way.sway, draw[2], leftward=bool(travel[0] < 0))
    behind: list[Actor] = []
    before: list[Actor] = []
    for number in range(spec.num_distractors):
        (before if number % 2 else behind).append(_distractor(spec, number, way, draw[3]))
    for event in spec.occlusions:
        if event.frame < spec.num_frames:
            before.append(_occluder(spec, event, target.box(event.frame), way, draw[4]))
    for frame in spec.intruder_frames:
        before.append(_intruder(spec, frame, way, draw[4]))
    return Cast(tuple(behind), target, tuple(before), pan, shake)


def _alike(
    spec: SceneSpec,
    place: Path,
    rng: np.random.Generator,
    *,
    leftward: bool,
    likeness: float = 1.0,
) -> Actor:
    """Return a thing of the target's kind, size and contrast."""
    growth = scene_paths.wave(rng, spec, rng.uniform(8, 16))
    span = float(np.ptp(growth))
    zoom = math.log(spec.scale_range) / span if span > 0 else 0.0
    end = spec.contrast_k if spec.end_contrast_k is None else spec.end_contrast_k
    roll = {"drone": 0.12, "bird": 0.15, "blob": 0.3, "plane": 0.3, "helicopter": 0.12}.get(
        spec.kind, 0.03
    )
    return Actor(
        phases=sprites(spec.kind, rng),
        place=place,
        size_px=np.maximum(spec.target_px * np.exp(zoom * (growth - growth[0])), _SMALLEST_PX),
        contrast_k=np.linspace(spec.contrast_k, end, spec.num_frames) * likeness,
        relief_k=spec.contrast_k * likeness,
        turn=roll * scene_paths.wave(rng, spec, 3.0),
        mirrored=leftward,
        phase_step=_BEAT_HZ.get(spec.kind, 0.0) * NUM_PHASES / spec.rate_hz,
    )


def _distractor(spec: SceneSpec, number: int, way: _Way, rng: np.random.Generator) -> Actor:
    """Return a look-alike: the first may cross the target's way, the others roam."""
    far = 3.0 * spec.target_px * spec.scale_range
    start = way.course[0]
    if spec.crossing and number == 0 and spec.num_frames > 20:
        meet = int(rng.uniform(0.3, 0.8) * spec.num_frames)
        apart = scene_paths.heading(rng, 0.4)
        apart *= far / math.hypot(*apart)
        pace = (way.course[meet] - start + apart) / meet
        path = way.course[meet] + pace * (np.arange(spec.num_frames) - meet)[:, None]
    else:
        path = scene_paths.course(spec, rng)
        away = float(path[0, 0] - start[0])
        # Towards the side where it already is, at least so far that it can be told apart.
        path = path + (math.copysign(max(0.0, far - abs(away)), away), 0.0)
    likeness = float(rng.uniform(0.7, 1.15))
    leftward = bool(path[-1, 0] - path[0, 0] + way.drift[-1, 0] < 0)
    return _alike(spec, path - way.sway, rng, leftward=leftward, likeness=likeness)


def _occluder(
    spec: SceneSpec, event: Occlusion, box: Box, way: _Way, rng: np.random.Generator
) -> Actor:
    """Return what hides the target: a fixture where the camera pans, else a passer-by.

    Args:
        spec: The scene.
        event: When and how much.
        box: The target in the middle of the event.
        way: The target's.
        rng: Drawn from.
    """
    first = max(0, event.frame - event.num_frames // 2)
    last = min(event.frame + event.num_frames // 2, spec.num_frames - 1)
    world = way.course + way.drift
    travel = abs(float(world[last, 0] - world[first, 0])) / max(1, last - first)
    width = travel * event.num_frames - box.w
    path = way.course[event.frame] + way.drift[event.frame] - way.drift
    apart = abs(float(path[0, 0] - way.course[0, 0]))
    fits = 0.6 * box.w <= width <= 3 * box.w
    # A track starts in the first frame: nothing may hide the target there.
    if not fits or apart < 0.6 * (width + box.w * spec.scale_range):
        width = float(rng.uniform(1.2, 2.0)) * box.w
        step = float(way.course[last, 0] - way.course[first, 0])
        against = math.copysign((width + box.w) / event.num_frames, -step)
        since = np.arange(spec.num_frames) - event.frame
        path = way.course + np.column_stack([against * since, 0.0 * since])
    height = 2.6 * box.h if event.coverage >= 1 else 1.5 * box.h
    if event.coverage < 1:
        path = path + (0.0, (0.5 - event.coverage) * box.h + height / 2)
    size = math.sqrt(width * height)
    return _thing(spec, screen(height / width, rng), path - way.sway, size, event.contrast_k)


def _intruder(spec: SceneSpec, frame: int, way: _Way, rng: np.random.Generator) -> Actor:
    """Return something very hot that leans into the corner farthest from the target."""
    frame_size = np.array([spec.width_px, spec.height_px])
    seen = way.course[min(frame, spec.num_frames - 1)]
    corner = np.where(seen < frame_size / 2, frame_size, 0.0)
    inward = np.where(corner > 0, -1.0, 1.0)
    share = (np.arange(spec.num_frames) - frame) / (_INTRUDER_S * spec.rate_hz)
    reach = np.sin(math.pi * np.clip(share, -0.3, 1.3)) - 0.4  # frame heights * 0.35
    depth = np.column_stack([0.35 * reach, np.full(spec.num_frames, 0.15)])
    path = corner + inward * depth * spec.height_px
    (sprite,) = sprites("blob", rng)
    return _thing(spec, sprite, path, 0.12 * spec.height_px, _INTRUDER_K)


def _thing(
    spec: SceneSpec, sprite: Sprite, place: Path, size_px: float, contrast_k: float
) -> Actor:
    """Return something that moves, but does not change."""
    full = np.ones(spec.num_frames)
    return Actor(
        phases=(sprite,),
        place=place,
        size_px=size_px * full,
        contrast_k=contrast_k * full,
        relief_k=contrast_k,
        turn=0.0 * full,
        mirrored=False,
        phase_step=0.0,
    )
