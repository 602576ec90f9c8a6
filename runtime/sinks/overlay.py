"""Draw a track over its frame, for the eye only."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from thermedge.frame import Counts, Frame
from thermedge.geometry import Box
from thermedge.manifest import ScalingSpec
from thermedge.runtime.scaling import Scaler
from thermedge.runtime.track import State, Track

MIN_WIDTH_PX = 640  # smaller frames are enlarged by a whole factor: the text must fit

_LINE_PX = 2  # thickness of a box
_STRIP_PX = 28  # height of the text below the picture
_FONT, _FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.5
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_MARGIN_PX = 8
_FAR_PX = 1e6  # farther outside than any picture is wide

# How wide counts become visible; damped, for a film must not flicker.
_DISPLAY = ScalingSpec(
    low_percent=1.0, high_percent=99.5, min_span_counts=64.0, expand_s=0.3, contract_s=1.0
)


@dataclass(frozen=True, slots=True)
class Style:
    """The look of a box; states differ in colour and in line, for those who see no colour."""

    color: tuple[int, int, int]  # blue, green, red
    is_drawn: Callable[[NDArray[np.intp], int], NDArray[np.bool_]]  # (px along an edge, its px)


STYLES: dict[State, Style] = {
    "idle": Style((190, 190, 190), lambda along, length: along % 30 < 2),
    "tracking": Style((90, 235, 60), lambda along, length: along >= 0),
    "uncertain": Style((60, 235, 255), lambda along, length: along % 14 < 8),
    "coasting": Style((255, 190, 80), lambda along, length: along % 6 < 2),
    "lost": Style((60, 110, 255), lambda along, length: abs(along - length / 2) > length / 4),
    "reacquired": Style(
        (255, 150, 235), lambda along, length: (along % 20 < 10) | (along % 20 > 14)
    ),
}


class Overlay:
    """Holds one picture and draws each frame with its track into it.

    Args:
        width_px: Of the frames.
        height_px: Of the frames.
    """

    def __init__(self, width_px: int, height_px: int) -> None:
        self._scale = max(1, math.ceil(MIN_WIDTH_PX / width_px))
        height, width = height_px * self._scale, width_px * self._scale
        # Video wants even sizes: the strip takes the odd row, an empty column the odd column.
        strip = _STRIP_PX + height % 2
        self._canvas = np.zeros((height + strip, width + width % 2, 3), np.uint8)
        self._picture = self._canvas[:height, :width]
        self._strip = self._canvas[height:]
        self._grey = np.empty((height_px, width_px), np.uint8)
        self._enlarged = np.empty((height, width), np.uint8)
        self._scaler = Scaler(_DISPLAY)

    @property
    def scale(self) -> int:
        """How many times a frame is enlarged."""
        return self._scale

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height) of the pictures."""
        height, width = self._canvas.shape[:2]
        return width, height

    def draw(self, frame: Frame, track: Track) -> NDArray[np.uint8]:
        """Return (H, W, 3) blue, green, red; borrowed until the next call.

        Args:
            frame: Of the size this was made for.
            track: What the tracker said about it; its box may reach past the frame.
        """
        self._show(frame.counts, frame.timestamp_ns)
        if all(math.isfinite(value) for value in track.box):
            corners = self._corners(track.box)
            self._box(corners, STYLES[track.state])
            self._label(corners, track.state)
        self._caption(frame, track)
        return self._canvas

    def _show(self, counts: Counts, timestamp_ns: int) -> None:
        low, high = self._scaler.bounds(counts, timestamp_ns)
        gain = 255.0 / (high - low)
        # One call that scales and saturates at both ends, for both widths of counts.
        cv2.addWeighted(counts, gain, counts, 0.0, -low * gain, dst=self._grey, dtype=cv2.CV_8U)
        size = self._enlarged.shape[::-1]
        cv2.resize(self._grey, size, dst=self._enlarged, interpolation=cv2.INTER_CUBIC)
        cv2.cvtColor(self._enlarged, cv2.COLOR_GRAY2BGR, dst=self._picture)

    def _corners(self, box: Box) -> tuple[int, int, int, int]:
        """Return left, top, right, bottom of the pixels that `box` touches."""
        # Numbers that no array index can hold come down to what is just as far outside.
        x, y, right, bottom = (
            min(max(value * self._scale, -_FAR_PX), _FAR_PX)
            for value in (box.x, box.y, box.x + box.w, box.y + box.h)
        )
        return math.floor(x), math.floor(y), math.ceil(right), math.ceil(bottom)

    def _box(self, corners: tuple[int, int, int, int], style: Style) -> None:
        """Draw around the box, never over the target; with a dark seam, for bright scenes."""
        across = self._picture.transpose(1, 0, 2)  # so that columns are drawn like rows
        for grow, color in ((2 * _LINE_PX, _BLACK), (_LINE_PX, style.color)):
            left, top = corners[0] - grow, corners[1] - grow
            right, bottom = corners[2] + grow, corners[3] + grow
            for at in (top, bottom - _LINE_PX):
                _edge(self._picture, at, left, right, style, color)
            for at in (left, right - _LINE_PX):
                _edge(across, at, top, bottom, style, color)

    def _label(self, corners: tuple[int, int, int, int], state: State) -> None:
        left, top, _, bottom = corners
        height, width = self._picture.shape[:2]
        (text_width, above), below = cv2.getTextSize(state, _FONT, _FONT_SCALE, 1)
        tall, gap = above + below + 2, 2 * _LINE_PX + 1
        y = top - gap - tall if top - gap >= tall else bottom + gap  # above the box, or below
        x, y = min(max(left, 0), width - text_width - 4), min(max(y, 0), height - tall)
        self._picture[y : y + tall, x : x + text_width + 4] = _BLACK
        _text(self._picture, state, x + 2, y + above + 1, STYLES[state].color)

    def _caption(self, frame: Frame, track: Track) -> None:
        self._strip[:] = _BLACK
        y = self._strip.shape[0] - 9
        text = f"#{track.frame_index} | {track.state}"
        if track.state != "idle":
            text += f" | score {track.score:.2f} | {latency_ms(track):.1f} ms"
        if track.target_c is not None:
            text += f" | {track.target_c.low:.1f} to {track.target_c.high:.1f} C"
        _text(self._strip, text, _MARGIN_PX, y, _WHITE)
        if frame.shutter != "none":
            text = f"SHUTTER {frame.shutter.upper()}"
            width = cv2.getTextSize(text, _FONT, _FONT_SCALE, 1)[0][0] + 2 * _MARGIN_PX
            left = self._strip.shape[1] - width
            self._strip[:, left:] = _WHITE
            _text(self._strip, text, left + _MARGIN_PX, y, _BLACK)


def latency_ms(track: Track) -> float:
    """Return what the frame took from its arrival to its box: all stages but the wait for it."""
    return sum(ms for stage, ms in track.stage_ms.items() if stage != "wait")


def _edge(
    rows: NDArray[Any], at: int, start: int, end: int, style: Style, color: tuple[int, int, int]
) -> None:
    """Draw the columns of rows `at` onwards from `start` to `end`, where they are visible.

    An edge along the border of the picture is moved inside; one beyond it is not drawn.
    """
    height, width = rows.shape[:2]
    if -2 * _LINE_PX <= at <= height + _LINE_PX:
        top = min(max(at, 0), height - _LINE_PX)
        columns = np.arange(max(start, 0), min(end, width))
        columns = columns[style.is_drawn(columns - start, end - start)]
        rows[top : top + _LINE_PX, columns] = color


def _text(picture: NDArray[Any], text: str, x: int, y: int, color: tuple[int, int, int]) -> None:
    cv2.putText(picture, text, (x, y), _FONT, _FONT_SCALE, color, 1, cv2.LINE_AA)
