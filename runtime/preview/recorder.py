"""A recording that can be started and ended while the tracker runs."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thermedge.errors import ThermedgeError
from thermedge.frame import Frame
from thermedge.runtime.recording import Quota, RecordingSink
from thermedge.runtime.track import Track

_LOG = logging.getLogger(__name__)


class Recorder:
    """A sink that records from `start` to `stop`; each time becomes a run in the folder.

    Args:
        folder: Made when the first recording starts.
        quota: Of the folder.
        source: How the source is called.
        rate_hz: Its nominal rate.
        is_live: A camera can't wait for the disk.
        starts_at_once: Record from the first frame on.
    """

    def __init__(
        self,
        folder: Path,
        *,
        quota: Quota,
        source: str,
        rate_hz: float,
        is_live: bool,
        starts_at_once: bool = False,
    ) -> None:
        self._folder, self._quota = folder, quota
        self._about: dict[str, Any] = {"source": source, "rate_hz": rate_hz, "is_live": is_live}
        self._must_start = starts_at_once
        self._switching = threading.Lock()  # one start or stop at a time; may take long
        self._using = threading.Lock()  # while a frame goes in; never long
        self._sink: RecordingSink | None = None
        self._past: Counter[str] = Counter()

    @property
    def folder(self) -> Path:
        """Where recordings go."""
        return self._folder

    @property
    def run(self) -> Path | None:
        """The folder of the recording that is being made, None while there is none.

        One that the disk has ended is none.
        """
        sink = self._sink
        return None if sink is None or sink.has_failed else sink.folder

    @property
    def faults(self) -> Mapping[str, int]:
        """Frames that are missing in any of the recordings."""
        sink = self._sink
        return self._past if sink is None else self._past + Counter(sink.faults)

    def start(self) -> Path:
        """Begin a recording and return its folder. May wait for the disk.

        Raises:
            ThermedgeError: One is being made already, or nothing can be written.
        """
        with self._switching:
            if (run := self.run) is not None:
                raise ThermedgeError(f"{run} is being recorded already.", "End it first.")
            return self._begin()

    def stop(self) -> Path | None:
        """Complete the recording and return its folder, None if there was none. May wait."""
        with self._switching:
            self._must_start = False
            return self._complete()

    def write(self, frame: Frame, track: Track) -> None:
        """Hand the frame to the recording, if there is one."""
        if self._must_start:
            self._start_at_once()
        with self._using:
            if self._sink is not None:
                self._sink.write(frame, track)

    def close(self) -> None:
        """Complete the recording. Calling it twice is allowed."""
        self.stop()

    def _start_at_once(self) -> None:
        """Begin, unless the page did so, or ended it, before the first frame."""
        with self._switching:
            if self._must_start:
                self._begin()

    def _begin(self) -> Path:
        self._complete()
        sink = RecordingSink(self._folder, quota=self._quota, **self._about)
        with self._using:
            self._sink = sink
        self._must_start = False
        _LOG.info("recording to %s", sink.folder)
        return sink.folder

    def _complete(self) -> Path | None:
        with self._using:
            sink, self._sink = self._sink, None
        if sink is None:
            return None
        sink.close()
        self._past.update(sink.faults)
        _LOG.info("recorded %s", sink.folder)
        return sink.folder
