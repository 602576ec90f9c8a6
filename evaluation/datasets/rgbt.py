"""GTOT, RGBT210/RGBT234, LasHeR and VTUAV: a thermal and a visible recording each.

Only the thermal recording is shown to the tracker. Benchmarks whose two recordings are not
exactly aligned count, frame by frame, the truth that is met better (MPR, MSR); a box without
area is as far off as its middle.

Source: the Python package that reproduces the authors' numbers (opacity-black/RGBT_toolkit,
read at its commit 16b3f7c); VTUAV's label spacing is unconfirmed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thermedge.errors import DatasetError
from thermedge.evaluation.box_files import read_boxes, read_rows, read_text
from thermedge.evaluation.datasets.layout import (
    Layout,
    flagged,
    group_of,
    named,
    num_pictures,
    pictures_for,
)
from thermedge.evaluation.metrics import OTB, Conventions
from thermedge.evaluation.sequences import Recording, Sequence

_RGBT234_ATTRIBUTES = ("BC", "CM", "DEF", "FM", "HO", "LI", "LR", "MB", "NO", "TC", "PO", "SC")
_LASHER_ATTRIBUTES = (
    "NO", "PO", "TO", "HO", "MB", "LI", "HI", "AIV", "LR", "DEF", "BC", "SA", "CM", "TC", "FL",
    "OV", "FM", "SV", "ARC",
)  # fmt: skip
_GTOT_FORM = "NAME/i/ and NAME/v/ with pictures, NAME/groundTruth_i.txt: left top right bottom"
_RGBT234_FORM = "NAME/infrared/ and NAME/visible/ with pictures, NAME/infrared.txt: x,y,w,h"
_LASHER_FORM = "NAME/infrared/i*.jpg and NAME/visible/v*.jpg, NAME/visible.txt: x,y,w,h"
_VTUAV_FORM = "NAME/ir/ and NAME/rgb/ with pictures, NAME/ir.txt: x,y,w,h of every tenth picture"
_VTUAV_SPACING = 10  # pictures from one label to the next


def _folders(folder: Path, label: str) -> list[Path]:
    return sorted(path.parent for path in folder.glob(f"*/{label}"))


def _gtot(folder: Path) -> list[Sequence]:
    def sequence(path: Path) -> Sequence:
        thermal = path / "groundTruth_i.txt"
        truth, second = (_from_corners(path / f"groundTruth_{camera}.txt") for camera in "iv")
        recording = pictures_for(path / "i", truth, thermal)
        second = _same_length(second, truth, thermal)
        return Sequence(
            path.name, group_of(folder), Recording(recording), truth, second_truth=second
        )

    return [sequence(path) for path in _folders(folder, "groundTruth_i.txt")]


def _rgbt234(folder: Path) -> list[Sequence]:
    attributes = _listed_attributes(folder)

    def sequence(path: Path) -> Sequence:
        # RGBT210 has one file of labels for both cameras.
        labels = [named(path, [name, "init.txt"], _RGBT234_FORM) for name in _PAIR]
        truth, second = (read_boxes(path / name) for name in labels)
        recording = pictures_for(path / "infrared", truth, path / labels[0])
        return Sequence(
            path.name,
            group_of(folder),
            Recording(recording),
            truth,
            attributes=attributes.get(path.name, ()),
            second_truth=_same_length(second, truth, path / labels[0]),
        )

    return [sequence(path) for path in _pairs(folder)]


_PAIR = ("infrared.txt", "visible.txt")


def _pairs(folder: Path) -> list[Path]:
    return sorted(
        path.parent for path in folder.glob("*/infrared") if (path.parent / "visible").is_dir()
    )


def _is_lasher(folder: Path) -> bool:
    pairs = _pairs(folder)
    return bool(pairs) and any((pairs[0] / "infrared").glob("i[0-9]*.*"))


def _lasher(folder: Path) -> list[Sequence]:
    flags = next((p for p in (folder, folder.parent) if (p / "AttriSeqsTxt").is_dir()), folder)

    def sequence(path: Path) -> Sequence:
        label = path / named(path, ["visible.txt", "infrared.txt", "init.txt"], _LASHER_FORM)
        truth = read_boxes(label)
        recording = pictures_for(path / "infrared", truth, label)
        attributes = flagged(flags / "AttriSeqsTxt" / f"{path.name}.txt", _LASHER_ATTRIBUTES)
        return Sequence(path.name, group_of(folder), Recording(recording), truth, attributes)

    return [sequence(path) for path in _pairs(folder)]


def _vtuav(folder: Path) -> list[Sequence]:
    def sequence(path: Path) -> Sequence:
        label = path / "ir.txt"
        frames = num_pictures(path / "ir")
        truth = _spread(read_boxes(label), frames, label)
        second = _spread(read_boxes(path / "rgb.txt"), frames, path / "rgb.txt")
        return Sequence(
            path.name, group_of(folder), Recording(path / "ir"), truth, second_truth=second
        )

    return [sequence(path) for path in _folders(folder, "ir.txt")]


def _spread(labels: NDArray[np.float64], frames: int, path: Path) -> NDArray[np.float64]:
    """Return (frames, 4) with the labels at their pictures and NaN between them."""
    if len(labels) == frames > 0:
        return labels
    if not len(labels) or len(labels) != -(-frames // _VTUAV_SPACING):
        raise DatasetError(
            f"{path} has {len(labels)} labels for {frames} pictures.",
            "Expected one label per picture, or per ten pictures.",
        )
    truth = np.full((frames, 4), np.nan)
    truth[::_VTUAV_SPACING] = labels
    return truth


def _from_corners(path: Path) -> NDArray[np.float64]:
    corners = read_rows(path, (4,))
    return np.hstack([corners[:, :2], corners[:, 2:] - corners[:, :2]])


def _same_length(
    second: NDArray[np.float64], truth: NDArray[np.float64], path: Path
) -> NDArray[np.float64]:
    if len(second) != len(truth):
        raise DatasetError(
            f"{path} has {len(truth)} labels, the visible camera's file {len(second)}.",
            "Unpack the data set again.",
        )
    return second


def _listed_attributes(folder: Path) -> dict[str, tuple[str, ...]]:
    """Read RGBT234's files: one per attribute, a flag per sequence of SequencesName.txt."""
    place = next((p for p in (folder, folder.parent) if (p / "attr_txt").is_dir()), None)
    if place is None:
        return {}
    names = read_text(place / "attr_txt" / "SequencesName.txt").split()
    has = {
        attribute: set(flagged(place / "attr_txt" / f"{attribute}.txt", tuple(names)))
        for attribute in _RGBT234_ATTRIBUTES
    }
    return {name: tuple(a for a in _RGBT234_ATTRIBUTES if name in has[a]) for name in names}


GTOT = Layout(
    name="gtot",
    expected=_GTOT_FORM,
    fits=lambda folder: bool(_folders(folder, "groundTruth_i.txt")),
    read=_gtot,
    conventions=Conventions(
        invalid_prediction="kept",
        precision_px=5.0,
        precision_step_px=0.5,
        precision_within="<",
        area="trapezoid",
        average="frames",
    ),
)
RGBT234 = Layout(
    name="rgbt234",
    expected=_RGBT234_FORM,
    fits=lambda folder: bool(_pairs(folder)) and not _is_lasher(folder),
    read=_rgbt234,
    conventions=Conventions(invalid_prediction="kept"),
)
LASHER = Layout(
    name="lasher", expected=_LASHER_FORM, fits=_is_lasher, read=_lasher, conventions=OTB
)
VTUAV = Layout(
    name="vtuav",
    expected=_VTUAV_FORM,
    fits=lambda folder: bool(_folders(folder, "ir.txt")),
    read=_vtuav,
    conventions=Conventions(invalid_prediction="kept"),
)
