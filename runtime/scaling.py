"""Which count becomes 0 and which 1: an AGC of our own, damped in time."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from thermedge.frame import Counts
from thermedge.manifest import ScalingSpec

_SAMPLES = 4096  # pixels looked at: the 0.2 % tail still holds eight of them


class Scaler:
    """Follows the range of a scene.

    8-bit counts come from the camera's own AGC and pass through. Wider counts are
    stretched between two percentiles. The range grows quickly, so that a hot object
    entering the view is not saturated for long, and shrinks slowly, so that the target
    does not change its look when the object leaves.
    """

    def __init__(self, spec: ScalingSpec) -> None:
        self._spec = spec
        self._sample: NDArray[np.uint16] = np.empty((0, 0), np.uint16)
        self._low = self._high = math.nan
        self._timestamp_ns = 0

    def bounds(self, counts: Counts, timestamp_ns: int) -> tuple[float, float]:
        """Return the counts that become 0 and 1 in this frame.

        Args:
            counts: (H, W) uint8 or uint16.
            timestamp_ns: When the frame was taken; the damping is by time, not by frame.
        """
        if counts.dtype == np.uint8:
            return 0.0, 255.0
        low, high = self._measured(counts)
        if math.isnan(self._low):
            self._low, self._high = low, high
        else:
            elapsed_s = max(timestamp_ns - self._timestamp_ns, 0) * 1e-9
            self._low += (low - self._low) * self._share(elapsed_s, low < self._low)
            self._high += (high - self._high) * self._share(elapsed_s, high > self._high)
        self._timestamp_ns = timestamp_ns
        return self._low, self._high

    def reset(self) -> None:
        """Forget the range: the next frame sets it at once."""
        self._low = self._high = math.nan

    def _share(self, elapsed_s: float, grows: bool) -> float:
        constant = self._spec.expand_s if grows else self._spec.contract_s
        return 1.0 - math.exp(-elapsed_s / constant)

    def _measured(self, counts: Counts) -> tuple[float, float]:
        step = max(1, math.isqrt(counts.size // _SAMPLES))
        seen = counts[::step, ::step]
        if self._sample.shape != seen.shape:
            self._sample = np.empty(seen.shape, np.uint16)
        np.copyto(self._sample, seen)
        flat = self._sample.reshape(-1)
        last = flat.size - 1
        first_kth = round(self._spec.low_percent / 100 * last)
        last_kth = round(self._spec.high_percent / 100 * last)
        flat.partition((first_kth, last_kth))
        low, high = float(flat[first_kth]), float(flat[last_kth])
        missing = self._spec.min_span_counts - (high - low)
        if missing > 0:
            low, high = low - missing / 2, high + missing / 2
        return low, high
