"""Facts about OTB's layout and its four odd sequences."""

from collections.abc import Callable
from pathlib import Path

import pytest

from thermedge.errors import DatasetError
from thermedge.evaluation import datasets
from thermedge.geometry import Box

Write = Callable[..., Path]


def test_pictures_and_labels_from_1_are_read(tmp_path: Path, pictures: Write, label: Write) -> None:
    pictures(tmp_path / "Car4" / "img", 3)
    label(tmp_path / "Car4" / "groundtruth_rect.txt", "5\t6\t7\t8", "5\t6\t7\t8")
    data = datasets.read(tmp_path)
    (sequence,) = data.sequences
    assert data.layout.name == "otb"
    assert (sequence.name, len(sequence), sequence.box(0)) == ("Car4", 2, Box(4, 5, 7, 8))
    assert data.layout.conventions.overlaps == "matlab"


def test_two_targets_in_one_recording_are_two_sequences(
    tmp_path: Path, pictures: Write, label: Write
) -> None:
    pictures(tmp_path / "Jogging" / "img", 1)
    label(tmp_path / "Jogging" / "groundtruth_rect.1.txt", "1,2,3,4")
    label(tmp_path / "Jogging" / "groundtruth_rect.2.txt", "5,6,7,8")
    names = [one.name for one in datasets.read(tmp_path).sequences]
    assert names == ["Jogging.1", "Jogging.2"]


def test_an_empty_label_file_is_passed_over(tmp_path: Path, pictures: Write, label: Write) -> None:
    pictures(tmp_path / "Human4" / "img", 1)
    label(tmp_path / "Human4" / "groundtruth_rect.1.txt")
    label(tmp_path / "Human4" / "groundtruth_rect.2.txt", "5,6,7,8")
    (sequence,) = datasets.read(tmp_path).sequences
    assert sequence.name == "Human4"


@pytest.mark.parametrize(("count", "first"), [(303, 300), (3, 1)])
def test_davids_labels_begin_with_picture_300_unless_the_others_are_gone(
    tmp_path: Path, pictures: Write, label: Write, count: int, first: int
) -> None:
    pictures(tmp_path / "David" / "img", min(count, 255))
    for number in range(256, count + 1):  # their content does not matter
        source = tmp_path / "David" / "img" / "0001.png"
        source.with_name(f"{number:04d}.png").write_bytes(source.read_bytes())
    label(tmp_path / "David" / "groundtruth_rect.txt", "1,2,3,4", "1,2,3,4", "1,2,3,4")
    (sequence,) = datasets.read(tmp_path).sequences
    with sequence.frames.open(0, None) as frames:
        assert next(iter(frames)).index == first - 1


def test_missing_pictures_are_counted(tmp_path: Path, pictures: Write, label: Write) -> None:
    pictures(tmp_path / "Car4" / "img", 1)
    label(tmp_path / "Car4" / "groundtruth_rect.txt", "1,2,3,4", "1,2,3,4")
    with pytest.raises(DatasetError, match=r"img holds 1 pictures, .* labels 2"):
        datasets.read(tmp_path)
