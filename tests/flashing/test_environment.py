import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from thermedge.errors import BoardError
from thermedge.flashing import environment

TINY = runpy.run_path(str(Path(__file__).with_name("tiny_wheels.py")))


@pytest.fixture
def house(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "PYTHON", sys.executable)
    found = TINY["write_wheelhouse"](tmp_path / "house")
    if found is None:
        pytest.skip("this Python brings no pip to install with")
    return found


def test_programs_of_the_wheels_run_and_a_complete_environment_stays(house, tmp_path):
    folder = tmp_path / "made"
    environment.make(house, folder)
    done = subprocess.run([folder / "bin/track-camera", "--help"], check=False)
    assert done.returncode == 0
    (folder / "mark").touch()
    environment.make(house, folder)
    assert (folder / "mark").exists()
    (folder / ".complete").unlink()  # as if the power had gone
    environment.make(house, folder)
    assert not (folder / "mark").exists()


def test_a_broken_wheel_leaves_nothing(house, tmp_path):
    next(house.glob("thermedge-*")).write_bytes(TINY["write_wheel"](tmp_path).read_bytes())
    (house / "broken-1-py3-none-any.whl").write_bytes(b"PK\5\6" + bytes(18))
    with pytest.raises(BoardError, match="could not be installed") as told:
        environment.make(house, tmp_path / "made")
    assert "make wheelhouse BOARD_PYTHON=3." in told.value.remedy
    assert not (tmp_path / "made").exists()


def test_a_wheel_for_another_machine_is_refused_at_once(house, tmp_path):
    (house / "numpy-2-cp39-cp39-manylinux_2_17_s390x.whl").touch()
    with pytest.raises(BoardError, match="does not run on the board"):
        environment.make(house, tmp_path / "made")


def test_a_disk_without_room_is_told_in_megabytes(tmp_path):
    environment.check_room(tmp_path, 1, "a byte")
    with pytest.raises(BoardError, match=r"MB free, and the packages need \d+ MB"):
        environment.check_room(tmp_path, 1 << 60, "the packages")


def test_a_disk_that_fills_meanwhile_is_named(house, tmp_path, monkeypatch):
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho 'OSError: [Errno 28] No space left on device' >&2; exit 1\n")
    script.chmod(0o755)
    monkeypatch.setattr(environment, "PYTHON", str(script))
    with pytest.raises(BoardError, match="ran full"):
        environment.make(house, tmp_path / "made")
    assert "made" not in os.listdir(tmp_path)


def test_the_minor_version_is_that_of_this_python():
    assert environment.minor() == sys.version_info.minor


def test_half_a_removed_environment_is_made_anew(house, tmp_path, monkeypatch):
    folder = tmp_path / "made"
    environment.make(house, folder)
    (folder / "mark").touch()
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda path: None)  # as if cut off at once
        environment.remove(folder)
    environment.make(house, folder)
    assert not (folder / "mark").exists()
    environment.remove(folder)
    assert not folder.exists()


@pytest.mark.parametrize("where", ["a variable", "a file"])
def test_settings_of_pip_never_lead_the_packages_elsewhere(house, tmp_path, monkeypatch, where):
    if where == "a variable":
        monkeypatch.setenv("PIP_TARGET", str(tmp_path / "elsewhere"))
    else:
        (tmp_path / "pip.conf").write_text(f"[install]\ntarget = {tmp_path}/elsewhere\n")
        monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    environment.make(house, tmp_path / "made")
    assert (tmp_path / "made/bin/track-camera").is_file()
    assert not (tmp_path / "elsewhere").exists()
