"""A thermal scene that a 14-bit core would see: a warm target that drifts over a cool ground."""

from __future__ import annotations

import numpy as np

SIZE = (320, 256)  # px
TARGET = (24, 18)  # px
START = (90, 60)  # left and top edge of the target while it waits, px
SPEED = 0.4  # px to the right per picture, also while the shutter is closed
GROUND, CONTRAST = 7600, 900  # counts
WAITING, OPEN, IMMINENT, FROZEN, UNIFORM, SHIFTED = range(6)  # modes


class Scene:
    """Draws the pictures of a feed.

    Mode WAITING: the target stands still. IMMINENT is seen in telemetry only. FROZEN repeats
    the last picture, as most cores do while their shutter is closed; UNIFORM shows the shutter
    itself; SHIFTED is the scene with the offsets that a correction may leave.
    """

    def __init__(self, size: tuple[int, int] = SIZE) -> None:
        width, height = size
        rng = np.random.default_rng(4)
        slope = np.linspace(0, 120, width)[None, :] + np.linspace(0, 60, height)[:, None]
        self._ground = GROUND + slope + rng.normal(0, 6, (height, width))
        self._noise = rng.normal(0, 4, (8, height, width))  # of the sensor, in turn
        self._last = self._ground.astype(np.uint16)
        self._x, self._y = map(float, START)

    def __call__(self, number: int, mode: int) -> np.ndarray:
        self._x += 0 if mode == WAITING else SPEED
        if mode == FROZEN:
            return self._last
        # Rolled: a picture that comes again after eight others would be a closed shutter to a
        # tracker that is eight times slower than the camera, as an imitated machine is.
        turn, place = divmod(number, len(self._noise))
        noise = np.roll(self._noise[place], turn, axis=0)
        if mode == UNIFORM:
            return (GROUND + 100 + noise).astype(np.uint16)
        picture = self._ground + noise + (180 if mode == SHIFTED else 0)
        top, left = round(self._y), round(self._x)
        picture[top : top + TARGET[1], left : left + TARGET[0]] += CONTRAST
        self._last = picture.astype(np.uint16)
        return self._last
