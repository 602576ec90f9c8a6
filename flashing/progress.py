"""Tell how far an installation is, in a file that anybody may read at any time."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

from thermedge.errors import ThermedgeError
from thermedge.files import replacing

_LOG = logging.getLogger(__name__)
FILE = "progress.json"


class Progress:
    """Notes every step in a JSON file, which is whole at any moment.

    Args:
        path: The file; None: nobody asked for one.
        version: The release that is installed.
        tell: Called with the name of every step.
    """

    def __init__(self, path: Path | None, version: str, tell: Callable[[str], None]) -> None:
        self._path, self._tell = path, tell
        self._values: dict[str, object] = {"version": version, "state": "running", "step": ""}
        self._done: list[dict[str, object]] = []
        self._began_s = time.monotonic()

    def step(self, name: str) -> None:
        """Begin the step `name`; the one before is done."""
        self._finish_step()
        self._values["step"] = name
        self._tell(name)
        self._write()

    def done(self) -> None:
        """Say that all steps succeeded."""
        self._finish_step()
        self._values |= {"state": "done", "step": ""}
        self._write()

    def failed(self, error: ThermedgeError) -> None:
        """Say what went wrong in the present step, and what to do."""
        self._values |= {"state": "failed", "problem": error.problem, "remedy": error.remedy}
        self._write()

    def _finish_step(self) -> None:
        now_s = time.monotonic()
        if self._values["step"]:
            seconds = round(now_s - self._began_s, 1)
            self._done.append({"step": self._values["step"], "seconds": seconds})
        self._began_s = now_s

    def _write(self) -> None:
        if self._path is None:
            return
        text = json.dumps({**self._values, "done": self._done, "at": int(time.time())}, indent=2)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self._path) as temporary:
                temporary.write_text(text + "\n", encoding="utf-8")
        except OSError as error:  # a full disk is told by the step that it stops
            _LOG.warning("%s can't be written: %s", self._path, error.strerror)
