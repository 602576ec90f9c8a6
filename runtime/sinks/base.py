"""The contract of everything that takes results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from thermedge.frame import Frame
from thermedge.runtime.track import Track


class Sink(Protocol):
    """Takes one Track per frame. Opened by `open_sink`, closed by its owner.

    A file appears under its name when the sink is closed, complete and with all frames
    so far; so the owner closes it on an error or interrupt too.
    """

    def write(self, frame: Frame, track: Track) -> None:
        """Take what the tracker said about `frame`; keep no reference to its counts.

        Raises:
            SinkError: The result can't be written.
        """
        ...

    def close(self) -> None:
        """Complete the file and put it in its place. Calling it twice is allowed.

        Raises:
            SinkError: The file can't be completed, or not be put in its place.
        """
        ...


@runtime_checkable
class Fallible(Protocol):
    """A source or a sink that goes on when something breaks, and counts it."""

    @property
    def faults(self) -> Mapping[str, int]:
        """What went wrong so far: name -> count. Empty while nothing did."""
        ...
