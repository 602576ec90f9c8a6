"""Facts about Anti-UAV: absent targets are kept as absent."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thermedge.errors import DatasetError
from thermedge.evaluation import datasets
from thermedge.evaluation.sequences import Recording

Write = Callable[..., Path]
LABELS = {"exist": [1, 0, 0, 1, 0], "gt_rect": [[1, 2, 3, 4], [], [0], [5, 6, 7, 8], [0, 0, 0, 0]]}


def written(folder: Path, values: Any, name: str = "IR_label.json") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(values))
    return folder


def test_absent_targets_have_no_truth_but_are_marked(tmp_path: Path, pictures: Write) -> None:
    pictures(written(tmp_path / "01_1667", LABELS), 5)
    data = datasets.read(tmp_path)
    (sequence,) = data.sequences
    assert data.layout.name == "anti_uav"
    assert sequence.absent is not None
    assert sequence.absent.tolist() == [False, True, True, False, True]
    assert np.isnan(sequence.truth[[1, 2, 4]]).all()
    assert sequence.truth[3].tolist() == [5, 6, 7, 8]


@pytest.mark.parametrize(
    ("label", "recording"),
    [
        ("infrared.json", "infrared.mp4"),
        ("IR_label.json", "IR.mp4"),
        ("infrared.json", "infrared"),
        ("IR_label.json", "."),
    ],
)
def test_the_recording_has_any_of_the_names_in_use(
    tmp_path: Path, pictures: Write, label: str, recording: str
) -> None:
    folder = written(tmp_path / "seq", LABELS, label)
    written(tmp_path / "seq", LABELS, "visible.json")
    if recording.endswith(".mp4"):
        (folder / recording).write_bytes(b"not opened here")
    else:
        pictures(folder / recording, 5)
    (sequence,) = datasets.read(tmp_path).sequences
    assert sequence.frames == Recording(folder / recording)


def test_the_text_form_has_zeros_where_the_target_is_absent(
    tmp_path: Path, pictures: Write
) -> None:
    pictures(tmp_path / "seq", 2)
    (tmp_path / "seq" / "IR_label.txt").write_text("1,2,3,4\n0,0,0,0\n")
    (sequence,) = datasets.read(tmp_path).sequences
    assert sequence.absent is not None
    assert sequence.absent.tolist() == [False, True]


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ([1, 2], "is not what Anti-UAV writes"),
        ({"exist": [1]}, "KeyError"),
        ({"exist": [1], "gt_rect": [[1, 2, 3, 4], []]}, "has 1 flags 'exist' for 2 boxes"),
        ({"exist": [1], "gt_rect": [[1, 2, 3]]}, r"box 0 is \[1, 2, 3\]"),
        ({"exist": [], "gt_rect": []}, "labels no frame"),
    ],
)
def test_wrong_labels_are_refused(tmp_path: Path, values: Any, complaint: str) -> None:
    written(tmp_path / "seq", values)
    with pytest.raises(DatasetError, match=complaint):
        datasets.read(tmp_path)


def test_a_label_without_recording_says_what_is_there(tmp_path: Path) -> None:
    written(tmp_path / "seq", LABELS)
    with pytest.raises(DatasetError, match=r"it holds IR_label.json"):
        datasets.read(tmp_path)
