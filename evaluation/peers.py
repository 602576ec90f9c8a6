"""OpenCV's classical trackers, run like ours so that they can be compared frame by frame."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from thermedge.errors import MissingDependencyError, ThermedgeError
from thermedge.frame import Counts, Frame
from thermedge.geometry import Box
from thermedge.optional import require
from thermedge.runtime.track import Track

# Peer -> the function of cv2 that makes it.
PEERS = {"kcf": "TrackerKCF_create", "csrt": "TrackerCSRT_create", "mil": "TrackerMIL_create"}

# OpenCV's trackers take whole pixels. Which way a box is made whole decides over success on
# targets of a dozen px: CSRT gives .48 or .04 on the same clip.
Rounding = Literal["round", "trunc"]


class StaticTracker:
    """Says that the target never moves: what any tracker has to beat."""

    def __init__(self, rounding: Rounding = "round") -> None:
        self._rounding = rounding
        self._box = Box(0.0, 0.0, 1.0, 1.0)

    def init(self, frame: Frame, box: Box) -> Track:
        """Remember the box, in whole px as the other peers have it."""
        self._box = Box(*(float(value) for value in whole(box, self._rounding)))
        return _track(frame, self._box, found=True)

    def update(self, frame: Frame) -> Track:
        """Return the first box."""
        return _track(frame, self._box, found=True)

    def close(self) -> None:
        """Do nothing."""


class OpenCvTracker:
    """One of OpenCV's trackers; where it reports a loss, its last box stands.

    MIL draws its features at random, and OpenCV offers no seed for them: its scores differ
    from run to run.
    """

    def __init__(self, name: str, rounding: Rounding = "round") -> None:
        self._create = _creator(name)
        self._rounding = rounding
        self._tracker: Any = None
        self._box = Box(0.0, 0.0, 1.0, 1.0)

    def init(self, frame: Frame, box: Box) -> Track:
        """Start anew: OpenCV's trackers can't be restarted, so this makes another one."""
        self._tracker = self._create()
        self._tracker.init(_picture(frame.counts), whole(box, self._rounding))
        self._box = box
        return _track(frame, box, found=True)

    def update(self, frame: Frame) -> Track:
        """Find the target in the next frame."""
        found, box = self._tracker.update(_picture(frame.counts))
        if found:
            self._box = Box(*(float(value) for value in box))
        return _track(frame, self._box, found=bool(found))

    def close(self) -> None:
        """Let go of the tracker."""
        self._tracker = None


def open_peer(name: str) -> StaticTracker | OpenCvTracker:
    """Make the peer `name`: static, or one of PEERS, with -round (default) or -trunc behind.

    Raises:
        ThermedgeError: No peer is called so.
        MissingDependencyError: This build of OpenCV does not have it.
    """
    kind, _, ending = name.partition("-")
    if kind not in ("static", *PEERS) or ending not in ("", "round", "trunc"):
        raise ThermedgeError(
            f"No peer is called {name!r}.",
            f"Choose one of static, {', '.join(PEERS)}, or one with -round or -trunc behind.",
        )
    rounding: Rounding = "trunc" if ending == "trunc" else "round"
    return StaticTracker(rounding) if kind == "static" else OpenCvTracker(kind, rounding)


def whole(box: Box, rounding: Rounding) -> tuple[int, int, int, int]:
    """Return x, y, w, h as whole px: the nearest, or without their fractions."""
    if rounding == "trunc":
        x, y, w, h = (int(value) for value in box)
    else:
        x, y, w, h = (math.floor(value + 0.5) for value in box)
    return x, y, max(w, 1), max(h, 1)


def _creator(name: str) -> Any:
    cv2 = require("cv2", f"The peer {name}")
    cv2.setNumThreads(1)  # as our tracker runs; times are comparable then
    create = getattr(cv2, PEERS[name], None)
    if create is None:
        raise MissingDependencyError(
            f"The peer {name} needs OpenCV's contributed modules; this is cv2 {cv2.__version__} "
            "without them.",
            "Run make bench, or pip install opencv-contrib-python-headless in place of "
            "opencv-python-headless.",
        )
    return create


def _picture(counts: Counts) -> NDArray[np.uint8]:
    """Return (H, W, 3) uint8: grey three times, 16-bit counts stretched over their range."""
    if counts.dtype != np.uint8:
        low, high = int(counts.min()), int(counts.max())
        counts = ((counts - low) * (255.0 / max(high - low, 1))).astype(np.uint8)
    return np.repeat(counts[:, :, np.newaxis], 3, axis=2)


def _track(frame: Frame, box: Box, *, found: bool) -> Track:
    return Track(
        box=box,
        score=float(found),
        state="tracking" if found else "lost",
        frame_index=frame.index,
        timestamp_ns=frame.timestamp_ns,
        dropped=0,
        stage_ms={},
    )
