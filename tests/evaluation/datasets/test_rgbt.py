"""Facts about the benchmarks of a thermal and a visible camera."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from thermedge.errors import DatasetError
from thermedge.evaluation import datasets
from thermedge.evaluation.metrics import OTB

Write = Callable[..., Path]


def pair(root: Path, pictures: Write, thermal: str, visible: str, name: str = "{:04d}.png") -> Path:
    pictures(root / thermal, 2, name)
    pictures(root / visible, 2, name.replace("i{", "v{"))
    return root


def test_gtot_gives_corners_separated_by_blanks(
    tmp_path: Path, pictures: Write, label: Write
) -> None:
    place = pair(tmp_path / "BlackCar", pictures, "i", "v")
    label(place / "groundTruth_i.txt", "10 20 14 26", "10 20 14 26")
    label(place / "groundTruth_v.txt", "11 20 15 26", "11 20 15 26")
    data = datasets.read(tmp_path)
    (sequence,) = data.sequences
    assert data.layout.name == "gtot"
    assert sequence.truth.tolist() == [[10, 20, 4, 6]] * 2
    assert sequence.second_truth is not None
    assert sequence.second_truth.tolist() == [[11, 20, 4, 6]] * 2
    assert data.layout.conventions.precision_px == 5
    assert data.layout.conventions.invalid_prediction == "kept"


def test_rgbt234_has_a_truth_per_camera_and_attributes_per_set(
    tmp_path: Path, pictures: Write, label: Write
) -> None:
    for name, x in (("afterrain", 3), ("baby", 4)):
        place = pair(tmp_path / name, pictures, "infrared", "visible")
        label(place / "infrared.txt", f"{x},2,3,4", f"{x},2,3,4")
        label(place / "visible.txt", f"{x + 1},2,3,4", f"{x + 1},2,3,4")
    label(tmp_path / "attr_txt" / "SequencesName.txt", "afterrain", "baby")
    for attribute in ["BC", "CM", "DEF", "FM", "HO", "LI", "LR", "MB", "NO", "TC", "PO", "SC"]:
        label(tmp_path / "attr_txt" / f"{attribute}.txt", "0", "1" if attribute == "TC" else "0")
    data = datasets.read(tmp_path)
    rain, baby = data.sequences
    assert data.layout.name == "rgbt234"
    assert data.layout.conventions.invalid_prediction == "kept"
    assert (rain.attributes, baby.attributes) == ((), ("TC",))
    assert rain.second_truth is not None
    assert (rain.truth[0, 0], rain.second_truth[0, 0]) == (3, 4)


def test_rgbt210_has_one_file_for_both_cameras(
    tmp_path: Path, pictures: Write, label: Write
) -> None:
    place = pair(tmp_path / "afterrain", pictures, "infrared", "visible")
    label(place / "init.txt", "1,2,3,4", "1,2,3,4")
    (sequence,) = datasets.read(tmp_path).sequences
    np.testing.assert_array_equal(sequence.second_truth, sequence.truth)


def test_lasher_is_known_by_its_pictures_names(
    tmp_path: Path, pictures: Write, label: Write
) -> None:
    place = pair(tmp_path / "10runone", pictures, "infrared", "visible", "i{:06d}.png")
    label(place / "visible.txt", "1\t2\t3\t4", "1\t2\t3\t4")
    flags = ["0"] * 19
    flags[4] = "1"
    label(tmp_path / "AttriSeqsTxt" / "10runone.txt", *flags)
    data = datasets.read(tmp_path)
    (sequence,) = data.sequences
    assert (data.layout.name, data.layout.conventions) == ("lasher", OTB)
    assert sequence.attributes == ("MB",)
    assert sequence.second_truth is None


def test_vtuavs_labels_are_ten_pictures_apart(
    tmp_path: Path, pictures: Write, label: Write
) -> None:
    place = tmp_path / "bus_001"
    pictures(place / "ir", 13)
    pictures(place / "rgb", 13)
    label(place / "ir.txt", "1 2 3 4", "5 6 7 8")
    label(place / "rgb.txt", "2 2 3 4", "6 6 7 8")
    (sequence,) = datasets.read(tmp_path).sequences
    labelled = np.flatnonzero(np.isfinite(sequence.truth).all(axis=1))
    assert (len(sequence), labelled.tolist()) == (13, [0, 10])
    assert sequence.truth[10].tolist() == [5, 6, 7, 8]


def test_vtuavs_labels_may_also_be_of_every_picture(
    tmp_path: Path, pictures: Write, label: Write
) -> None:
    pictures(tmp_path / "bus" / "ir", 2)
    for name in ("ir.txt", "rgb.txt"):
        label(tmp_path / "bus" / name, "1 2 3 4", "5 6 7 8")
    (sequence,) = datasets.read(tmp_path).sequences
    assert sequence.truth.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    label(tmp_path / "bus" / "ir.txt", "1 2 3 4", "5 6 7 8", "1 2 3 4")
    with pytest.raises(DatasetError, match="has 3 labels for 2 pictures"):
        datasets.read(tmp_path)


def test_cameras_with_different_numbers_of_labels_are_refused(
    tmp_path: Path, pictures: Write, label: Write
) -> None:
    place = pair(tmp_path / "BlackCar", pictures, "i", "v")
    label(place / "groundTruth_i.txt", "10 20 14 26", "10 20 14 26")
    label(place / "groundTruth_v.txt", "11 20 15 26")
    with pytest.raises(DatasetError, match="has 2 labels, the visible camera's file 1"):
        datasets.read(tmp_path)


def test_a_pair_without_labels_says_what_is_there(tmp_path: Path, pictures: Write) -> None:
    pair(tmp_path / "afterrain", pictures, "infrared", "visible")
    with pytest.raises(DatasetError, match=r"neither infrared.txt nor init.txt; it holds infr"):
        datasets.read(tmp_path)
