"""Anti-UAV300, 410 and 600: labels that say of every frame whether the target is there.

Source: ZhaoJ9014/Anti-UAV, Eval/test.py read at its commit 1e4dd18.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermedge.errors import DatasetError
from thermedge.evaluation.box_files import read_boxes, read_text
from thermedge.evaluation.datasets.layout import VIDEOS, Layout, found, group_of, num_pictures
from thermedge.evaluation.metrics import Conventions, has_area
from thermedge.evaluation.sequences import Recording, Sequence

_LABELS = ("infrared.json", "IR_label.json", "infrared.txt", "IR_label.txt")
_RECORDINGS = ("infrared", "IR")  # a video of this name, or a folder of pictures
_EXPECTED = (
    'NAME/infrared.json or NAME/IR_label.json {"exist": [0|1, ...], "gt_rect": [[x,y,w,h], ...]} '
    "(or .txt with lines x,y,w,h, zeros where absent), beside infrared.mp4, IR.mp4, infrared/ "
    "or pictures"
)


def _labels(folder: Path) -> list[Path]:
    found_here = []
    for path in sorted(path for path in folder.iterdir() if path.is_dir()):
        label = next((path / name for name in _LABELS if (path / name).is_file()), None)
        if label is not None:
            found_here.append(label)
    return found_here


def _fits(folder: Path) -> bool:
    # RGB-T sets have an infrared.txt too, but with a visible/ beside it.
    return any(not (label.parent / "visible").is_dir() for label in _labels(folder))


def _sequence(label: Path, group: str) -> Sequence:
    folder = label.parent
    truth, absent = _from_json(label) if label.suffix == ".json" else _from_text(label)
    if not len(truth):
        raise DatasetError(f"{label} labels no frame.", "Unpack the data set again.")
    return Sequence(folder.name, group, Recording(_recording(folder)), truth, absent=absent)


def _from_json(path: Path) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    try:
        values: Any = json.loads(read_text(path))
        exist, boxes = values["exist"], values["gt_rect"]
        rows = [_row(path, number, box) for number, box in enumerate(boxes)]
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{path} is not what Anti-UAV writes: {error!r}.", f"Expected {_EXPECTED}."
        ) from error
    if len(exist) != len(rows):
        raise DatasetError(
            f"{path} has {len(exist)} flags 'exist' for {len(rows)} boxes.",
            "Unpack the data set again.",
        )
    absent = np.array([not flag for flag in exist], bool)
    truth = np.array(rows, np.float64).reshape(-1, 4)
    truth[absent] = np.nan
    return truth, absent


def _row(path: Path, number: int, box: list[float]) -> list[float]:
    """Return four numbers; an absent target's box is empty, or one zero."""
    if len(box) == 4:
        return [float(value) for value in box]
    if len(box) <= 1:
        return [float("nan")] * 4
    raise DatasetError(
        f"{path}: box {number} is {box}, expected four numbers or none.", "Unpack it again."
    )


def _from_text(path: Path) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    truth = read_boxes(path)
    absent = ~has_area(truth)
    truth[absent] = np.nan
    return truth, absent


def _recording(folder: Path) -> Path:
    for name in _RECORDINGS:
        for candidate in (*(folder / f"{name}{ending}" for ending in VIDEOS), folder / name):
            if candidate.exists():
                return candidate
    if num_pictures(folder):
        return folder
    raise DatasetError(
        f"{folder} holds neither infrared.mp4 nor pictures; it holds {found(folder)}.",
        f"Expected {_EXPECTED}.",
    )


ANTI_UAV = Layout(
    name="anti_uav",
    expected=_EXPECTED,
    fits=_fits,
    read=lambda folder: [_sequence(label, group_of(folder)) for label in _labels(folder)],
    conventions=Conventions(),
)
