"""OTB-2013, OTB-50 and OTB-100: `NAME/img/` with `NAME/groundtruth_rect.txt`.

Source: the benchmark's page of sequences, and Wu, Lim, Yang, PAMI 2015.
"""

from __future__ import annotations

from pathlib import Path

from thermedge.errors import DatasetError
from thermedge.evaluation.box_files import read_rows, read_text
from thermedge.evaluation.datasets.layout import Layout, group_of, num_pictures
from thermedge.evaluation.metrics import OTB
from thermedge.evaluation.sequences import Recording, Sequence

_TRUTH = "groundtruth_rect*.txt"
_EXPECTED = "NAME/img/ with numbered pictures and NAME/groundtruth_rect.txt, x y w h from 1,1"
# The labels of these begin later than the pictures; of some others the pictures go on
# after the last label, which needs no rule.
_FIRST_PICTURE = {"david": 299}


def _labels(folder: Path) -> list[Path]:
    """Return the label files; Jogging and Skating2 have two, one of Human4's is empty."""
    return sorted(path for path in folder.glob(f"*/{_TRUTH}") if read_text(path).strip())


def _read(folder: Path) -> list[Sequence]:
    labels = _labels(folder)
    folders = [path.parent for path in labels]
    group = group_of(folder)
    sequences = []
    for path in labels:
        several = folders.count(path.parent) > 1
        name = path.parent.name + (path.stem.removeprefix("groundtruth_rect") if several else "")
        sequences.append(_sequence(name, group, path))
    return sequences


def _sequence(name: str, group: str, label: Path) -> Sequence:
    truth = read_rows(label, (4,))
    folder = label.parent
    pictures = num_pictures(folder / "img")
    first = _FIRST_PICTURE.get(folder.name.lower(), 0)
    # Some copies of David come without the pictures before the first label.
    first = first if pictures >= first + len(truth) else 0
    if pictures < len(truth):
        raise DatasetError(
            f"{folder / 'img'} holds {pictures} pictures, {label} labels {len(truth)}.",
            f"Expected {_EXPECTED}.",
        )
    return Sequence(name, group, Recording(folder / "img", first=first), truth, origin_px=1.0)


OTB_LAYOUT = Layout(
    name="otb",
    expected=_EXPECTED,
    fits=lambda folder: any(folder.glob(f"*/{_TRUTH}")),
    read=_read,
    conventions=OTB,
)
