"""Facts about GOT-10k."""

from collections.abc import Callable
from pathlib import Path

import pytest

from thermedge.errors import DatasetError
from thermedge.evaluation import datasets

Write = Callable[..., Path]
META = ("[METAINFO]", "url: https://example.org/a%20b", "resolution: (32, 24)")


@pytest.fixture
def folder(tmp_path: Path, pictures: Write, label: Write) -> Path:
    place = pictures(tmp_path / "GOT-10k_Val_000001", 3, "{:08d}.png")
    label(place / "groundtruth.txt", "1.5,2,3,4", "1.5,2,3,4", "1.5,2,3,4")
    label(place / "cover.label", "8", "0", "3")
    label(place / "absence.label", "0", "1", "0")
    label(place / "meta_info.ini", *META)
    label(tmp_path / "list.txt", place.name)
    return tmp_path


def test_frames_without_a_visible_target_are_marked(folder: Path) -> None:
    data = datasets.read(folder)
    (sequence,) = data.sequences
    assert data.layout.name == "got10k"
    assert sequence.visible is not None
    assert sequence.absent is not None
    assert sequence.visible.tolist() == [True, False, True]
    assert sequence.absent.tolist() == [False, True, False]
    assert sequence.frame_px == (32, 24)


def test_the_authors_conventions_are_the_default(folder: Path) -> None:
    conventions = datasets.read(folder).layout.conventions
    assert (conventions.first_frame, conventions.bounded, conventions.average) == (
        "skipped", True, "frames",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("cover.label", "8\n8\n", "has 2 lines, expected 3"),
        ("meta_info.ini", "resolution: (32, 24)\n", "can't be understood"),
        ("meta_info.ini", "[METAINFO]\nurl: x\n", "can't be understood"),
        ("meta_info.ini", "[METAINFO]\nresolution: wide\n", "has the resolution 'wide'"),
    ],
)
def test_a_wrong_file_is_named(folder: Path, name: str, text: str, complaint: str) -> None:
    (folder / "GOT-10k_Val_000001" / name).write_text(text)
    with pytest.raises(DatasetError, match=complaint) as caught:
        datasets.read(folder)
    assert name in caught.value.problem


def test_the_test_sets_single_box_is_refused_as_too_few(folder: Path) -> None:
    (folder / "GOT-10k_Val_000001" / "groundtruth.txt").write_text("1,2,3,4\n")
    with pytest.raises(DatasetError, match="has 3 lines, expected 1"):
        datasets.read(folder)
