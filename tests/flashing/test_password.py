"""Facts about passwords on their way to a board."""

import os
import re
import shutil
import subprocess

import pytest

from thermedge.errors import BoardError
from thermedge.flashing import password

SHADOW = "root:*:20000:0:99999:7:::\ntracker:$1$old$hash:20001:0:99999:7:::\ntracker2:!:1::::::\n"


@pytest.fixture
def rootfs(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/shadow").write_text(SHADOW)
    (tmp_path / "etc/shadow").chmod(0o640)
    return tmp_path


def test_one_field_of_one_user_changes(rootfs):
    password.put(rootfs, "tracker", "$6$new$hash")
    expected = SHADOW.replace("$1$old$hash", "$6$new$hash")
    assert (rootfs / "etc/shadow").read_text() == expected


def test_nobody_else_may_read_it_afterwards(rootfs):
    before = (rootfs / "etc/shadow").stat()
    password.put(rootfs, "tracker", password.LOCKED)
    after = (rootfs / "etc/shadow").stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        *(before.st_mode, before.st_uid, before.st_gid),
    )
    assert os.listdir(rootfs / "etc") == ["shadow"]


def test_the_same_value_twice_is_no_error(rootfs):
    for _ in range(2):
        password.put(rootfs, "tracker", "$6$new$hash")
    expected = SHADOW.replace("$1$old$hash", "$6$new$hash")
    assert (rootfs / "etc/shadow").read_text() == expected


def test_a_user_who_is_missing_is_told(rootfs):
    with pytest.raises(BoardError, match="no user 'track'"):
        password.put(rootfs, "track", password.LOCKED)
    assert (rootfs / "etc/shadow").read_text() == SHADOW


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(BoardError, match="can't be written"):
        password.put(tmp_path, "tracker", password.LOCKED)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_a_hash_is_salted_sha512_that_belongs_to_the_password():
    value = password.hashed("correct horse")
    assert re.fullmatch(r"\$6\$[^$]+\$[./0-9A-Za-z]{86}", value)
    assert value != password.hashed("correct horse")
    salt = value.split("$")[2]
    argv = ["openssl", "passwd", "-6", "-salt", salt, "-stdin"]
    again = subprocess.run(argv, input=b"correct horse\n", capture_output=True, check=True)
    assert again.stdout.decode().strip() == value


def test_without_openssl_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BoardError, match="openssl"):
        password.hashed("x")


def test_the_first_line_of_a_file_is_the_password(tmp_path):
    (tmp_path / "pw").write_text("two words \nmore\n")
    assert password.read(tmp_path / "pw") == "two words "


@pytest.mark.parametrize("content", [b"", b"\nx", b"\xff\xfe"])
def test_a_file_without_one_is_told(tmp_path, content):
    (tmp_path / "pw").write_bytes(content)
    with pytest.raises(BoardError):
        password.read(tmp_path / "pw")


def test_a_password_that_openssl_would_cut_short_is_refused(tmp_path):
    path = tmp_path / "pw"
    path.write_text("a" * 256)
    assert password.read(path) == "a" * 256
    path.write_text("a" * 255 + "ä")
    with pytest.raises(BoardError, match="longer than 256 bytes"):
        password.read(path)


def test_the_mark_that_windows_begins_a_file_with_is_no_part_of_a_password(tmp_path):
    (tmp_path / "pw").write_bytes(b"\xef\xbb\xbfhunter2\r\n")
    assert password.read(tmp_path / "pw") == "hunter2"
