"""Read the result files that other toolkits write, to score them side by side with ours.

| toolkit | file of one sequence | content |
|---|---|---|
| PySOT, LasHeR | NAME.txt, TRACKER_NAME.txt | x,y,w,h or 8 corner coordinates |
| pytracking, OSTrack | NAME.txt | the same, by tabs |
| GOT-10k | NAME/NAME_001.txt | the same, beside NAME_time.txt (s) |
| VOT | NAME/NAME_001.txt, baseline/NAME/NAME_001.txt | and 1, 2, 0: start, failure, skipped |
| Anti-UAV | NAME.txt, NAME_IR.txt, NAME.json | {"res": [[x,y,w,h] or [], ...]} |
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermedge.errors import DatasetError, ThermedgeError
from thermedge.evaluation.box_files import read_boxes, read_rows, read_text, upright
from thermedge.evaluation.results import Event, Result, Row
from thermedge.evaluation.sequences import Sequence

_Xywh = tuple[float, float, float, float]
_NAN_BOX: _Xywh = (math.nan, math.nan, math.nan, math.nan)
# VOT writes these in place of a box.
_VOT_EVENTS: dict[float, Event] = {1.0: "start", 2.0: "failed", 0.0: "skipped"}


@dataclass(frozen=True, slots=True)
class Foreign:
    """The results of one tracker."""

    name: str
    folder: Path

    def load(self, sequence: Sequence) -> tuple[Result | None, str]:
        """Read the result of a sequence.

        Returns:
            The result, None if there is no file; and what was odd about it, or "". A file
            that is too long is cut, one that is too short misses the remaining frames.

        Raises:
            DatasetError: The file is malformed.
        """
        path = self._file(sequence)
        if path is None:
            return None, f"{self.name} has no result of {sequence.name}"
        rows = _rows(path)
        frames, came = len(sequence), len(rows)
        missing: tuple[_Xywh, Event] = (_NAN_BOX, "tracked")
        rows = [*rows[:frames], *[missing] * (frames - came)]
        ms = (_seconds(path, frames) * 1e3).tolist()
        numbered = [
            Row(number, x, y, w, h, math.nan, ms[number], event, "")
            for number, ((x, y, w, h), event) in enumerate(rows)
        ]
        result = Result(tuple(numbered[sequence.start or 0 :]), labels=sequence.digest)
        if came == frames:
            return result, ""
        what = "the rest is cut" if came > frames else "the missing ones count as misses"
        return result, f"{path} has {came} boxes for {frames} frames: {what}"

    def _file(self, sequence: Sequence) -> Path | None:
        name = sequence.name
        group = sequence.group.replace("/", "_")
        for candidate in (
            f"{name}.txt",
            f"{name}/{name}_001.txt",
            f"{self.name}_{name}.txt",
            f"{name}_IR.txt",
            f"{name}.json",
            f"{group}/{name}.txt",
        ):
            if (self.folder / candidate).is_file():
                return self.folder / candidate
        experiments = sorted(self.folder.glob(f"*/{name}/{name}_001.txt"))
        return experiments[0] if experiments else None


def parse_named(text: str) -> Foreign:
    """Read NAME=FOLDER; the folder's own name serves where none is given.

    Raises:
        DatasetError: It is not a folder.
    """
    name, mark, place = text.rpartition("=")
    folder = Path(place if mark else text)
    if not folder.is_dir():
        raise DatasetError(
            f"The results {folder} are not a folder.",
            "Give NAME=FOLDER with one file per sequence.",
        )
    return Foreign(name or folder.resolve().name, folder)


def check_names(others: Iterable[Foreign], taken: Iterable[str]) -> None:
    """Refuse two trackers of one name: one's scores would stand under the other's.

    Args:
        others: Whose results are read.
        taken: The names of all other trackers and of their runs.

    Raises:
        ThermedgeError: A name is there twice.
    """
    known = set(taken)
    for other in others:
        if other.name in known:
            raise ThermedgeError(
                f"Two trackers are called {other.name!r}.",
                "Name the one whose results are read: --results NAME=FOLDER.",
            )
        known.add(other.name)


def _rows(path: Path) -> list[tuple[_Xywh, Event]]:
    """Return box and event of every frame in the file."""
    text = read_text(path)
    if text.lstrip().startswith("{"):
        return [(box, "tracked") for box in _anti_uav(path, text)]
    if any(_is_code(line) for line in text.splitlines()[:1]):
        return _vot(path, text)
    boxes = read_boxes(path)
    boxes[~np.isfinite(boxes).all(axis=1)] = np.nan
    return [((x, y, w, h), "tracked") for x, y, w, h in boxes.tolist()]


def _is_code(line: str) -> bool:
    try:
        return float(line) in _VOT_EVENTS
    except ValueError:
        return False


def _vot(path: Path, text: str) -> list[tuple[_Xywh, Event]]:
    rows: list[tuple[_Xywh, Event]] = []
    for number, line in enumerate(text.split(), 1):
        try:
            numbers = [float(cell) for cell in line.split(",")]
        except ValueError:
            numbers = []
        if len(numbers) == 1 and numbers[0] in _VOT_EVENTS:
            rows.append((_NAN_BOX, _VOT_EVENTS[numbers[0]]))
        elif len(numbers) in (4, 8):
            box = np.array([numbers])
            x, y, w, h = (upright(box) if len(numbers) == 8 else box)[0].tolist()
            rows.append(((x, y, w, h), "tracked"))
        else:
            raise DatasetError(
                f"{path} line {number} is {line!r}, expected 1, 2, 0, or 4 or 8 numbers.",
                "Write VOT's baseline form, or boxes only.",
            )
    return rows


def _anti_uav(path: Path, text: str) -> list[_Xywh]:
    try:
        boxes: Any = json.loads(text)["res"]
        return [_four(box) if len(box) == 4 else _NAN_BOX for box in boxes]
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{path} is not what Anti-UAV's trackers write: {error!r}.",
            'Write {"res": [[x,y,w,h] or [], ...]}.',
        ) from error


def _four(box: list[float]) -> _Xywh:
    x, y, w, h = (float(value) for value in box)
    return x, y, w, h


def _seconds(path: Path, frames: int) -> NDArray[np.float64]:
    """Return the time of every frame from the file beside, NaN where there is none."""
    stem = path.stem.removesuffix("_001")
    times = np.full(frames, np.nan)
    place = path.with_name(f"{stem}_time.txt")
    if place.is_file():
        # GOT-10k keeps one column per repetition.
        known = read_rows(place, (1, 2, 3))[:frames, 0]
        times[: len(known)] = known
    return times
