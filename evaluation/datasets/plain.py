"""The plain form: `groundtruth.txt` beside `video.*` or numbered pictures."""

from __future__ import annotations

from pathlib import Path

from thermedge.errors import DatasetError
from thermedge.evaluation.box_files import read_boxes
from thermedge.evaluation.datasets.layout import (
    PICTURES,
    VIDEOS,
    Layout,
    found,
    group_of,
    num_pictures,
)
from thermedge.evaluation.metrics import PLAIN
from thermedge.evaluation.sequences import Recording, Sequence

_TRUTH = "groundtruth.txt"
_EXPECTED = (
    "NAME/groundtruth.txt with a line x,y,w,h per frame (nan,nan,nan,nan: no label), beside one "
    f"video ({' '.join(VIDEOS)}) or numbered pictures ({' '.join(PICTURES)})"
)


def _folders(folder: Path) -> list[Path]:
    if (folder / _TRUTH).is_file():
        return [folder]
    return sorted(path.parent for path in folder.glob(f"*/{_TRUTH}"))


def _read(folder: Path) -> list[Sequence]:
    """Read one sequence, or all of a folder; a single one's group is the folder around it."""
    folders = _folders(folder)
    around = folder.resolve().parent if folders == [folder] else folder
    return [_sequence(path, group_of(around)) for path in folders]


def _sequence(folder: Path, group: str) -> Sequence:
    truth = read_boxes(folder / _TRUTH)
    if not len(truth):
        raise DatasetError(
            f"{folder / _TRUTH} is empty.", "Write one line per frame, or remove the sequence."
        )
    return Sequence(folder.resolve().name, group, Recording(_recording(folder)), truth)


def _recording(folder: Path) -> Path:
    videos = sorted(path for path in folder.iterdir() if path.suffix.lower() in VIDEOS)
    if len(videos) == 1:
        return videos[0]
    if videos:
        names = ", ".join(path.name for path in videos)
        raise DatasetError(f"{folder} holds {names}, expected one video.", "Keep one of them.")
    if not num_pictures(folder):
        raise DatasetError(
            f"{folder} holds neither a video nor a picture; it holds {found(folder)}.",
            f"Expected {_EXPECTED}.",
        )
    return folder


PLAIN_FORM = Layout(
    name="plain",
    expected=_EXPECTED,
    fits=lambda folder: bool(_folders(folder)),
    read=_read,
    conventions=PLAIN,
    protocol="short",
)
