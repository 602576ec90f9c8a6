"""Facts about LSOTB-TIR and PTB-TIR."""

from collections.abc import Callable
from pathlib import Path

import pytest

from thermedge.errors import DatasetError
from thermedge.evaluation import datasets
from thermedge.evaluation.metrics import OTB
from thermedge.geometry import Box

Write = Callable[..., Path]


def lsotb(root: Path, pictures: Write, label: Write, attributes: str) -> Path:
    for name in ("cat_D_001", "dog_H_002"):
        pictures(root / "sequences" / name / "img", 2)
        label(root / "anno" / f"{name}.txt", "5,6,7,8", "5,6,7,8")
    label(root / "anno" / "att" / "cat_D_001.txt", attributes)
    return root


@pytest.mark.parametrize(
    "attributes",
    [
        "1,0,1,0,0,0,0,0,0,0,0,0,0,0,1,0",
        "1 0 1 0 0 0 0 0 0 0 0 0 0 0 1 0",
        "1,0,1,0,0,0,0,0,0,0,0,0,0,0,1,0120",  # as one of the authors' files ends
    ],
)
def test_lsotb_is_read_with_its_attributes(
    tmp_path: Path, pictures: Write, label: Write, attributes: str
) -> None:
    data = datasets.read(lsotb(tmp_path, pictures, label, attributes))
    assert (data.layout.name, data.layout.conventions) == ("lsotb_tir", OTB)
    cat, dog = data.sequences
    assert cat.attributes == ("deformation", "distractor", "surveillance")
    assert dog.attributes == ()
    assert cat.box(0) == Box(4, 5, 7, 8)
    with cat.frames.open(1, None) as frames:
        assert [int(frame.counts[0, 0]) for frame in frames] == [2]


def test_too_few_flags_are_counted(tmp_path: Path, pictures: Write, label: Write) -> None:
    with pytest.raises(DatasetError, match="has 3 flags of 0 or 1, expected 16"):
        datasets.read(lsotb(tmp_path, pictures, label, "1,0,1"))


def test_ptb_is_read_from_its_own_folders(tmp_path: Path, pictures: Write, label: Write) -> None:
    pictures(tmp_path / "tirsequences" / "birds" / "img", 2, "{:08d}.png")
    label(tmp_path / "tiranno" / "birds.txt", "5,6,7,8", "5,6,7,8")
    label(tmp_path / "tiranno" / "att" / "birds.txt", "0,0,0,0,0,0,0,0,0,1")
    data = datasets.read(tmp_path)
    assert data.layout.name == "ptb_tir"
    assert data.sequences[0].attributes == ("thermal crossover",)


def test_a_missing_half_is_named(tmp_path: Path, pictures: Write) -> None:
    pictures(tmp_path / "sequences" / "cat" / "img", 2)
    with pytest.raises(DatasetError, match=r"holds no anno/; it holds sequences/"):
        datasets.read(tmp_path, "lsotb_tir")


def test_missing_pictures_are_counted(tmp_path: Path, pictures: Write, label: Write) -> None:
    folder = lsotb(tmp_path, pictures, label, "0" * 16)
    (folder / "sequences" / "cat_D_001" / "img" / "0002.png").unlink()
    with pytest.raises(DatasetError, match=r"holds 1 pictures, .*cat_D_001.txt labels 2"):
        datasets.read(folder)
