"""The newest frame of a live source: older ones are gone, what they told is not."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from thermedge.frame import Counts, Frame
from thermedge.runtime.sources.base import FrameSource

_LOG = logging.getLogger(__name__)

_PATIENCE_S = 2.0  # a source that delivers ends within a frame; one that waits must be closed


def newest(source: FrameSource) -> Generator[Frame, None, None]:
    """Yield the newest frame whenever one is asked for; older ones are gone.

    A thread reads the source into three buffers: one being filled, one waiting, one in
    the tracker's hands. The frames lost show as gaps in `Frame.index`; their events come
    with the next frame that is delivered.

    When the caller has enough while the source waits for a frame, the source is closed:
    that is what ends its wait.

    Raises:
        ThermedgeError: What broke the source, when its last good frame was taken.
    """
    box = _Mailbox()
    thread = threading.Thread(target=box.fill, args=(source,), name="frames", daemon=True)
    thread.start()
    try:
        while (frame := box.take()) is not None:
            yield frame
    finally:
        box.stop()
        thread.join(_PATIENCE_S)
        if thread.is_alive():
            source.close()
            thread.join(_PATIENCE_S)
        if thread.is_alive():
            _LOG.warning("The source still waits for a frame and is left alone.")


class _Buffer:
    """Room for one frame."""

    def __init__(self) -> None:
        self.counts: Counts = np.empty((0, 0), np.uint8)
        self._visible: NDArray[np.uint8] = np.empty((0, 0), np.uint8)

    def copy(self, frame: Frame) -> Frame:
        """Return `frame` with its pictures copied here."""
        if self.counts.shape != frame.counts.shape or self.counts.dtype != frame.counts.dtype:
            self.counts = np.empty_like(frame.counts)
        np.copyto(self.counts, frame.counts)
        if frame.visible is None:
            return replace(frame, counts=self.counts)
        if self._visible.shape != frame.visible.shape:
            self._visible = np.empty_like(frame.visible)
        np.copyto(self._visible, frame.visible)
        return replace(frame, counts=self.counts, visible=self._visible)


class _Mailbox:
    """Holds the newest frame between the reading thread and the tracker."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._buffers = [_Buffer() for _ in range(3)]
        self._waiting: Frame | None = None
        self._taken: Frame | None = None
        self._error: BaseException | None = None
        self._ended = self._stopped = False

    def fill(self, source: FrameSource) -> None:
        """Read the source until it ends, breaks, or nobody wants frames any more."""
        try:
            for frame in source:
                if self._stopped:
                    break
                self._put(frame)
        except BaseException as error:  # noqa: BLE001 - raised again where frames are taken
            self._error = error
        with self._condition:
            self._ended = True
            self._condition.notify()

    def _put(self, frame: Frame) -> None:
        with self._condition:
            held = [seen.counts for seen in (self._waiting, self._taken) if seen is not None]
        # A frame that is taken meanwhile stays among those held: two of three at most.
        free = next(b for b in self._buffers if not any(b.counts is counts for counts in held))
        copied = free.copy(frame)
        with self._condition:
            if self._waiting is not None and self._waiting.events:
                copied = replace(copied, events=self._waiting.events + copied.events)
            self._waiting = copied
            self._condition.notify()

    def take(self) -> Frame | None:
        """Wait for a frame newer than the last one; None at the end."""
        with self._condition:
            self._taken = None
            self._condition.wait_for(lambda: self._waiting is not None or self._ended)
            if self._waiting is None:
                if self._error is not None:
                    raise self._error
                return None
            self._taken, self._waiting = self._waiting, None
            return self._taken

    def stop(self) -> None:
        """Tell the reading thread to go."""
        self._stopped = True
