"""GOT-10k: numbered pictures with `groundtruth.txt`, `cover.label` and `meta_info.ini`.

Source: got-10k/toolkit, read at its commit 62b8fa0: boxes cut to the picture, the first frame
left out, and only frames whose target is not covered; the mean is over frames of all sequences.
"""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thermedge.errors import DatasetError
from thermedge.evaluation.box_files import read_boxes, read_rows, read_text
from thermedge.evaluation.datasets.layout import Layout, group_of, pictures_for
from thermedge.evaluation.metrics import Conventions
from thermedge.evaluation.sequences import Recording, Sequence

_EXPECTED = (
    "NAME/ with numbered pictures, groundtruth.txt (x,y,w,h), cover.label and meta_info.ini; "
    "the test set's truth is not public"
)


def _read(folder: Path) -> list[Sequence]:
    return [
        _sequence(path.parent, group_of(folder)) for path in sorted(folder.glob("*/meta_info.ini"))
    ]


def _sequence(folder: Path, group: str) -> Sequence:
    label = folder / "groundtruth.txt"
    truth = read_boxes(label)
    recording = pictures_for(folder, truth, label)
    size = _frame_px(folder / "meta_info.ini")
    visible = _flags(folder / "cover.label", len(truth)) > 0
    absent = _flags(folder / "absence.label", len(truth)) > 0
    return Sequence(
        folder.name,
        group,
        Recording(recording),
        truth,
        absent=absent,
        visible=visible,
        frame_px=size,
    )


def _flags(path: Path, frames: int) -> NDArray[np.float64]:
    """Return one number per frame."""
    flags = read_rows(path, (1,))[:, 0]
    if len(flags) != frames:
        raise DatasetError(
            f"{path} has {len(flags)} lines, expected {frames}.", "Unpack the data set again."
        )
    return flags


def _frame_px(path: Path) -> tuple[int, int]:
    """Return (width, height) from the line `resolution: (1920, 1080)`."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(read_text(path), source=str(path))
        text = parser.get("METAINFO", "resolution")
    except configparser.Error as error:
        raise DatasetError(
            f"{path} can't be understood: {' '.join(str(error).split())}.",
            "Expected a section [METAINFO] with resolution: (WIDTH, HEIGHT).",
        ) from error
    numbers = re.findall(r"\d+", text)
    if len(numbers) != 2:
        raise DatasetError(
            f"{path} has the resolution {text!r}.", "Expected resolution: (WIDTH, HEIGHT)."
        )
    return int(numbers[0]), int(numbers[1])


GOT10K = Layout(
    name="got10k",
    expected=_EXPECTED,
    fits=lambda folder: any(folder.glob("*/meta_info.ini")),
    read=_read,
    conventions=Conventions(first_frame="skipped", bounded=True, average="frames"),
)
