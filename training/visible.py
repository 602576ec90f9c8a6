"""What a visible camera beside the thermal one sees, real or made up, or does not see."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from thermedge.training.augment import Image

UNKNOWN = math.nan  # pixels of a visible window that no picture tells

_NOISE_SIDE = 512
_KNOTS = np.linspace(0, 1, 6, dtype=np.float32)


class VisibleCamera:
    """Makes visible windows what a second camera could deliver, in place.

    Its picture shows the scene of the thermal one in other greys, with its own light,
    noise and blur, and up to two window px beside it: no registration is perfect.
    """

    def __init__(self) -> None:
        rng = np.random.default_rng(19500101)
        self._noise = rng.standard_normal((_NOISE_SIDE, _NOISE_SIDE), dtype=np.float32)

    def develop(self, pairs: Sequence[tuple[Image, Image]], rng: np.random.Generator) -> None:
        """Fill the unknown pixels of all windows of a scene alike, and give them one look.

        Args:
            pairs: Thermal windows, and their visible ones.
            rng: Draws the camera and the light.
        """
        curve = _curve(rng)
        gain = math.exp(rng.normal(0, 0.3)) if rng.random() < 0.8 else rng.uniform(0.05, 0.3)
        lift, shift = rng.normal(0, 0.12), rng.normal(0, 0.7, 2).clip(-2, 2)
        blur = rng.uniform(0.4, 1.4) if rng.random() < 0.3 else 0.0
        amount = rng.exponential(0.02)
        for thermal, visible in pairs:
            unknown = np.isnan(visible)
            if unknown.any():
                made = np.interp(thermal, _KNOTS, curve).astype(np.float32)
                np.copyto(visible, made, where=unknown)
            mean = cv2.mean(visible)[0]
            np.multiply(visible, gain, out=visible)
            np.add(visible, mean * (1 - gain) + lift, out=visible)
            self._light(visible, rng)
            _moved(visible, shift)
            if blur:
                cv2.GaussianBlur(visible, (0, 0), blur, dst=visible)
            y, x = rng.integers(0, _NOISE_SIDE - len(visible), 2)
            field = self._noise[y : y + len(visible), x : x + len(visible)]
            cv2.scaleAdd(field, amount, visible, dst=visible)
            np.clip(visible, 0.0, 1.0, out=visible)

    def _light(self, visible: Image, rng: np.random.Generator) -> None:
        """Let brightness fall off towards one side of the window."""
        across, down = rng.normal(0, 0.1, 2)
        line = np.linspace(-1, 1, len(visible), dtype=np.float32)
        np.add(visible, (across * line)[None, :] + (down * line)[:, None], out=visible)


def absent(share: float, rng: np.random.Generator) -> tuple[bool, bool]:
    """Draw whether the template and the search windows lack a visible picture.

    Both do in `share` of all cases. In a fifth of the others the stream stops or comes
    back between them, as it does on a board.
    """
    if rng.random() < share:
        return True, True
    return (False, True) if rng.random() < 0.15 else (rng.random() < 0.06, False)


def _curve(rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the greys at `_KNOTS`: rising or falling with the temperature, or any."""
    greys = rng.uniform(0, 1, len(_KNOTS))
    order = rng.random()
    if order < 0.7:
        greys.sort()
    if order < 0.3:
        greys = greys[::-1]
    return greys.astype(np.float32)


def _moved(visible: Image, shift: NDArray[np.float64]) -> None:
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
    size = visible.shape[::-1]
    visible[:] = cv2.warpAffine(visible, matrix, size, borderMode=cv2.BORDER_REPLICATE)
