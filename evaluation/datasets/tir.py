"""LSOTB-TIR and PTB-TIR: pictures in one tree, labels in another.

Source: the authors' MATLAB toolkits (QiaoLiuHit/LSOTB-TIR, PTB-TIR_Evaluation_toolkit). The
recordings and labels of LSOTB-TIR are for academic use only: nothing is shipped here.
"""

from __future__ import annotations

from pathlib import Path

from thermedge.errors import DatasetError
from thermedge.evaluation.box_files import read_boxes
from thermedge.evaluation.datasets.layout import Layout, flagged, found, group_of, pictures_for
from thermedge.evaluation.metrics import OTB
from thermedge.evaluation.sequences import Recording, Sequence

_LSOTB_ATTRIBUTES = (
    "deformation", "occlusion", "distractor", "background clutter", "out of view",
    "scale variation", "fast motion", "motion blur", "thermal crossover", "intensity variation",
    "low resolution", "aspect ratio variation", "vehicle-mounted", "drone-mounted",
    "surveillance", "hand-held",
)  # fmt: skip
_PTB_ATTRIBUTES = (
    "deformation", "occlusion", "scale variation", "background clutter", "low resolution",
    "fast motion", "motion blur", "out of view", "intensity variation", "thermal crossover",
)  # fmt: skip


def _reader(pictures: str, labels: str, attributes: tuple[str, ...]) -> Layout:
    name = {"sequences": "lsotb_tir", "tirsequences": "ptb_tir"}[pictures]
    expected = (
        f"{pictures}/NAME/img/ with numbered pictures and {labels}/NAME.txt, x,y,w,h from 1,1 "
        f"(attributes in {labels}/att/NAME.txt)"
    )

    def read(folder: Path) -> list[Sequence]:
        for part in (pictures, labels):
            if not (folder / part).is_dir():
                raise DatasetError(
                    f"{folder} holds no {part}/; it holds {found(folder)}.",
                    f"Expected {expected}.",
                )
        return [sequence(folder, path) for path in sorted((folder / labels).glob("*.txt"))]

    def sequence(folder: Path, label: Path) -> Sequence:
        truth = read_boxes(label)
        recording = pictures_for(folder / pictures / label.stem / "img", truth, label)
        return Sequence(
            label.stem,
            group_of(folder),
            Recording(recording),
            truth,
            attributes=flagged(label.parent / "att" / label.name, attributes),
            origin_px=1.0,
        )

    def fits(folder: Path) -> bool:
        return (folder / pictures).is_dir() and (folder / labels).is_dir()

    return Layout(name, expected, fits, read, OTB)


LSOTB_TIR = _reader("sequences", "anno", _LSOTB_ATTRIBUTES)
PTB_TIR = _reader("tirsequences", "tiranno", _PTB_ATTRIBUTES)
