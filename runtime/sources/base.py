"""The contract of everything that delivers frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from thermedge.frame import Frame
from thermedge.geometry import Box


class FrameSource(Protocol):
    """Frames in the order the sensor took them. Opened by `open_source`, closed by its owner."""

    width_px: int
    height_px: int
    rate_hz: float  # nominal
    live: bool  # True: frames that nobody takes in time are gone; False: a recording waits
    num_frames: int | None  # None when it is not known beforehand

    @property
    def faults(self) -> Mapping[str, int]:
        """What went wrong so far: name -> count. Empty while nothing did."""
        ...

    @property
    def start_box(self) -> Box | None:
        """The target in the first frame, px; only generated scenes know it."""
        ...

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames whose counts are valid until the next one is asked for.

        A source is gone over once; open it again to begin anew.

        Raises:
            SourceError: The stream breaks in the middle.
        """
        ...

    def __enter__(self) -> FrameSource:
        """Return itself."""
        ...

    def __exit__(self, *error: object) -> None:
        """Close."""
        ...

    def close(self) -> None:
        """Let go of the file or device. Calling it twice is allowed.

        May be called from another thread: an iteration that waits there ends.
        """
        ...
