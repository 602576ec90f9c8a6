"""Frames of a folder of numbered pictures."""

from __future__ import annotations

import re
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

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".tif", ".tiff")


class FolderSource:
    """Delivers the pictures of one folder in the order of the numbers in their names.

    8- and 16-bit pictures of one channel are delivered as stored, coloured ones as luma,
    which is exact for grey replicated in three channels. Other files are ignored, so is
    what lies in folders below. A frame's index is its place in the order, from 0.
    Iterating continues where the last iteration stopped.

    Args:
        folder: Holds pictures of one kind, size and depth.
        rate_hz: Frame rate; pictures do not tell any.
        start_frame: First frame delivered.

    Raises:
        SourceError: There is no frame to deliver, or the pictures are of several kinds.
    """

    live = False
    start_box: Box | None = None  # a recording does not say where its target is

    def __init__(self, folder: Path, *, rate_hz: float = 30.0, start_frame: int = 0) -> None:
        self._files = _numbered(folder)
        self.rate_hz = rate_hz
        self._next = start_frame
        if start_frame >= len(self._files):
            raise SourceError(
                f"{folder} can't start at frame {start_frame}: it holds {len(self._files)} frames.",
                f"Start at a frame from 0 to {len(self._files) - 1}.",
            )
        first = _grey(self._files[start_frame])
        self.height_px, self.width_px = first.shape
        self._dtype = first.dtype
        self.faults: dict[str, int] = {}
        self.num_frames: int | None = len(self._files) - start_frame

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames whose counts are valid until the next one is asked for.

        Raises:
            SourceError: A picture can't be read, or differs in size or depth.
        """
        while self._next < len(self._files):
            index, path = self._next, self._files[self._next]
            counts = _grey(path)
            if counts.shape != (self.height_px, self.width_px) or counts.dtype != self._dtype:
                raise SourceError(
                    f"{path} is {counts.shape[1]}x{counts.shape[0]} px {counts.dtype}, expected "
                    f"{self.width_px}x{self.height_px} px {self._dtype} as the pictures before.",
                    "Keep one recording per folder.",
                )
            self._next += 1
            bits = 8 * counts.itemsize
            yield Frame(counts, index, round(index * 1e9 / self.rate_hz), bits)

    def close(self) -> None:
        """End iterations; no file stays open. Calling it twice is allowed."""
        self._next = len(self._files)

    def __enter__(self) -> FolderSource:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _numbered(folder: Path) -> list[Path]:
    try:
        names = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise SourceError(
            f"{folder} can't be read: {error.strerror}.", "Give a folder that this user may read."
        ) from error
    pictures = [path for path in names if path.suffix.lower() in SUFFIXES]
    kinds = sorted({path.suffix.lower() for path in pictures})
    if not kinds:
        raise SourceError(
            f"{folder} holds no picture ({' '.join(SUFFIXES)}).",
            "Give the folder that the pictures lie in, or a video itself.",
        )
    if len(kinds) > 1:
        raise SourceError(
            f"{folder} holds pictures of the kinds {' '.join(kinds)}, expected one kind.",
            "Keep one recording per folder.",
        )
    if strange := [path for path in pictures if not is_plain(path)]:
        raise SourceError(
            f"{min(strange)} has a name that is not UTF-8, which OpenCV can't read.",
            "Rename it, or the folders on the way to it.",
        )
    return sorted(pictures, key=_natural)


def _natural(path: Path) -> list[tuple[int, str]]:
    """Return a key that sorts 2 before 10, and 2 before 02."""
    parts = re.split(r"([0-9]+)", path.name)
    key = [(int(part), "") if number % 2 else (0, part) for number, part in enumerate(parts)]
    return [*key, (len(path.name), path.name)]


def _grey(path: Path) -> NDArray[Any]:
    """Read one picture: (H, W) uint8 or uint16, a new array."""
    # As stored: asking for grey here would make 16 bits 8, and round luma otherwise.
    try:
        picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # a damaged header can ask for a picture of absurd size
        picture = None
    if picture is None:
        raise SourceError(
            f"{path} is not a readable picture.", "Copy it again, or take it out of the folder."
        )
    if picture.dtype not in (np.uint8, np.uint16):
        raise SourceError(
            f"{path} holds {picture.dtype}, expected 8-bit or 16-bit counts.",
            "Store the sensor's counts, not temperatures.",
        )
    if picture.ndim == 2:
        return picture
    return cv2.cvtColor(
        picture, cv2.COLOR_BGRA2GRAY if picture.shape[2] == 4 else cv2.COLOR_BGR2GRAY
    )
