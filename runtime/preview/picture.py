"""Counts as a grey JPEG; which colour a grey becomes is the page's business."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from thermedge.frame import Counts, Frame
from thermedge.manifest import ScalingSpec
from thermedge.runtime.scaling import Scaler

MOST_PX = 1280  # columns; wider frames are shown smaller, boxes stay in px of the frame
_QUALITY = 82
_ZERO_C = 273.15  # K
# How counts become visible: a percent of either end is cut off, and nothing flickers.
_DISPLAY = ScalingSpec(
    low_percent=0.5, high_percent=99.7, min_span_counts=64.0, expand_s=0.3, contract_s=1.0
)


@dataclass(frozen=True, slots=True)
class Seen:
    """One encoded picture."""

    jpeg: bytes
    low_c: float | None  # what black stands for, degrees C; None where the core can't say
    high_c: float | None  # what white stands for


class Encoder:
    """Stretches and encodes frames; memory is taken for the first one of a size."""

    def __init__(self) -> None:
        self._scaler = Scaler(_DISPLAY)
        self._grey: NDArray[np.uint8] = np.empty((0, 0), np.uint8)

    def encode(self, frame: Frame) -> Seen:
        """Return the frame as a JPEG of 8 bits, at most `MOST_PX` wide."""
        low, high = self._scaler.bounds(frame.counts, frame.timestamp_ns)
        grey = self._stretched(frame.counts, low, high)
        if grey.shape[1] > MOST_PX:
            size = (MOST_PX, round(grey.shape[0] * MOST_PX / grey.shape[1]))
            shown = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        else:
            shown = grey
        _, encoded = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        if frame.kelvin is None:
            return Seen(encoded.tobytes(), None, None)
        scale, offset = frame.kelvin.scale, frame.kelvin.offset - _ZERO_C
        return Seen(encoded.tobytes(), scale * low + offset, scale * high + offset)

    def _stretched(self, counts: Counts, low: float, high: float) -> NDArray[np.uint8]:
        if counts.dtype == np.uint8:
            return counts.astype(np.uint8, copy=False)
        if self._grey.shape != counts.shape:
            self._grey = np.empty(counts.shape, np.uint8)
        gain = 255.0 / (high - low)
        cv2.addWeighted(counts, gain, counts, 0.0, -low * gain, dst=self._grey, dtype=cv2.CV_8U)
        return self._grey


def png_of(frame: Frame) -> bytes:
    """Return every count of a frame as a PNG of 8 or 16 bits."""
    _, encoded = cv2.imencode(".png", frame.counts)
    return encoded.tobytes()
