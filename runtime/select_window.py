"""Choosing the target with the mouse, in a window that shows the frames."""

from __future__ import annotations

import os
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from thermedge.errors import TargetError
from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.runtime.sinks.overlay import Overlay
from thermedge.runtime.track import NO_BOX, Track

_TITLE = "Drag a box around the target; Esc leaves"
_LEAST_PX = 3.0  # of the frame: a smaller drag is a click that slipped
_ESCAPE = 27
_WAIT_MS = 15
_YELLOW = (60, 235, 255)


class Drag:
    """Turns mouse events into a box; knows nothing of windows.

    Args:
        scale: Window px per frame px.
        width_px: Of the frames.
        height_px: Of the frames.
    """

    def __init__(self, scale: float, width_px: int, height_px: int) -> None:
        self._scale, self._limits = scale, (float(width_px), float(height_px))
        self._from: tuple[float, float] | None = None
        self._to = (0.0, 0.0)
        self.box: Box | None = None  # frame px, once a drag has ended

    @property
    def corners(self) -> tuple[int, int, int, int] | None:
        """Left, top, right, bottom of the drag under way, window px."""
        if self._from is None:
            return None
        (x0, x1), (y0, y1) = (sorted(pair) for pair in zip(self._from, self._to, strict=True))
        return tuple(round(v * self._scale) for v in (x0, y0, x1, y1))  # type: ignore[return-value]

    def mouse(self, event: int, x: int, y: int) -> None:
        """Take one event of OpenCV's, at (x, y) of the window."""
        at = self._inside(x / self._scale, y / self._scale)
        if event == cv2.EVENT_LBUTTONDOWN:
            self._from = self._to = at
        elif event == cv2.EVENT_MOUSEMOVE and self._from is not None:
            self._to = at
        elif event == cv2.EVENT_LBUTTONUP and self._from is not None:
            self._to = at
            self._end(self._from, at)
            self._from = None

    def _inside(self, x: float, y: float) -> tuple[float, float]:
        width, height = self._limits
        return min(max(x, 0.0), width), min(max(y, 0.0), height)

    def _end(self, one: tuple[float, float], other: tuple[float, float]) -> None:
        (x0, x1), (y0, y1) = (sorted(pair) for pair in zip(one, other, strict=True))
        if min(x1 - x0, y1 - y0) >= _LEAST_PX:
            self.box = Box(x0, y0, x1 - x0, y1 - y0)


class WindowChooser:
    """Shows frames until a box was dragged.

    Args:
        is_live: A camera goes on meanwhile; a recording waits on its first frame.

    Raises:
        TargetError: There is no display, or this OpenCV has no windows.
    """

    def __init__(self, *, is_live: bool) -> None:
        check_windows()
        self._is_live = is_live
        self._overlay: Overlay | None = None
        self._drag: Drag | None = None

    def choose(self, frame: Frame) -> Box | None:
        """Show `frame`, and return the box once it was dragged.

        Raises:
            TargetError: Esc was pressed, or the window closed.
        """
        if self._overlay is None or self._drag is None:
            self._overlay = Overlay(frame.width_px, frame.height_px)
            self._drag = Drag(self._overlay.scale, frame.width_px, frame.height_px)
            self._open(self._drag)
        idle = Track(NO_BOX, 0.0, "idle", frame.index, frame.timestamp_ns, 0, {})
        picture = self._overlay.draw(frame, idle)
        while True:
            self._show(picture, self._drag)
            box = self._drag.box
            if box is not None:
                self.close()
                return box
            if self._is_live:
                return None

    def failed(self) -> TargetError:
        """Return the error for frames that ended before a box was dragged."""
        self.close()
        return TargetError("No target was chosen before the frames ended.", "Drag it earlier.")

    def close(self) -> None:
        """Close the window, if it is open: the target is known, or nobody wants one any more."""
        if self._drag is None:
            return
        self._overlay = self._drag = None
        cv2.destroyAllWindows()
        cv2.waitKey(1)  # lets the window system do it

    def _open(self, drag: Drag) -> None:
        cv2.namedWindow(_TITLE, cv2.WINDOW_AUTOSIZE)
        cv2.setMouseCallback(_TITLE, lambda event, x, y, flags, data: drag.mouse(event, x, y))

    def _show(self, picture: NDArray[np.uint8], drag: Drag) -> None:
        shown, corners = picture, drag.corners
        if corners is not None:
            shown = picture.copy()
            cv2.rectangle(shown, corners[:2], corners[2:], _YELLOW, 1)
        cv2.imshow(_TITLE, shown)
        pressed = cv2.waitKey(_WAIT_MS) & 0xFF
        is_gone = cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) < 1
        if pressed == _ESCAPE or is_gone:
            self.close()
            raise TargetError(
                "No target was chosen: the window was left.",
                "Run again and drag a box, or give it with --init X,Y,W,H",
            )


def check_windows(environment: Mapping[str, str] = os.environ) -> None:
    """Refuse where no window can be opened, before the window system ends the process.

    Raises:
        TargetError: There is no display, or this OpenCV has no windows.
    """
    if not any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
        raise TargetError(
            "--select needs a display, and there is none.",
            "Run it on the desktop or through ssh -X; without one, use --init, --auto or "
            "--control.",
        )
    if not has_windows(cv2.getBuildInformation()):
        raise TargetError(
            "--select needs windows, and this OpenCV was built without (it is headless).",
            "pip uninstall opencv-python-headless && pip install opencv-python; or use --init, "
            "--auto or --control.",
        )


def has_windows(build: str) -> bool:
    """Return whether OpenCV's own account of its build names a window system."""
    for line in build.splitlines():
        name, _, value = line.strip().partition(":")
        if name == "GUI":
            return value.strip() != "NONE"
    return False
