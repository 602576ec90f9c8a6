"""Facts about LaSOT."""

from collections.abc import Callable
from pathlib import Path

import pytest

from thermedge.errors import DatasetError
from thermedge.evaluation import datasets
from thermedge.geometry import Box

Write = Callable[..., Path]


@pytest.mark.parametrize("above", ["airplane", "."])
def test_lasot_is_read_with_or_without_folders_of_classes(
    tmp_path: Path, pictures: Write, label: Write, above: str
) -> None:
    place = tmp_path / above / "airplane-1"
    pictures(place / "img", 3, "{:08d}.png")
    label(place / "groundtruth.txt", "5,6,7,8", "5,6,7,8", "0,0,0,0")
    label(place / "full_occlusion.txt", "0,1,0")
    label(place / "out_of_view.txt", "0,0,1")
    data = datasets.read(tmp_path)
    (sequence,) = data.sequences
    assert (data.layout.name, sequence.name, sequence.box(0)) == (
        "lasot", "airplane-1", Box(4, 5, 7, 8),
    )  # fmt: skip
    assert sequence.visible is not None
    assert sequence.visible.tolist() == [True, False, False]
    assert sequence.attributes == ("full occlusion", "out of view")


def test_flags_of_another_length_are_shown(tmp_path: Path, pictures: Write, label: Write) -> None:
    pictures(tmp_path / "a-1" / "img", 3)
    label(tmp_path / "a-1" / "groundtruth.txt", "5,6,7,8", "5,6,7,8", "5,6,7,8")
    label(tmp_path / "a-1" / "full_occlusion.txt", "0,1")
    with pytest.raises(DatasetError, match=r"full_occlusion.txt line 1 is '0,1', expected 3"):
        datasets.read(tmp_path)
    label(tmp_path / "a-1" / "full_occlusion.txt", "0,1,0", "0,1,0")
    with pytest.raises(DatasetError, match="has 2 lines, expected one with 3 flags"):
        datasets.read(tmp_path)
