"""The log of a run: JSON lines, the minutes trained, and the curves drawn from them."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from thermedge.files import replacing
from thermedge.training import curves
from thermedge.training.curves import Entry
from thermedge.training.validate import Tried

log = logging.getLogger(__name__)

LOG = "log.jsonl"
CURVES = "curves.svg"


class Record:
    """Appends to a run's log; minutes go on where the log of a stopped run left them.

    At step 0 the log starts empty: what an older run left there belongs to none of its steps.

    An entry has `step`, `samples` and `minutes` of training, without packing and
    validation; and either the figures of the steps before it, or `success_auc`: folder ->
    mean, low and high of the 95 % interval, and `clips`: folder -> clip -> success AUC.
    """

    def __init__(self, folder: Path, name: str, step: int) -> None:
        self._folder, self._name = folder, name
        if not step:
            (folder / LOG).unlink(missing_ok=True)
        self._file = (folder / LOG).open("a+", encoding="utf-8", buffering=1)  # line by line
        _end_line(self._file)
        self._before = minutes_at(step, entries(folder / LOG))
        self._began = time.monotonic()

    def __enter__(self) -> Record:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    @property
    def seconds(self) -> float:
        """Return how long this process has trained."""
        return time.monotonic() - self._began

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let the time of the body not count as training."""
        began = time.monotonic()
        yield
        self._began += time.monotonic() - began

    def write(self, step: int, samples: int, figures: Mapping[str, float]) -> None:
        """Append the figures of the last steps."""
        self._append(step, samples, dict(figures))

    def validated(self, step: int, samples: int, found: Mapping[str, Tried]) -> None:
        """Append the scores of a validation."""
        rows = {
            group: [round(value, 4) for value in astuple(tried.mean)]
            for group, tried in found.items()
        }
        clips = {
            group: {name: round(value, 4) for name, value in tried.clips.items()}
            for group, tried in found.items()
        }
        self._append(step, samples, {"success_auc": rows, "clips": clips})

    def draw(self) -> None:
        """Draw the curves of the log anew."""
        drawing = curves.draw(self._name, entries(self._folder / LOG))
        with replacing(self._folder / CURVES) as temporary:
            temporary.write_text(drawing, encoding="utf-8")

    def _append(self, step: int, samples: int, rest: Mapping[str, Any]) -> None:
        minutes = round(self._before + self.seconds / 60, 3)
        entry = {"step": step, "samples": samples, "minutes": minutes, **rest}
        self._file.write(json.dumps(entry) + "\n")


def _end_line(file: TextIO) -> None:
    """Let the next entry begin a line, after whatever was written last."""
    if file.tell():
        file.seek(file.tell() - 1)
        if file.read() != "\n":
            file.write("\n")


def entries(path: Path) -> list[Entry]:
    """Return the entries of a log in the order of steps; [] if there is none.

    A run that was killed does some steps twice: what was written last counts. A machine
    that lost its power leaves half a line, which is skipped.
    """
    if not path.exists():
        return []
    found: dict[tuple[bool, int], Entry] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            entry = json.loads(line)
        except ValueError:
            log.warning("line %d of %s is not whole", number, path)
            continue
        if "minutes" not in entry:  # a log of an older version
            entry["minutes"] = entry["samples"] / entry["samples_per_s"] / 60
        found["success_auc" in entry, entry["step"]] = entry
    return sorted(found.values(), key=lambda entry: float(entry["step"]))


def minutes_at(step: int, known: list[Entry]) -> float:
    """Return the minutes trained up to `step`, by the pace up to the entry before it."""
    usable = [entry for entry in known if entry["step"] <= step] or known[:1]
    if not usable:
        return 0.0
    return float(usable[-1]["minutes"]) * step / float(usable[-1]["step"])
