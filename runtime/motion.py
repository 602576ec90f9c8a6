"""Where one target is believed to be, how large, and how it moves.

There are two sizes. Windows are laid around the target as large as it looks: a network that
is shown another scale loses it more often. What is reported is to be as large as the first
box would be drawn now, and people redraw boxes less than targets change: a loose one around
a distant aircraft stays as it is for hundreds of frames. A network can learn for which
targets that holds.
"""

from __future__ import annotations

import math

from thermedge.geometry import Box
from thermedge.manifest import LoopSpec
from thermedge.runtime.decode import Candidate, Change

_MIN_SIDE_PX = 2.0  # a smaller box has no pixels to find again
# How long a velocity is believed while nothing confirms it. A shutter says nothing about
# the target: in generated scenes 0.8 s brings it back best. One that is missing may have turned.
SHUT_S = 0.8
HIDDEN_S = 0.3


class Motion:
    """Keeps the box of a target that is found, or drifts on, frame by frame."""

    def __init__(self, loop: LoopSpec, box: Box, frame_px: tuple[int, int]) -> None:
        self._loop, self._first, self._frame_px = loop, box, frame_px
        self.cx, self.cy = box.center
        self._ln_w = self._ln_h = 0.0  # ln of the size over the first one, as it looks
        self._told: tuple[float, float] | None = None  # the same as it is reported, if it differs
        self._vx = self._vy = 0.0  # px/s

    @property
    def box(self) -> Box:
        """The target as large as it looks, frame px: what the next windows are laid around."""
        return self._sized(self._ln_w, self._ln_h)

    @property
    def reported(self) -> Box:
        """The target as large as the first box would be drawn now, frame px."""
        return self.box if self._told is None else self._sized(*self._told)

    def take(self, found: Candidate, *, elapsed_s: float) -> None:
        """Move the box to what was found in a frame.

        Args:
            found: What the network says.
            elapsed_s: Since the frame before, in which the target was found too; 0 when it
                was not, so that the step says nothing about the velocity.
        """
        cx, cy = self._inside(found.cx, found.cy)
        if elapsed_s > 0:
            share = self._loop.velocity_step
            self._vx += share * ((cx - self.cx) / elapsed_s - self._vx)
            self._vy += share * ((cy - self.cy) / elapsed_s - self._vy)
        self.cx, self.cy = cx, cy
        measured = (found.ln_w - math.log(self._first.w), found.ln_h - math.log(self._first.h))
        if found.change is not None:
            self._told = self._reported_size(found, measured, found.change)
        self._take_size(found, measured)

    def stop(self) -> None:
        """Forget the velocity: where the target was says nothing about where it goes."""
        self._vx = self._vy = 0.0

    def drift(self, elapsed_s: float, *, fade_s: float) -> None:
        """Move on by the velocity, which falls off by 1/e in `fade_s`."""
        kept = math.exp(-elapsed_s / fade_s)
        reach_s = fade_s * (1 - kept)
        self.shift(self._vx * reach_s, self._vy * reach_s)
        self._vx, self._vy = self._vx * kept, self._vy * kept

    def shift(self, dx: float, dy: float) -> None:
        """Move the box with the scene, px."""
        self.cx, self.cy = self._inside(self.cx + dx, self.cy + dy)

    def _inside(self, cx: float, cy: float) -> tuple[float, float]:
        width, height = self._frame_px
        return min(max(cx, 0.0), width - 1.0), min(max(cy, 0.0), height - 1.0)

    def _sized(self, ln_w: float, ln_h: float) -> Box:
        w = max(self._first.w * math.exp(ln_w), _MIN_SIDE_PX)
        h = max(self._first.h * math.exp(ln_h), _MIN_SIDE_PX)
        return Box.from_center(self.cx, self.cy, w, h)

    def _take_size(self, found: Candidate, measured: tuple[float, float]) -> None:
        """Blend a measured size into the present one.

        The measurement is first drawn to the first size, as far as its own variance asks
        against the variance that sizes are expected to have: small while the target keeps
        its size, so that an error of the network stays one, and larger the further it has
        gone from it, so that what comes closer is followed all the way.
        """
        expected = self._loop.size_prior**2 + self._ln_w**2 + self._ln_h**2
        step = self._loop.size_step
        self._ln_w += step * (_drawn(measured[0], found.spread_w, expected) - self._ln_w)
        self._ln_h += step * (_drawn(measured[1], found.spread_h, expected) - self._ln_h)

    def _reported_size(
        self, found: Candidate, measured: tuple[float, float], change: Change
    ) -> tuple[float, float]:
        """Return the reported size, ln over the first one, after one more measurement.

        As above, but the variance that is expected comes from the network, and grows with
        what it has measured rather than with what was believed before.
        """
        expected = change.floor + change.share * (measured[0] ** 2 + measured[1] ** 2)
        ln_w, ln_h = self._told or (self._ln_w, self._ln_h)
        step = self._loop.size_step
        return (
            ln_w + step * (_drawn(measured[0], found.spread_w, expected) - ln_w),
            ln_h + step * (_drawn(measured[1], found.spread_h, expected) - ln_h),
        )


def _drawn(measured: float, spread: float, expected: float) -> float:
    """Return a measurement (ln of size over the first size), drawn to 0 by its Laplace scale."""
    variance = expected + 2 * spread * spread
    return measured * expected / variance if variance > 0 else 0.0
