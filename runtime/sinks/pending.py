"""A file that is written beside its place and takes it when it is complete."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from pathlib import Path

from thermedge.errors import SinkError
from thermedge.files import replacing


class PendingFile:
    """Holds a temporary name beside `path` until the file is placed or discarded.

    A link stays one: the file lies where it leads to.

    Raises:
        SinkError: `path` is a folder, a pipe or a device, or nothing can be written where it
            should lie.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stack = ExitStack()
        if os.path.isdir(path):
            raise SinkError(f"{path} is a folder, expected a file.", "Name a file in it.")
        if os.path.exists(path) and not os.path.isfile(path):
            raise SinkError(
                f"{path} is a pipe or a device, which a file would replace.",
                "Name a file; to follow a run, send it to udp://HOST:PORT.",
            )
        place = Path(os.path.realpath(path)) if os.path.islink(path) else path
        try:
            self.temporary = self._stack.enter_context(replacing(place))
        except OSError as error:
            raise SinkError(
                f"{path} can't be written: {error.strerror}.",
                f"Make the folder {path.parent} writable (mkdir -p), or name another place.",
            ) from error

    def place(self) -> None:
        """Sync the file and give it its name. A second call does nothing.

        Raises:
            SinkError: The disk refuses; the temporary file is gone then.
        """
        try:
            self._stack.close()
        except OSError as error:
            raise SinkError(
                f"{self._path} can't take its place: {error.strerror}.",
                "Free or mount its disk, and run again.",
            ) from error

    def discard(self) -> None:
        """Remove the temporary file; `path` stays as it was."""
        with suppress(_Discarded), self._stack:
            raise _Discarded


class _Discarded(Exception):
    """Tells `replacing` that the file shall not take its place."""
