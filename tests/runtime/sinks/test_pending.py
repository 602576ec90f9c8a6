"""Facts about files that take their place when they are complete."""

import os
from pathlib import Path

import pytest

from thermedge.errors import SinkError
from thermedge.runtime.sinks.pending import PendingFile


def test_the_file_appears_when_it_is_placed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old")
    pending = PendingFile(path)
    pending.temporary.write_text("new")
    assert path.read_text() == "old"
    pending.place()
    pending.place()
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_discarded_file_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old")
    pending = PendingFile(path)
    pending.temporary.write_text("new")
    pending.discard()
    pending.place()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"nowhere/a\.csv can't be written: No such file") as caught:
        PendingFile(tmp_path / "nowhere" / "a.csv")
    assert str(tmp_path / "nowhere") in caught.value.remedy


def test_a_place_below_a_file_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="can't be written: Not a directory"):
        PendingFile(tmp_path / "file" / "a.csv")


def test_a_folder_as_target_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(SinkError, match=r"a\.csv is a folder, expected a file"):
        PendingFile(tmp_path / "a.csv")


def test_a_folder_that_goes_away_meanwhile_is_an_error_when_placing(tmp_path: Path) -> None:
    folder = tmp_path / "stick"
    folder.mkdir()
    pending = PendingFile(folder / "a.csv")
    pending.temporary.unlink()
    folder.rmdir()
    with pytest.raises(SinkError, match="can't take its place: No such file"):
        pending.place()


def test_a_link_stays_and_the_file_lies_where_it_leads(tmp_path: Path) -> None:
    disk, link = tmp_path / "disk", tmp_path / "a.csv"
    disk.mkdir()
    link.symlink_to(disk / "b.csv")
    pending = PendingFile(link)
    pending.temporary.write_text("new")
    pending.place()
    assert link.is_symlink()
    assert (disk / "b.csv").read_text() == "new"
    assert list(disk.iterdir()) == [disk / "b.csv"]


def test_a_pipe_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "a.csv"
    os.mkfifo(pipe)
    with pytest.raises(SinkError, match=r"a\.csv is a pipe or a device"):
        PendingFile(pipe)
    assert pipe.is_fifo()
