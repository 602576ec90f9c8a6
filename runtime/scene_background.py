"""The world behind everything: sky, clouds, trees, ground, roads, buildings and lamps."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from thermedge.runtime.scene_spec import SceneSpec

Plane = NDArray[np.float32]  # (H, W), K


def background(
    spec: SceneSpec, width_px: int, height_px: int, horizon_row: float, rng: np.random.Generator
) -> Plane:
    """Draw the landscape once; the camera sees a part of it.

    Args:
        spec: Decides the backdrop and its temperatures.
        width_px: Columns; the first one continues the last one.
        height_px: Rows.
        horizon_row: Where a horizon lies, rows of the landscape.
        rng: Draws everything that the spec leaves open.

    Returns:
        (height_px, width_px) float32, K, a new array.
    """
    shape = (height_px, width_px)
    if spec.backdrop == "sky":
        picture = _sky(spec, shape, float(height_px), rng)
    elif spec.backdrop == "ground":
        picture = _ground(spec, shape, 0.0, rng)
    else:
        picture = _landscape(spec, shape, horizon_row, rng)
    # Softens the drawn edges, and keeps the look the same at every sub-pixel shift.
    picture = np.pad(picture, ((0, 0), (4, 4)), mode="wrap")
    return np.ascontiguousarray(cv2.GaussianBlur(picture, (0, 0), 0.6)[:, 4:-4], np.float32)


def fractal(
    rng: np.random.Generator,
    shape: tuple[int, int],
    cell_px: float,
    *,
    octaves: int = 4,
    stretch: float = 1.0,
) -> Plane:
    """Return a random field of mean 0 and deviation 1 that continues across its sides.

    Args:
        rng: Drawn from.
        shape: (H, W).
        cell_px: Size of the largest structures.
        octaves: Halvings of the size, each with 0.55 of the strength before.
        stretch: How much wider than high the structures are.
    """
    height, width = shape
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        cell = max(cell_px / 2**octave, 1.0)
        rows, columns = math.ceil(height / cell) + 1, max(2, round(width / cell / stretch))
        grid = rng.standard_normal((rows, columns), dtype=np.float32)
        # Three columns more on either side: the cubic kernel sees the wrap.
        grid = np.pad(grid, ((0, 0), (3, 3)), mode="wrap")
        across = width / columns
        layer = cv2.resize(grid, None, fx=across, fy=cell, interpolation=cv2.INTER_CUBIC)
        # Any `width` columns between the pads are one period.
        first = math.ceil(2 * across)
        layer = layer[:height, first : first + width]
        total += np.float32(0.55**octave) * np.asarray(layer, np.float32)
    total -= total.mean()
    total /= total.std()
    return total


def _sky(
    spec: SceneSpec, shape: tuple[int, int], horizon_row: float, rng: np.random.Generator
) -> Plane:
    """Return a sky that gets colder upwards, with warmer clouds."""
    rows = np.arange(shape[0], dtype=np.float32)[:, None]
    up = np.clip((horizon_row - rows) / spec.height_px, 0, None)
    clouds = fractal(rng, shape, 0.35 * spec.height_px, octaves=5, stretch=2.0)
    cover = np.clip(0.5 + (clouds - rng.uniform(-0.5, 1.2)) * 0.8, 0, 1)
    cover = cover * cover * (3 - 2 * cover)
    drop = spec.sky_drop_k * up
    warmth = np.minimum(2.5 * spec.clutter_k, 0.6 * drop + 0.5)
    veil = 0.2 * spec.clutter_k * fractal(rng, shape, 0.6 * spec.height_px, octaves=3)
    return np.asarray(spec.ambient_k - 2 - drop + cover * warmth + veil, np.float32)


def _ground(
    spec: SceneSpec, shape: tuple[int, int], horizon_row: float, rng: np.random.Generator
) -> Plane:
    """Return earth with fields, roads and single objects."""
    flat = 3.0 if spec.backdrop == "horizon" else 1.0
    picture = fractal(rng, shape, 0.4 * spec.height_px / flat, octaves=3, stretch=flat)
    picture *= np.float32(0.7 * spec.clutter_k)
    picture += np.float32(0.45 * spec.clutter_k) * fractal(rng, shape, 7, stretch=flat)
    fields = fractal(rng, shape, 0.5 * spec.height_px / flat, octaves=2, stretch=flat)
    picture += np.float32(1.2 * spec.clutter_k) * np.tanh(12 * (fields - 0.7)).astype(np.float32)
    picture += np.float32(spec.ambient_k + 1.5)
    _road(spec, picture, horizon_row, rng)
    for _ in range(spec.num_objects):
        _object(spec, picture, horizon_row, rng)
    return picture


def _landscape(
    spec: SceneSpec, shape: tuple[int, int], horizon_row: float, rng: np.random.Generator
) -> Plane:
    """Return sky above a line of trees above the ground."""
    sky = _sky(spec, shape, horizon_row, rng)
    ground = _ground(spec, shape, horizon_row, rng)
    unit = spec.height_px / 256
    height = 9 * unit + 5 * unit * fractal(rng, (1, shape[1]), 40 * unit, octaves=5)[0]
    leaves = fractal(rng, shape, 8 * unit, octaves=3)
    trees = np.float32(spec.ambient_k - 0.8) + np.float32(0.5 * spec.clutter_k) * leaves
    rows = np.arange(shape[0], dtype=np.float32)[:, None]
    crowns = np.clip(rows - (horizon_row - np.maximum(height, 2)) + 0.7 * leaves, 0, 1)
    earth = np.clip(rows - horizon_row - 1.5 * leaves, 0, 1)
    picture = sky + (trees - sky) * crowns
    return np.asarray(picture + (ground - picture) * earth, np.float32)


def _road(spec: SceneSpec, picture: Plane, horizon_row: float, rng: np.random.Generator) -> None:
    height, width = picture.shape
    heat = float(rng.uniform(-1, 2.5)) * spec.clutter_k
    across = np.arange(-20, width + 21, 20)
    if spec.backdrop == "horizon":
        middle = horizon_row + rng.uniform(0.15, 0.3) * spec.height_px
        thick, sway = rng.uniform(0.03, 0.06) * spec.height_px, 2.0
    else:
        middle = rng.uniform(0.2, 0.8) * height
        thick, sway = rng.uniform(0.05, 0.15) * spec.height_px, 0.1 * height
    # Whole waves only: the landscape's sides join.
    waves = 2 * math.pi * max(1, round(width / 900)) / width
    line = middle + sway * np.sin(waves * across + rng.uniform(0, 6))
    upper, lower = line - thick / 2, line + thick / 2
    outline = np.vstack([np.column_stack([across, upper]), np.column_stack([across, lower])[::-1]])
    mask = np.zeros(picture.shape, np.uint8)
    cv2.fillPoly(mask, [np.rint(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    share = mask.astype(np.float32) / 255
    surface = np.float32(spec.ambient_k + 1.5 + heat)
    picture += share * (0.8 * (surface - picture))


def _object(spec: SceneSpec, picture: Plane, horizon_row: float, rng: np.random.Generator) -> None:
    height, width = picture.shape
    unit = spec.height_px / 256
    x = float(rng.uniform(30, max(width - 60 * unit, 31)))
    y = float(rng.uniform(horizon_row + 4 * unit, height))
    # Far things lie close to the horizon and are small.
    near = 0.4 + 0.6 * (y - horizon_row) / spec.height_px if horizon_row else 0.6
    heat = spec.clutter_k + 0.3 * abs(spec.contrast_k)
    _OBJECTS[int(rng.integers(len(_OBJECTS)))](picture, x, y, near * unit, heat, rng)


def _lamp(
    picture: Plane, x: float, y: float, unit: float, heat: float, rng: np.random.Generator
) -> None:
    """A post with something hot on top."""
    top = y - rng.uniform(25, 50) * unit
    hot = float(picture.mean()) + heat * float(rng.uniform(3, 6))
    foot, head = (round(x), round(y)), (round(x), round(top))
    cv2.line(picture, foot, head, float(picture.mean()) - 0.5 * heat, max(1, round(2 * unit)))
    cv2.circle(picture, head, max(1, round(rng.uniform(1.5, 4) * unit)), hot, -1)


def _building(
    picture: Plane, x: float, y: float, unit: float, heat: float, rng: np.random.Generator
) -> None:
    """A wall with rows of windows."""
    wall = float(picture.mean()) + heat * float(rng.uniform(-0.8, 1.2))
    columns, rows = int(rng.integers(2, 6)), int(rng.integers(1, 4))
    pitch = rng.uniform(10, 16) * unit
    left, top = x, y - (rows + 0.4) * pitch
    _rectangle(picture, left, top, (columns + 0.4) * pitch, (rows + 0.4) * pitch, wall)
    for column in range(columns):
        for row in range(rows):
            glow = wall + heat * float(rng.choice((-1.2, -0.8, 1.5), p=(0.5, 0.3, 0.2)))
            at_x, at_y = left + (column + 0.4) * pitch, top + (row + 0.4) * pitch
            _rectangle(picture, at_x, at_y, 0.55 * pitch, 0.6 * pitch, glow)


def _stone(
    picture: Plane, x: float, y: float, unit: float, heat: float, rng: np.random.Generator
) -> None:
    """A stone or bush in the sun, or a puddle that mirrors the sky."""
    wide = rng.uniform(4, 18) * unit
    axes = (max(1, round(wide)), max(1, round(wide * rng.uniform(0.3, 0.8))))
    level = float(picture.mean()) + heat * float(rng.normal(0, 1.2))
    cv2.ellipse(picture, (round(x), round(y)), axes, 0.0, 0.0, 360.0, level, -1)


def _rectangle(picture: Plane, x: float, y: float, w: float, h: float, level: float) -> None:
    corner, opposite = (round(x), round(y)), (round(x + w), round(y + h))
    cv2.rectangle(picture, corner, opposite, level, -1)


_OBJECTS = (_lamp, _building, _stone, _stone)
