"""A generated uncooled thermal sensor: kelvin in, the counts of a real camera out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from thermedge.frame import Counts, Kelvin, Shutter
from thermedge.manifest import ScalingSpec
from thermedge.runtime.scaling import Scaler

Plane = NDArray[np.float32]  # (H, W), K

_TLINEAR = Kelvin(scale=0.01, offset=0.0)  # the radiometric scale of Lepton and Boson+ cores
_AGING_S = 180.0  # a usual time between two shutter events
_NOISE_MARGIN_PX = 96  # the noise field exceeds the frame by this: 9409 places to cut from
_AGC_SPAN_K = 3.0  # the 8-bit stretch never goes below this span
_AGC = {"low_percent": 0.5, "high_percent": 99.5, "expand_s": 0.15, "contract_s": 3.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorSpec:
    """What the sensor adds to the world; standard deviations unless said otherwise.

    Source: magnitudes of 12 um vanadium-oxide cores; NETD and shutter times from data
    sheets, the rest engineering ranges.
    """

    bits: Literal[8, 14, 16] = 16  # 8: through the camera's own AGC
    radiometric: bool = False  # 16 bits only: 10 mK per count from 0 K
    kelvin_per_count: float = 0.03  # where it is not radiometric
    centre_count: float = 8000.0  # what the scene's ambient temperature reads
    black_hot: bool = False  # 8 bits only: polarity turned round
    netd_k: float = 0.05  # white, from frame to frame
    row_k: float = 0.01  # one offset per row, anew in each frame
    column_k: float = 0.02  # one offset per column, just after a shutter event
    pixel_k: float = 0.025  # one offset per pixel, just after a shutter event
    aging_k: float = 0.08  # what both gain in 180 s without a shutter event
    since_shutter_s: float = 60.0  # age of the offsets in the first frame
    vignette_k: float = 0.2  # corners under the middle
    drift_k_per_s: float = 0.002  # of the whole picture
    psf_px: float = 0.6  # optics and pixel, Gaussian sigma
    time_constant_s: float = 0.010  # thermal, of one pixel
    dead_share: float = 0.0001  # pixels stuck at one count
    shutter_frames: tuple[int, ...] = ()  # where the shutter closes, ascending, from 1
    imminent_s: float = 1.0  # how long before it the camera tells
    closed_s: float = 0.6
    settling_s: float = 1.0
    step_k: float = 0.3  # typical jump of all offsets at a shutter event
    telemetry: bool = True  # the camera tells shutter and temperature


class Sensor:
    """Turns pictures in kelvin into frames.

    What it draws depends on the seed and on the frame's index only, except for the
    8-bit stretch, which follows the frames read before.

    Args:
        spec: The sensor.
        width_px: Columns.
        height_px: Rows.
        rate_hz: Frames per second.
        ambient_k: Temperature that reads `spec.centre_count`.
        seed: Of all noise.

    Raises:
        ValueError: The shutter frames do not ascend from 1, or a radiometric sensor
            has not 16 bits.
    """

    def __init__(
        self,
        spec: SensorSpec,
        *,
        width_px: int,
        height_px: int,
        rate_hz: float,
        ambient_k: float,
        seed: int,
    ) -> None:
        if list(spec.shutter_frames) != sorted({max(1, f) for f in spec.shutter_frames}):
            raise ValueError(f"shutter_frames {spec.shutter_frames} do not ascend from 1")
        if spec.radiometric and spec.bits != 16:
            raise ValueError(f"a radiometric sensor has 16 bits, not {spec.bits}")
        self.spec = spec
        self._rate_hz, self._seed = rate_hz, seed
        scale = spec.kelvin_per_count
        self.scale = Kelvin(scale, ambient_k - scale * spec.centre_count)
        if spec.radiometric:
            self.scale = _TLINEAR
        self._imminent = round(spec.imminent_s * rate_hz)
        self._closed = max(1, round(spec.closed_s * rate_hz))
        self._settling = round(spec.settling_s * rate_hz)
        shape = (height_px, width_px)
        rng = np.random.default_rng([seed, 0])
        self._bank = rng.standard_normal(
            (height_px + _NOISE_MARGIN_PX, width_px + _NOISE_MARGIN_PX), dtype=np.float32
        )
        self._bowl = _bowl(shape, spec.vignette_k)
        self._dead = rng.choice(height_px * width_px, round(spec.dead_share * height_px * width_px))
        stuck = rng.normal(_count(ambient_k, self.scale), 400, self._dead.size)
        self._stuck = np.clip(stuck, 0, self._top).astype(np.uint16)
        self._fixed, self._aging = np.empty(shape, np.float32), np.empty(shape, np.float32)
        self._picture, self._wide = np.empty(shape, np.float32), np.empty(shape, np.uint16)
        self._narrow = np.empty(shape, np.uint8)
        self._events = -1  # shutter events that the fixed pattern belongs to
        self._level_k = 0.0
        span = _AGC_SPAN_K / self.scale.scale
        self._agc = Scaler(ScalingSpec(min_span_counts=span, **_AGC))

    @property
    def kelvin(self) -> Kelvin | None:
        """The scale that the camera promises, None where it is not radiometric."""
        return self.scale if self.spec.radiometric else None

    @property
    def _top(self) -> int:
        return 16383 if self.spec.bits == 14 else 65535

    def shutter(self, index: int) -> Shutter:
        """Return what the shutter does at a frame, whether or not the camera tells."""
        if self.shown_index(index) != index:
            return "closed"
        events = self.spec.shutter_frames
        if any(0 < event - index <= self._imminent for event in events):
            return "imminent"
        if any(0 <= index - event < self._closed + self._settling for event in events):
            return "settling"
        return "none"

    def shown_index(self, index: int) -> int:
        """Return the frame on show: a closed shutter repeats the last one before it."""
        for event in self.spec.shutter_frames:
            if 0 <= index - event < self._closed:
                return self.shown_index(event - 1)
        return index

    def temperature_c(self, index: int) -> float:
        """Return the temperature of the focal plane, degrees C."""
        return 31.0 + 0.004 * index / self._rate_hz

    def read(self, kelvin: Plane, index: int) -> Counts:
        """Return the frame of an open shutter.

        Args:
            kelvin: (H, W) what the optics see, K.
            index: The frame's number.

        Returns:
            (H, W) uint8 or uint16, borrowed until the next call.
        """
        self._renew(sum(event <= index for event in self.spec.shutter_frames))
        picture = self._picture
        if self.spec.psf_px > 0:
            cv2.GaussianBlur(kelvin, (0, 0), self.spec.psf_px, dst=picture)
        else:
            np.copyto(picture, kelvin)
        self._disturb(picture, index)
        gain = 1 / self.scale.scale
        base = (self._level(index) - self.scale.offset) * gain
        cv2.addWeighted(picture, gain, picture, 0.0, base, dst=self._wide, dtype=cv2.CV_16U)
        np.minimum(self._wide, self._top, out=self._wide)
        self._wide.reshape(-1)[self._dead] = self._stuck
        return self._stretched(index) if self.spec.bits == 8 else self._wide

    def _disturb(self, picture: Plane, index: int) -> None:
        spec, (height, width) = self.spec, picture.shape
        rng = np.random.default_rng([self._seed, 1, index])
        y, x = rng.integers(0, _NOISE_MARGIN_PX + 1, 2)
        noise = self._bank[y : y + height, x : x + width]
        age = self._age_s(index) / _AGING_S
        cv2.add(picture, self._fixed, dst=picture)
        cv2.scaleAdd(self._aging, age, picture, dst=picture)
        cv2.scaleAdd(noise, spec.netd_k * rng.choice((-1.0, 1.0)), picture, dst=picture)
        picture += rng.normal(0, spec.row_k, (height, 1)).astype(np.float32)

    def _renew(self, events: int) -> None:
        """Draw the fixed pattern that holds after `events` shutter events."""
        if events == self._events:
            return
        self._events = events
        spec, (height, width) = self.spec, self._fixed.shape
        rng = np.random.default_rng([self._seed, 2, events])
        (y0, y1), (x0, x1) = rng.integers(0, _NOISE_MARGIN_PX + 1, (2, 2))
        fixed, aging = self._fixed, self._aging
        np.multiply(self._bank[y0 : y0 + height, x0 : x0 + width], spec.pixel_k, out=fixed)
        fixed += rng.normal(0, spec.column_k, width).astype(np.float32)
        fixed += self._bowl
        # Stripes age more than single pixels: a column shares one amplifier.
        np.multiply(self._bank[y1 : y1 + height, x1 : x1 + width], 0.4 * spec.aging_k, out=aging)
        aging += rng.normal(0, spec.aging_k, width).astype(np.float32)
        steps = [np.random.default_rng([self._seed, 3, event]) for event in range(events)]
        self._level_k = sum(
            float(step.choice((-1, 1)) * step.uniform(0.6, 1.4)) * spec.step_k for step in steps
        )

    def _age_s(self, index: int) -> float:
        """Return for how long the offsets have not been measured."""
        if self._events == 0:
            return self.spec.since_shutter_s + index / self._rate_hz
        opened = self.spec.shutter_frames[self._events - 1] + self._closed
        return (index - opened) / self._rate_hz

    def _level(self, index: int) -> float:
        """Return what is added to the whole picture, K."""
        level = self._level_k + self.spec.drift_k_per_s * index / self._rate_hz
        if self._events and self._settling:
            # The housing warmed by the shutter motor cools again.
            decay = 3 * self._age_s(index) / self.spec.settling_s
            level += 0.5 * self.spec.step_k * math.exp(-decay)
        return level

    def _stretched(self, index: int) -> NDArray[np.uint8]:
        low, high = self._agc.bounds(self._wide, round(index / self._rate_hz * 1e9))
        gain, out = 255 / (high - low), self._narrow
        cv2.addWeighted(self._wide, gain, self._wide, 0.0, -low * gain, dst=out, dtype=cv2.CV_8U)
        if self.spec.black_hot:
            np.subtract(255, out, out=out)
        return out


def _count(kelvin: float, scale: Kelvin) -> float:
    return (kelvin - scale.offset) / scale.scale


def _bowl(shape: tuple[int, int], depth_k: float) -> Plane:
    """Return the darkening towards the corners, 0 in the middle."""
    y = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, shape[1], dtype=np.float32)
    bowl: NDArray[Any] = (x**2 + y**2) * np.float32(-depth_k / 2)
    return bowl
