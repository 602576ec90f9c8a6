"""What the page and its API say about the run: status, newest track, health."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import asdict
from typing import Any

from thermedge.runtime import board_state
from thermedge.runtime.control import Control
from thermedge.runtime.preview.feed import Feed, Newest
from thermedge.runtime.preview.history import History
from thermedge.runtime.preview.recorder import Recorder
from thermedge.runtime.sinks.jsonl import as_json

_BOARD_S = 1.0  # so often are the board's sensors read, and only while somebody asks
_SILENT_S = 5.0  # without a frame for so long, the run is not healthy


class Told:
    """Puts together what the parts of a run know.

    Args:
        control: Knows how the run goes.
        feed: Knows the newest frame and track.
        history: Knows the last two minutes.
        recorder: Knows whether a recording is being made.
        source: How the source is called.
        tracker: How the tracker is called.
    """

    def __init__(
        self,
        control: Control,
        feed: Feed,
        *,
        history: History,
        recorder: Recorder,
        source: str,
        tracker: str,
    ) -> None:
        self._control, self._feed, self._history = control, feed, history
        self._recorder = recorder
        self._names = {"source": source, "tracker": tracker}
        self._board: dict[str, Any] = {}
        self._board_s = -_BOARD_S

    async def status(self) -> dict[str, Any]:
        """Return how the run goes: that of the control socket, and what the page shows."""
        await self._read_board()
        newest = self._feed.newest
        run = self._recorder.run
        return {
            **self._control.status(),
            **self._names,
            "fps_now": round(self._history.fps, 1),
            "now_s": round(self._history.now_s, 2),
            "sensor": None if newest is None else _sensor(newest),
            "recording": {
                "folder": str(self._recorder.folder),
                "run": None if run is None else run.name,
            },
            "board": self._board,
        }

    def track(self) -> dict[str, Any] | None:
        """Return the newest track as in .jsonl files, None before the first frame."""
        newest = self._feed.newest
        return None if newest is None else json.loads(as_json(newest.track))

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Return whether frames come, and since when none did."""
        newest = self._feed.newest
        if newest is None:
            return False, {"ok": False, "state": "starting"}
        silent_s = time.monotonic() - newest.came_s
        is_well = silent_s < _SILENT_S
        return is_well, {"ok": is_well, "silent_s": round(silent_s, 3)}

    async def _read_board(self) -> None:
        now = time.monotonic()
        if now - self._board_s < _BOARD_S:
            return
        self._board_s = now
        loop = asyncio.get_running_loop()
        self._board = asdict(await loop.run_in_executor(None, board_state.read))


def _sensor(newest: Newest) -> dict[str, Any]:
    frame = newest.frame
    return {
        "width": frame.width_px,
        "height": frame.height_px,
        "bits": frame.bits,
        "shutter": frame.shutter,
        "sensor_c": frame.sensor_c,
        "is_radiometric": frame.kelvin is not None,
    }
