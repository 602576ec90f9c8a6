"""Facts about recognising layouts."""

from collections.abc import Callable
from pathlib import Path

import pytest

from thermedge.errors import DatasetError
from thermedge.evaluation import datasets, plan


def test_every_layout_loads_and_names_a_protocol_that_exists() -> None:
    for name in datasets.LAYOUTS:
        layout = datasets._load(name)
        assert layout.name == name
        assert layout.protocol in plan.names()
        assert layout.expected


def test_the_plain_form_is_recognised(plain: Callable[..., Path]) -> None:
    folder = plain({"b": 2, "a": 3})
    for layout in ("auto", "plain"):
        data = datasets.read(folder, layout)
        assert data.layout.name == "plain"
        assert [(one.name, len(one)) for one in data.sequences] == [("a", 3), ("b", 2)]


def test_an_unknown_layout_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="No layout is called 'coco'") as caught:
        datasets.read(tmp_path, "coco")
    assert "lsotb_tir" in caught.value.remedy


@pytest.mark.parametrize("name", ["nothing", "file"])
def test_what_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DatasetError, match=r"does not exist|is not a folder"):
        datasets.read(tmp_path / name)


def test_an_unknown_folder_is_told_what_it_holds_and_what_was_expected(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "labels.json").write_text("{}")
    with pytest.raises(DatasetError) as caught:
        datasets.read(tmp_path)
    assert "holds images/, labels.json" in caught.value.problem
    for name in datasets.LAYOUTS:
        assert f"\n    {name}: " in caught.value.remedy


@pytest.mark.parametrize("layout", datasets.LAYOUTS)
def test_a_named_layout_that_is_not_there_says_what_it_expected(
    tmp_path: Path, layout: str
) -> None:
    (tmp_path / "images").mkdir()
    with pytest.raises(DatasetError) as caught:
        datasets.read(tmp_path, layout)
    text = str(caught.value)
    assert "images/" in text or "list.txt" in text
    if not layout.startswith("vot"):
        assert datasets._load(layout).expected in text


def test_the_recordings_beside_the_checkout_are_in_the_plain_form(shared: Path) -> None:
    data = datasets.read(shared / "sequences" / "drone_ir" / "val")
    assert {one.group for one in data.sequences} == {"drone_ir/val"}
    labelled = [one for one in data.sequences if one.start is not None]
    assert (len(data.sequences), len(labelled)) == (28, 27)


def test_data_sets_of_one_name_are_refused(plain: Callable[..., Path]) -> None:
    read = [datasets.read(plain({"clip": 2}, f"{day}/set/val")) for day in ("monday", "tuesday")]
    datasets.check_names(read[:1])
    with pytest.raises(DatasetError, match="Two data sets are called 'set/val'"):
        datasets.check_names(read)
