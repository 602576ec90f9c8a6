import json
import os
import shutil

import pytest

from thermedge.runtime import signed_files
from thermedge.runtime.signed_files import SignatureError

DATA = bytes(range(256)) * 40


@pytest.fixture
def folder(tmp_path):
    signed_files.write(tmp_path / "a", "track", DATA, {"board": "Orin", "layers": [1, 2]})
    return tmp_path / "a"


def stored(folder):
    (path,) = [p for p in folder.iterdir() if p.name.startswith("track.") and p.suffix != ".json"]
    return path


def test_what_was_written_is_read_with_its_facts(folder):
    assert signed_files.read(folder, "track") == DATA
    assert signed_files.facts(folder, "track") == {"board": "Orin", "layers": [1, 2]}


def test_the_key_is_readable_by_its_owner_alone(folder):
    (key,) = folder.glob("*.key")
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_truncated_file_is_told_with_its_sizes(folder):
    os.truncate(stored(folder), 100)
    with pytest.raises(SignatureError, match="100 bytes of 10240"):
        signed_files.read(folder, "track")


@pytest.mark.parametrize("place", [0, 5000, len(DATA) - 1])
def test_one_flipped_bit_is_found(folder, place):
    changed = bytearray(DATA)
    changed[place] ^= 1
    stored(folder).write_bytes(changed)
    with pytest.raises(SignatureError, match="changed"):
        signed_files.read(folder, "track")


def test_a_note_with_another_fact_is_not_ours(folder):
    path = folder / "track.json"
    note = json.loads(path.read_text())
    note["facts"]["board"] = "Thor"
    path.write_text(json.dumps(note))
    with pytest.raises(SignatureError, match="not written by thermedge on this machine"):
        signed_files.facts(folder, "track")


def test_files_of_another_machine_are_not_ours(folder, tmp_path):
    other = tmp_path / "other"
    signed_files.write(other, "timings", b"x", {})
    for path in (stored(folder), folder / "track.json"):
        shutil.copy(path, other)
    with pytest.raises(SignatureError, match="not written by thermedge on this machine"):
        signed_files.read(other, "track")


def test_a_folder_whose_key_is_gone_holds_nothing_of_ours(folder):
    (folder / "machine.key").unlink()
    with pytest.raises(SignatureError, match="not written by"):
        signed_files.read(folder, "track")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", '{"signature": 3}', '{"file": "x"}'])
def test_a_damaged_note_is_told(folder, text):
    (folder / "track.json").write_text(text)
    with pytest.raises(SignatureError, match="damaged note"):
        signed_files.facts(folder, "track")


def test_a_file_without_a_note_is_as_if_it_were_not_there(folder):
    (folder / "track.json").unlink()
    with pytest.raises(FileNotFoundError):
        signed_files.read(folder, "track")


def test_a_missing_file_is_told(folder):
    stored(folder).unlink()
    with pytest.raises(SignatureError, match="missing"):
        signed_files.read(folder, "track")


def test_a_new_file_takes_the_old_one_s_place(folder):
    before = stored(folder)
    signed_files.write(folder, "track", b"newer", {})
    assert signed_files.read(folder, "track") == b"newer"
    assert not before.exists()


def test_a_write_that_fails_leaves_the_old_file_readable(folder, monkeypatch):
    def full(self, *arguments, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    with pytest.raises(OSError, match="No space"):
        signed_files.write(folder, "track", b"newer", {})
    monkeypatch.undo()
    assert signed_files.read(folder, "track") == DATA


def test_a_damaged_key_is_told_and_replaced_by_the_next_write(folder):
    (folder / "machine.key").write_bytes(b"short")
    with pytest.raises(SignatureError, match="key is damaged"):
        signed_files.read(folder, "track")
    signed_files.write(folder, "track", b"newer", {})
    assert signed_files.read(folder, "track") == b"newer"
