"""Results as an annotated video."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2

from thermedge.errors import SinkError
from thermedge.frame import Frame
from thermedge.runtime.plain_names import is_plain
from thermedge.runtime.sinks.overlay import Overlay
from thermedge.runtime.sinks.pending import PendingFile
from thermedge.runtime.track import Track

_LOG = logging.getLogger(__name__)

# Encoders that pip's OpenCV brings; the second is part of OpenCV itself.
_CODEC = {".mp4": "mp4v", ".avi": "MJPG"}


class VideoSink:
    """Writes each frame with its track drawn over it.

    The encoder reports no failure, so a full disk shows only when the file is closed.

    Args:
        path: Where the file shall lie once it is closed; .mp4 or .avi.
        width_px: Of the frames.
        height_px: Of the frames.
        rate_hz: Of the frames.

    Raises:
        SinkError: Nothing can be written at `path`, or there is no encoder.
    """

    def __init__(self, path: Path, *, width_px: int, height_px: int, rate_hz: float) -> None:
        self._path = path
        self._shape = (height_px, width_px)
        self._overlay = Overlay(width_px, height_px)
        self._pending = PendingFile(path)
        # An absolute path, so that FFmpeg never takes a part of it for a protocol.
        self._file = str(self._pending.temporary.absolute())
        if not is_plain(Path(self._file)):
            self._pending.discard()
            raise SinkError(
                f"{path} has a name that is not UTF-8, which OpenCV can't write.",
                "Name another file, or rename the folders on the way to it.",
            )
        codec = cv2.VideoWriter.fourcc(*_CODEC[path.suffix.lower()])
        self._writer = cv2.VideoWriter(
            self._file,
            codec,
            round(rate_hz, 2),  # MPEG-4 takes rates of few digits only
            self._overlay.size_px,
        )
        self._num_written = 0
        self._is_open = True
        if not self._writer.isOpened():
            self._pending.discard()
            width, height = self._overlay.size_px
            raise SinkError(
                f"OpenCV can't encode {path} ({width}x{height} px at {rate_hz:g} Hz).",
                "Name an .avi, or pip install opencv-python-headless, which brings encoders.",
            )

    def write(self, frame: Frame, track: Track) -> None:
        """Encode `frame` with `track` drawn over it.

        Raises:
            SinkError: The frame has another size than the video was opened for.
        """
        if frame.counts.shape != self._shape:
            raise SinkError(
                f"Frame {frame.index} is {frame.width_px}x{frame.height_px} px, expected "
                f"{self._shape[1]}x{self._shape[0]} px as {self._path} was opened for.",
                "Write one video per recording.",
            )
        self._writer.write(self._overlay.draw(frame, track))
        self._num_written += 1

    def close(self) -> None:
        """Complete the video and put it in its place. Calling it twice is allowed.

        Without any frame there is no video to place.

        Raises:
            SinkError: The file can't be completed.
        """
        if not self._is_open:
            return
        self._is_open = False
        self._writer.release()
        if not self._num_written:
            _LOG.warning("%s is not written: it got no frame.", self._path)
            self._pending.discard()
            return
        self._check()
        self._pending.place()

    def _check(self) -> None:
        capture = cv2.VideoCapture(self._file)
        is_whole = capture.isOpened() and capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0
        capture.release()
        if not is_whole:
            self._pending.discard()
            raise SinkError(
                f"{self._path} can't be completed: what was stored of its {self._num_written} "
                "frames is no video.",
                "Free space on its disk, or name another place.",
            )
