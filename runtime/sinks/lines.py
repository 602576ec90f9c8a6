"""Text files of one line per frame."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from thermedge.errors import SinkError
from thermedge.frame import Frame
from thermedge.runtime.sinks.pending import PendingFile
from thermedge.runtime.track import Track

_LOG = logging.getLogger(__name__)


class LineSink:
    """Writes each Track as one line of ASCII.

    Each line goes to the system at once, so a process that is killed loses none: they
    stay in the temporary file. When the disk is full, the lines before it are kept.

    Args:
        path: Where the file shall lie once it is closed.
        line: Turns a Track into its line, without the line's end.
        header: First line; none when empty.

    Raises:
        SinkError: Nothing can be written at `path`.
    """

    def __init__(self, path: Path, line: Callable[[Track], str], header: str = "") -> None:
        self._path = path
        self._line = line
        self._pending = PendingFile(path)
        self._size = 0  # bytes of whole lines
        self._num_written = 0  # tracks
        # Appending, because the position is past the end after a torn line was cut off.
        self._file = self._pending.temporary.open("ab", buffering=0)
        if header:
            self._begin(header)

    def write(self, frame: Frame, track: Track) -> None:
        """Append the line of `track`.

        Raises:
            SinkError: The disk is full or broken.
        """
        self._append(self._line(track))
        self._num_written += 1

    def close(self) -> None:
        """Put the file in its place. Calling it twice is allowed.

        Without any line of a track, what lies there stays as it was.

        Raises:
            SinkError: The file can't be completed.
        """
        self._file.close()
        if self._num_written:
            self._pending.place()
        else:
            _LOG.warning("%s is not written: it got no frame.", self._path)
            self._pending.discard()

    def _begin(self, header: str) -> None:
        try:
            self._append(header)
        except SinkError:
            self._file.close()
            self._pending.discard()
            raise

    def _append(self, line: str) -> None:
        rest = f"{line}\n".encode("ascii")
        size = self._size + len(rest)
        try:
            while rest:  # a disk that is almost full takes a part
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._file.truncate(self._size)
            raise SinkError(
                f"{self._path} can't grow beyond {self._size} bytes: {error.strerror}.",
                "Free space on its disk, or name another place; the lines so far are kept.",
            ) from error
        self._size = size
