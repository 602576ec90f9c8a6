"""How the camera and the things of a generated scene move."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from thermedge.runtime.scene_spec import SceneSpec

Path = NDArray[np.float64]  # (num_frames, 2) x and y, px
Curve = NDArray[np.float64]  # (num_frames,)

HORIZON = 0.52  # where a horizon lies, share of the frame's height
_RELAX_S = 0.25  # how long a thing takes to turn into a new course


def pan(spec: SceneSpec, rng: np.random.Generator) -> Path:
    """Return a steady pan that varies, and a slow tilt within a tenth of the frame."""
    side = 1.0 if spec.seed % 2 else -1.0
    pace = 1 + 0.4 * wave(rng, spec, 4.0)
    x = side * spec.pan_px_s * np.cumsum(pace) / spec.rate_hz
    tilt = min(0.1 * spec.height_px, spec.pan_px_s * 0.4)
    y = tilt * wave(rng, spec, 8.0)
    return np.column_stack([x - x[0], y - y[0]])


def shake(spec: SceneSpec, rng: np.random.Generator) -> Path:
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
        since = np.maximum(seconds - start, 0)
        # Away within a few frames; whoever holds the camera brings it back.
        total += (1 - np.exp(-since / 0.04)) * np.exp(-since / 0.7) * jerk
    return total


def wave(rng: np.random.Generator, spec: SceneSpec, period_s: float) -> Curve:
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
            top, bottom = 0.62 * height, max(0.9 * height - margin_y, 0.7 * height)
        else:
            top, bottom = min(0.1 * height + margin_y, 0.3 * height), 0.48 * height
    return margin_x, top, width - margin_x, bottom


def course(spec: SceneSpec, rng: np.random.Generator) -> Path:
    """Return a constant-velocity path with manoeuvres that stays in its region.

    While something hides the target it keeps its course, so that where it comes out
    again is where it was heading.
    """
    left, top, right, bottom = _region(spec)
    low, high = np.array([left, top]), np.array([right, bottom])
    place = low + (high - low) * rng.uniform(0.25, 0.75, 2)
    steep = 0.3 if spec.kind in ("person", "vehicle") else 1.0
    wish = heading(rng, steep) * spec.speed_px_s / spec.rate_hz
    velocity = wish.copy()
    relax = 1 - math.exp(-1 / (_RELAX_S * spec.rate_hz))
    chance = spec.manoeuvre * 30 / spec.rate_hz
    path = np.empty((spec.num_frames, 2))
    for index in range(spec.num_frames):
        path[index] = place
        if rng.random() < chance and not _hidden(spec, index):
            pace = spec.speed_px_s / spec.rate_hz * rng.uniform(0.3, 1.7)
            wish = heading(rng, steep) * pace
        wish = np.where(place < low, np.abs(wish), np.where(place > high, -np.abs(wish), wish))
        velocity += relax * (wish - velocity)
        place = place + velocity
    return path


def _hidden(spec: SceneSpec, index: int) -> bool:
    return any(
        abs(index - event.frame) < event.num_frames / 2 + spec.rate_hz / 3
        for event in spec.occlusions
    )


def heading(rng: np.random.Generator, steep: float) -> Path:
    angle = rng.uniform(0, 2 * math.pi)
    return np.array([math.cos(angle), steep * math.sin(angle)])
