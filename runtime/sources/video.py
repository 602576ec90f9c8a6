"""Frames of a recorded video, as one grey plane."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from thermedge.errors import SourceError
from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.runtime.plain_names import is_plain
from thermedge.runtime.sources.folder import SUFFIXES

_LOG = logging.getLogger(__name__)

# FFmpeg's tags of the pixel formats that OpenCV can hand out as they are decoded: grey of
# 8 bits, and of 16 with the low byte first. All others arrive as 8-bit BGR.
_DELIVERED_AS_STORED = (b"Y800", b"Y1\x00\x10")


_ODD_PERIODS = 0.5  # a stamp this far from where the rate puts it is no rounding


class VideoSource:
    """Delivers the frames of one video file, each with its number in the file.

    Grey video (8 bits; 16 bits in FFV1) is delivered as it was stored, anything else as
    8-bit luma, which is exact for grey replicated in three channels. Times follow the rate;
    where the file's own stamps leave it, as those of a phone's recording do, from there on
    they follow the stamps. Iterating continues where the last iteration stopped. No array is
    allocated after the first frame.

    Args:
        path: A regular file that FFmpeg decodes.
        rate_hz: Frame rate, in place of the file's own and of its stamps.
        start_frame: First frame delivered. All before it are decoded: seeking by
            timestamp is quicker, but may miss by some frames where a file has gaps.

    Raises:
        SourceError: There is no frame to deliver, or its counts would be flattened.
    """

    live = False
    start_box: Box | None = None  # a recording does not say where its target is

    def __init__(self, path: Path, *, rate_hz: float | None = None, start_frame: int = 0) -> None:
        self._path = path
        self._capture = _opened(path)
        tag = _tag(self._capture)
        if tag in _DELIVERED_AS_STORED:
            self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
        self.rate_hz = self._rate() if rate_hz is None else rate_hz
        promised = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self._promised = promised if promised > start_frame else None
        self.faults: dict[str, int] = {}
        self.num_frames = None if self._promised is None else self._promised - start_frame
        self._next = start_frame
        self._is_even = True  # no frame so far was stamped otherwise than the rate says
        self._has_stamps = rate_hz is None
        self._began_ms = math.nan  # stamp of the file's first frame
        self._last_ns = -1
        self._picture = self._first(start_frame)
        self._has_first = True
        self.height_px, self.width_px = self._picture.shape[:2]
        self._is_colour = self._picture.ndim == 3
        self._grey = self._picture
        if self._is_colour:
            self._grey = np.empty((self.height_px, self.width_px), np.uint8)
        self._check_depth(stored_bits(tag))

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames whose counts are valid until the next one is asked for.

        A file that ends before the frames it promises is logged as a warning.
        """
        bits = 8 * self._grey.itemsize
        while self._has_first or self._read():
            self._has_first = False
            if self._is_colour:
                cv2.cvtColor(self._picture, cv2.COLOR_BGR2GRAY, dst=self._grey)
            index = self._next
            self._next += 1
            self._last_ns = self._time_ns(index)
            yield Frame(self._grey, index, self._last_ns, bits)

    def close(self) -> None:
        """Let go of the file; iterations end. Calling it twice is allowed."""
        self._has_first = False
        self._capture.release()

    def __enter__(self) -> VideoSource:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _read(self) -> bool:
        if not self._capture.isOpened():
            return False
        is_read, picture = self._capture.read(self._picture)
        if is_read:
            assert picture is self._picture  # OpenCV scales all frames to the first one's size
            return True
        if self._promised is not None and self._next < self._promised:
            self._tell_few(self._promised)
        self.close()
        return False

    def _time_ns(self, index: int) -> int:
        """Return when the frame that was read last was taken."""
        even_ns = round(index * 1e9 / self.rate_hz)
        if not self._has_stamps:
            return even_ns
        stamp_ns = round((self._capture.get(cv2.CAP_PROP_POS_MSEC) - self._began_ms) * 1e6)
        self._is_even &= abs(stamp_ns - even_ns) * self.rate_hz < _ODD_PERIODS * 1e9
        if self._is_even:
            return even_ns
        # A stamp that goes back, or stands still, is none.
        return stamp_ns if stamp_ns > self._last_ns else self._last_ns + round(1e9 / self.rate_hz)

    def _tell_few(self, promised: int) -> None:
        """Log why fewer frames came than the file promises, which some guess from its length."""
        reached = self._last_ns * 1e-9 * self.rate_hz + 1 + _ODD_PERIODS
        text = "%s ends early: it promises %d frames, %d could be read."
        if reached >= promised:
            text = "%s lasts as long as %d frames and has %d: some are lost, or its rate varies."
        _LOG.warning(text, self._path, promised, self._next)

    def _note_beginning(self) -> None:
        if math.isnan(self._began_ms):
            self._began_ms = self._capture.get(cv2.CAP_PROP_POS_MSEC)

    def _check_depth(self, stored: int | None) -> None:
        delivered = 8 * self._grey.itemsize
        if stored is not None and stored > delivered:
            raise SourceError(
                f"{self._path} stores counts of {stored} bits, of which OpenCV delivers "
                f"{delivered}; expected grey of 8 bits, or of 16 with the low byte first.",
                f"Convert it: ffmpeg -i {self._path} -c:v ffv1 -pix_fmt gray16le OUT.mkv",
            )

    def _rate(self) -> float:
        rate_hz = self._capture.get(cv2.CAP_PROP_FPS)
        if not 0 < rate_hz < math.inf:
            raise SourceError(
                f"{self._path} tells no frame rate (came {rate_hz:g} Hz).",
                f"Say it yourself, for example {self._path}?rate=30",
            )
        return rate_hz

    def _first(self, start_frame: int) -> NDArray[Any]:
        number = 0
        while number < start_frame and self._capture.grab():
            self._note_beginning()
            number += 1
        is_read, picture = self._capture.read()
        if is_read:
            self._note_beginning()
            return picture
        if number == 0:
            raise SourceError(
                f"{self._path} has no frame that can be read.",
                "Play it elsewhere to see whether it is whole, or record it again.",
            )
        raise SourceError(
            f"{self._path} can't start at frame {start_frame}: it holds {number} frames.",
            f"Start at a frame from 0 to {number - 1}.",
        )


def stored_bits(tag: bytes) -> int | None:
    """Return the bits per count of FFmpeg's grey pixel format `tag`, None if it has colour."""
    if tag == b"Y800":
        return 8
    if tag[:2] == b"Y1":  # low byte first
        return tag[3]
    return tag[0] if tag[2:] == b"1Y" else None


def _tag(capture: cv2.VideoCapture) -> bytes:
    return (int(capture.get(cv2.CAP_PROP_CODEC_PIXEL_FORMAT)) & 0xFFFFFFFF).to_bytes(4, "little")


def _opened(path: Path) -> cv2.VideoCapture:
    if path.suffix.lower() in SUFFIXES:
        raise SourceError(
            f"{path} is a single picture, expected a video.",
            f"Give the folder of the pictures: {path.parent}",
        )
    try:
        with path.open("rb") as file:
            is_empty = not file.read(1)
    except OSError as error:
        raise SourceError(
            f"{path} can't be read: {error.strerror}.", "Give a video that this user may read."
        ) from error
    if is_empty:
        raise SourceError(f"{path} is an empty file.", "Copy or record it again.")
    # An absolute path, so that FFmpeg never takes a file's name for a protocol or a pattern.
    absolute = path.resolve()
    if not is_plain(absolute):
        raise SourceError(
            f"{absolute} has a name that is not UTF-8, which OpenCV can't read.",
            "Rename it, or the folders on the way to it.",
        )
    capture = cv2.VideoCapture(str(absolute), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise SourceError(
            f"{path} is not a video that can be decoded: it is damaged or of another format.",
            "Convert it (ffmpeg -i IN OUT.mp4); if it plays elsewhere, "
            "pip install opencv-python-headless, which brings FFmpeg.",
        )
    return capture
