"""What thermal sensors do to a picture: noise, stripes, blur, gain, inversion, occlusion."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from thermedge.training.recipe import Augmentation

Image = NDArray[np.float32]  # (S, S) in [0, 1]

_NOISE_SIDE = 512


class Augmenter:
    """Changes the look of a template and a search window in place.

    Noise is cut from one field drawn at the start: drawing it anew would cost more than
    everything else together.

    Args:
        leave_out: What is not done.
    """

    def __init__(self, leave_out: Collection[Augmentation] = ()) -> None:
        self._leave_out = leave_out
        rng = np.random.default_rng(20200101)
        self._noise = rng.standard_normal((_NOISE_SIDE, _NOISE_SIDE), dtype=np.float32)

    def alike(self, windows: Sequence[Image], rng: np.random.Generator) -> None:
        """Change windows of one scene: what it does to all, then what differs between them."""
        inverted = rng.random() < 0.3
        gain = math.exp(rng.normal(0, 0.45))
        lift = rng.normal(0, 0.12)
        for image in windows:
            if inverted and "inversion" not in self._leave_out:
                np.subtract(1.0, image, out=image)
            own_gain = gain * math.exp(rng.normal(0, 0.12))
            own_lift = lift + rng.normal(0, 0.04)
            if "gain" not in self._leave_out:
                self._regain(image, own_gain, own_lift)
            if "sensor" not in self._leave_out:
                self._degrade(image, rng)
            np.clip(image, 0.0, 1.0, out=image)

    def _regain(self, image: Image, gain: float, lift: float) -> None:
        # Stretched about its own mean: a camera's AGC keeps the scene in range.
        mean = cv2.mean(image)[0]
        np.multiply(image, gain, out=image)
        np.add(image, mean * (1 - gain) + lift, out=image)

    def _degrade(self, image: Image, rng: np.random.Generator) -> None:
        size = int(image.shape[0])
        draw = rng.random(6)
        if draw[0] < 0.15:
            small = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
            cv2.resize(small, (size, size), dst=image, interpolation=cv2.INTER_LINEAR)
        if draw[1] < 0.2:
            sigma = rng.uniform(0.5, 1.6)
            cv2.GaussianBlur(image, (0, 0), sigma, dst=image)
        if draw[2] < 0.12:
            self._smear(image, rng)
        if draw[3] < 0.6:
            y, x = rng.integers(0, _NOISE_SIDE - size, 2)
            amount = rng.exponential(0.012)
            cv2.scaleAdd(self._noise[y : y + size, x : x + size], amount, image, dst=image)
        if draw[4] < 0.2:
            columns = rng.normal(0, rng.exponential(0.012), size).astype(np.float32)
            np.add(image, columns if draw[5] < 0.7 else columns[:, None], out=image)

    def _smear(self, image: Image, rng: np.random.Generator) -> None:
        length = int(rng.integers(3, 10))
        angle = rng.uniform(0, math.pi)
        kernel = np.zeros((length, length), np.float32)
        reach = (length - 1) / 2
        dx, dy = reach * math.cos(angle), reach * math.sin(angle)
        start = (round(reach - dx), round(reach - dy))
        cv2.line(kernel, start, (round(reach + dx), round(reach + dy)), 1.0)
        cv2.filter2D(image, -1, kernel / kernel.sum(), dst=image, borderType=cv2.BORDER_REPLICATE)

    def deform(
        self, search: Image, box: tuple[float, float, float, float], rng: np.random.Generator
    ) -> tuple[float, float]:
        """Let the target take another pose, and its surroundings give way; return its growth.

        It is stretched along each axis by a factor of its own, in place, and swayed: what
        walks or turns changes its shape before a background that does not. Beyond 2.5
        times its extent nothing moves.

        Args:
            search: (S, S), changed in place.
            box: cx, cy, w, h of the target, window px.
            rng: Draws the pose.

        Returns:
            The factors of the target's w and h.
        """
        cx, cy, w, h = box
        both = rng.normal(0, 0.1)
        grown = np.exp(np.clip(both + rng.normal(0, 0.22, 2), -0.6, 0.6))
        sway = rng.normal(0, 0.05, 2) * (w, h)
        phase = rng.uniform(0, 2 * math.pi, 2)
        at = np.arange(search.shape[0], dtype=np.float32) + 0.5  # middles of pixels
        from_x, near_x = _stretched(at, cx, w / 2, float(grown[0]))
        from_y, near_y = _stretched(at, cy, h / 2, float(grown[1]))
        near = near_y[:, None] * near_x[None]
        waves_x = sway[0] * np.sin(phase[0] + 2 * math.pi * (at - cy) / h)
        waves_y = sway[1] * np.sin(phase[1] + 2 * math.pi * (at - cx) / w)
        x = at[None] + near * ((from_x - at)[None] + waves_x[:, None])
        y = at[:, None] + near * ((from_y - at)[:, None] + waves_y[None])
        search[:] = cv2.remap(
            search,
            (x - 0.5).astype(np.float32),
            (y - 0.5).astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return float(grown[0]), float(grown[1])

    def occlude(
        self, search: Image, box: tuple[float, float, float, float], rng: np.random.Generator
    ) -> None:
        """Cover part of the box (cx, cy, w, h in window px) with something else's temperature."""
        cx, cy, w, h = box
        size = search.shape[0]
        wide, high = w * rng.uniform(0.3, 0.8), h * rng.uniform(0.3, 1.6)
        if rng.random() < 0.5:
            wide, high = w * rng.uniform(0.3, 1.6), h * rng.uniform(0.3, 0.8)
        x = cx + rng.uniform(-0.6, 0.6) * w - wide / 2
        y = cy + rng.uniform(-0.6, 0.6) * h - high / 2
        x0, y0 = max(int(x), 0), max(int(y), 0)
        x1, y1 = min(int(x + wide) + 1, size), min(int(y + high) + 1, size)
        if x1 > x0 and y1 > y0:
            search[y0:y1, x0:x1] = rng.uniform(0, 1) + 0.05 * self._noise[y0:y1, x0:x1]

    def paste(self, search: Image, other: Image, place: tuple[float, float], side: float) -> None:
        """Blend the middle of another template into `search`, feathered, around `place`.

        Args:
            search: Changed in place.
            other: (T, T) template window of another target.
            place: (x, y) of its middle, window px.
            side: Side it takes, px.
        """
        size = search.shape[0]
        patch_px = max(int(side), 6)
        patch = cv2.resize(other, (patch_px, patch_px), interpolation=cv2.INTER_AREA)
        x, y = int(place[0] - patch_px / 2), int(place[1] - patch_px / 2)
        x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + patch_px, size), min(y + patch_px, size)
        if x1 <= x0 or y1 <= y0:
            return
        grid = np.linspace(-1, 1, patch_px, dtype=np.float32)
        radius = np.hypot(grid[:, None], grid[None, :])
        alpha = np.clip((1.0 - radius) / 0.35, 0, 1)[y0 - y : y1 - y, x0 - x : x1 - x]
        region = search[y0:y1, x0:x1]
        region += alpha * (patch[y0 - y : y1 - y, x0 - x : x1 - x] - region)


def _stretched(at: Image, middle: float, half: float, factor: float) -> tuple[Image, Image]:
    """Return where each pixel of an axis comes from, and how much it may move, in [0, 1].

    What lies within `half` of the middle is stretched by the factor; the rest gives way.
    """
    end = 2.5 * half * max(factor, 1.0)
    away = np.abs(at - middle)
    came = np.interp(away, [0, half * factor, end], [0, half, end])
    came = np.where(away < end, came, away)
    near = np.interp(away, [half * max(factor, 1.0) * 1.2, end], [1, 0])
    return (middle + np.sign(at - middle) * came).astype(np.float32), near.astype(np.float32)
