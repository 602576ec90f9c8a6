"""Facts about what keeps a user from a path."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from thermedge.paths import barrier

NOBODY = 65534  # on Linux


@pytest.fixture
def out_of_reach(tmp_path: Path) -> Iterator[Path]:
    """A file in a folder that this user may not enter."""
    folder, user = tmp_path / "closed", os.geteuid()
    folder.mkdir()
    (folder / "file").touch()
    folder.chmod(0)
    if user == 0:  # root may enter any
        os.seteuid(NOBODY)
    try:
        yield folder / "file"
    finally:
        os.seteuid(user)
        folder.chmod(0o700)


@pytest.mark.parametrize("name", ["", "nowhere", "file/below", "zero\0byte"])
def test_nothing_keeps_one_from_what_is_there_or_missing(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    assert barrier(tmp_path / name) == ""


def test_a_folder_that_may_not_be_entered_is_told(out_of_reach: Path) -> None:
    assert barrier(out_of_reach) == "Permission denied"


def test_a_name_that_is_too_long_is_told(tmp_path: Path) -> None:
    assert barrier(tmp_path / ("a" * 300)) == "File name too long"
