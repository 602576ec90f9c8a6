"""A Lepton 3.5 on a PureThermal: what it calls itself, its picture, and its telemetry."""

import time

import numpy as np
import scene
from usb_descriptors import Model

ROWS = 2  # of telemetry, below the picture
SIZE = (160, 120)  # px, of the picture
MODEL = Model(
    vendor=0x1E4E,
    product=0x0100,
    names=("GroupGets", "PureThermal (fw:v1.3.0)", "8003000b-5113-3238-3233-393800000000"),
    size=(SIZE[0], SIZE[1] + ROWS),
    rate_hz=9,
)
KELVIN_PER_COUNT = 0.01  # TLinear in its high resolution
OFFSET = 22_000  # counts above those of the scene: 22.85 degrees C of ground
CORE_C = 31.5
_NEVER, _IMMINENT, _IN_PROGRESS, _COMPLETE = range(4)


class Lepton:
    """Draws the scene in hundredths of a kelvin, and tells of its shutter below it.

    Source: the words of telemetry rows A and C, Lepton Engineering Datasheet 500-0659-00-09.
    """

    def __init__(self) -> None:
        self._scene = scene.Scene(SIZE)
        self._began = time.monotonic()
        self._shut_ms = 0  # since the start, when the shutter last closed
        self._state = _NEVER

    def __call__(self, number: int, mode: int) -> np.ndarray:
        now_ms = round((time.monotonic() - self._began) * 1e3)
        if mode == scene.IMMINENT:
            self._state = _IMMINENT
        elif mode == scene.FROZEN:
            self._state, self._shut_ms = _IN_PROGRESS, now_ms
        elif self._state != _NEVER:
            self._state = _COMPLETE
        picture = np.zeros((SIZE[1] + ROWS, SIZE[0]), np.uint16)
        picture[: SIZE[1]] = self._scene(number, mode) + OFFSET
        words = picture[SIZE[1] :].reshape(-1)
        _put(words, 1, now_ms)
        _put(words, 3, self._state << 4)
        _put(words, 20, number)
        words[24] = round((CORE_C + 273.15) * 100)
        _put(words, 30, self._shut_ms)
        words[160 + 48] = words[160 + 49] = 1  # TLinear, 0.01 K
        return picture


def target_c() -> float:
    """Return the temperature of the warmest part of the target, degrees C, within noise."""
    counts = scene.GROUND + scene.CONTRAST + OFFSET
    return counts * KELVIN_PER_COUNT - 273.15


def _put(words: np.ndarray, at: int, value: int) -> None:
    """Write 32 bits, the low word first."""
    words[at], words[at + 1] = value & 0xFFFF, value >> 16
