"""LaSOT: `CLASS/NAME/img/` with `groundtruth.txt` and two files of flags.

Frames where the target is fully occluded or out of view are left out; otherwise it is scored
as OTB is.

Source: HengLan/LaSOT_Evaluation_Toolkit, utils/calc_seq_err_robust.m read at its commit 41c7933.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thermedge.errors import DatasetError
from thermedge.evaluation.box_files import read_boxes, read_rows
from thermedge.evaluation.datasets.layout import Layout, group_of, pictures_for
from thermedge.evaluation.metrics import OTB
from thermedge.evaluation.sequences import Recording, Sequence

_FLAGS = ("full_occlusion.txt", "out_of_view.txt")
_EXPECTED = (
    "CLASS/NAME/img/ (or NAME/img/) with numbered pictures, groundtruth.txt (x,y,w,h from 1,1), "
    "full_occlusion.txt and out_of_view.txt"
)


def _folders(folder: Path) -> list[Path]:
    paths = (*folder.glob(f"*/{_FLAGS[0]}"), *folder.glob(f"*/*/{_FLAGS[0]}"))
    return sorted({path.parent for path in paths}, key=lambda path: path.name)


def _sequence(folder: Path, group: str) -> Sequence:
    label = folder / "groundtruth.txt"
    truth = read_boxes(label)
    recording = pictures_for(folder / "img", truth, label)
    both = {
        "full occlusion": _flags(folder / _FLAGS[0], len(truth)),
        "out of view": _flags(folder / _FLAGS[1], len(truth)),
    }
    absent = both["full occlusion"] | both["out of view"]
    return Sequence(
        folder.name,
        group,
        Recording(recording),
        truth,
        attributes=tuple(name for name, flags in both.items() if flags.any()),
        absent=absent,
        visible=~absent,
        origin_px=1.0,
    )


def _flags(path: Path, frames: int) -> NDArray[np.bool_]:
    """Return one flag per frame; the file has them all in one line."""
    flags = read_rows(path, (frames,))
    if len(flags) != 1:
        raise DatasetError(
            f"{path} has {len(flags)} lines, expected one with {frames} flags.",
            "Unpack the data set again.",
        )
    return np.asarray(flags[0] > 0)


LASOT = Layout(
    name="lasot",
    expected=_EXPECTED,
    fits=lambda folder: bool(_folders(folder)),
    read=lambda folder: [_sequence(path, group_of(folder)) for path in _folders(folder)],
    conventions=OTB,
)
