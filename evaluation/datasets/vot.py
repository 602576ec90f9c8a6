"""VOT-TIR2015, VOT-TIR2016/2017 and other sets in VOT's form.

The tags of frames become attributes of the sequences that have such frames.

Source: votchallenge/toolkit (2026-05) and votchallenge/vot-toolkit (2020-11).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from thermedge.errors import DatasetError
from thermedge.evaluation.box_files import read_rows, read_text, upright
from thermedge.evaluation.datasets.layout import Layout, found, group_of, pictures_for
from thermedge.evaluation.metrics import Conventions
from thermedge.evaluation.sequences import Recording, Sequence

_EXPECTED = (
    "list.txt with the sequences' names, and NAME/groundtruth.txt with x,y,w,h or a polygon "
    "x1,y1,...,x4,y4 per frame, beside the pictures or above color/ or ir/"
)
_CHANNELS = ("ir", "infrared", "thermal", "color", "img")  # folders, the first there is taken


def _read(folder: Path) -> list[Sequence]:
    names = [name.strip() for name in read_text(folder / "list.txt").splitlines() if name.strip()]
    missing = [name for name in names if not (folder / name).is_dir()]
    if missing:
        raise DatasetError(
            f"{folder / 'list.txt'} lists {missing[0]!r}, which is not there; "
            f"{folder} holds {found(folder)}.",
            f"Expected {_EXPECTED}.",
        )
    return [_sequence(folder / name, group_of(folder)) for name in names]


def _sequence(folder: Path, group: str) -> Sequence:
    label = folder / "groundtruth.txt"
    rows = read_rows(label, (4, 8))
    polygons = rows if rows.shape[1] == 8 else None
    truth = rows if polygons is None else upright(polygons)
    channels = [folder / name for name in _CHANNELS if (folder / name).is_dir()]
    recording = pictures_for(channels[0] if channels else folder, truth, label)
    tags = tuple(path.stem for path in sorted(folder.glob("*.tag")) if read_rows(path, (1,)).any())
    return Sequence(folder.name, group, Recording(recording), truth, tags, polygons=polygons)


def _fits(folder: Path) -> bool:
    return (folder / "list.txt").is_file() and any(folder.glob("*/groundtruth.txt"))


VOT = Layout(
    name="vot",
    expected=_EXPECTED,
    fits=_fits,
    read=_read,
    conventions=Conventions(bounded=True),
    protocol="vot_reset",
)
# The same files; its toolkit did not cut boxes to the frame. Only found by its name.
VOT_TIR2015 = replace(VOT, name="vot_tir2015", conventions=Conventions(bounded=False))
