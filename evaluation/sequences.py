"""Recordings with the truth about their target, ready to be scored."""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from thermedge.evaluation.metrics import has_area
from thermedge.geometry import Box
from thermedge.runtime.sources import open_source
from thermedge.runtime.sources.base import FrameSource


class Frames(Protocol):
    """Where a sequence's frames come from; must survive pickling for worker processes."""

    def open(self, start_frame: int, rate_hz: float | None) -> FrameSource:
        """Open the frames from number `start_frame` (from 0) on.

        Args:
            start_frame: Frame of the sequence that comes first.
            rate_hz: Frame rate to give the frames, None for their own.
        """
        ...


@dataclass(frozen=True, slots=True)
class Recording:
    """The frames of a video or of a folder of numbered pictures."""

    path: Path
    rate_hz: float | None = None  # None: the video's own, 30 for pictures
    first: int = 0  # number in the recording of the sequence's frame 0

    def open(self, start_frame: int = 0, rate_hz: float | None = None) -> FrameSource:
        """Open the frames from number `start_frame` (from 0) on.

        Raises:
            SourceError: The recording can't be read, or ends before that frame.
        """
        rate_hz = rate_hz or self.rate_hz
        name = str(self.path) if rate_hz is None else f"{self.path}?rate={rate_hz!r}"
        return open_source(name, start_frame=self.first + start_frame)


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """One target in one recording, with its labels."""

    name: str  # unique within its group
    group: str  # the data set that scores are averaged over
    frames: Frames
    truth: NDArray[np.float64]  # (N, 4) as labelled; NaN where absent or unlabelled
    attributes: tuple[str, ...] = ()  # of the whole sequence
    # Frames where the labels say that there is no target, (N,). Others without a truth
    # are merely unlabelled.
    absent: NDArray[np.bool_] | None = None
    # Frames that count at all, (N,); None: every frame that has a truth.
    visible: NDArray[np.bool_] | None = None
    # The truth in a second camera's picture, (N, 4), where a benchmark scores with both.
    second_truth: NDArray[np.float64] | None = None
    # The truth as polygons of P points, (N, 2 P) x1, y1, x2, ..., where it is no upright box.
    polygons: NDArray[np.float64] | None = None
    frame_px: tuple[int, int] | None = None  # (width, height) where the labels tell it
    origin_px: float = 0.0  # what the labels call the frame's left and top edge; MATLAB: 1

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits of the labels: results of other labels are outdated."""
        return hashlib.sha256(self.truth.tobytes()).hexdigest()[:12]

    @property
    def start(self) -> int | None:
        """The first frame with a truth that a track can start from; None if there is none."""
        usable = np.flatnonzero(has_area(self.truth))
        return int(usable[0]) if len(usable) else None

    def box(self, frame: int) -> Box:
        """Return the truth of a frame that has one, frame px from 0."""
        x, y, w, h = self.truth[frame].tolist()
        return Box(x - self.origin_px, y - self.origin_px, w, h)


def frame_size(sequence: Sequence) -> tuple[int, int]:
    """Return (width, height) px of a sequence's frames: as labelled, else as recorded.

    The frame that is looked at is the first that a tracker sees: earlier ones may be broken.

    Raises:
        SourceError: The recording can't be read.
    """
    if sequence.frame_px is not None:
        return sequence.frame_px
    with closing(sequence.frames.open(sequence.start or 0, None)) as frames:
        return frames.width_px, frames.height_px
