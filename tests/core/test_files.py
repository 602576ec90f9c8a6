"""Facts about files that are never half-written."""

import hashlib
import os
from pathlib import Path

import pytest

from thermedge.files import replace_folder, replacing, sha256_of, strangers, sync


def test_the_new_content_takes_the_place_of_the_old(tmp_path: Path) -> None:
    path = tmp_path / "track.csv"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_sees_the_old_content_until_the_end(tmp_path: Path) -> None:
    path = tmp_path / "track.csv"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("half of the n")
        assert path.read_text() == "old"


def test_a_failure_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "track.csv"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:  # noqa: PT012
        temporary.write_text("half")
        _ = 1 / 0
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_makes_no_file_where_none_was(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "new.csv"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_the_temporary_name_keeps_folder_and_suffix(tmp_path: Path) -> None:
    # numpy.savez appends .npz and cv2 chooses the format by the suffix; a rename is only
    # atomic within one folder.
    with replacing(tmp_path / "golden.npz") as temporary:
        assert (temporary.parent, temporary.suffix) == (tmp_path, ".npz")


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_the_file_is_as_readable_as_any_other_new_file(
    tmp_path: Path, mask: int, mode: int
) -> None:
    before = os.umask(mask)
    try:
        with replacing(tmp_path / "new"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == mode


def test_a_missing_folder_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "missing" / "new"):
        pass


def test_a_folder_takes_the_place_of_another(tmp_path: Path) -> None:
    draft, folder = tmp_path / "draft", tmp_path / "folder"
    for each, text in ((draft, "new"), (folder, "old")):
        each.mkdir()
        (each / text).write_text(text)
    replace_folder(draft, folder)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    assert [path.name for path in folder.iterdir()] == ["new"]


def test_a_folder_that_cannot_be_replaced_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft, folder = tmp_path / "draft", tmp_path / "folder"
    draft.mkdir()
    folder.mkdir()
    (folder / "old").write_text("old")
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self == draft:
            raise OSError("no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OSError, match="no"):
        replace_folder(draft, folder)
    assert (folder / "old").read_text() == "old"


def test_a_file_and_a_folder_can_be_synced(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    sync(path)
    sync(tmp_path)
    assert path.read_bytes() == b"content"


def test_the_checksum_is_the_published_one(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    # FIPS 180-4, the one-block example
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_of(path) == expected


def test_the_checksum_reaches_past_the_first_block(tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096 + b"the end"  # 1 MiB and a bit
    path = tmp_path / "large"
    path.write_bytes(content)
    assert sha256_of(path) == hashlib.sha256(content).hexdigest()


def test_what_is_not_known_in_a_folder_is_named_in_order(tmp_path: Path) -> None:
    for name in ("b.txt", "known", ".hidden"):
        (tmp_path / name).touch()
    assert strangers(tmp_path, {"known", "missing"}) == [".hidden", "b.txt"]
