import pwd
from pathlib import Path

import pytest

from thermedge.errors import BoardError
from thermedge.flashing import proof
from thermedge.flashing.layout import Layout
from thermedge.flashing.payload import Release

OURS = pwd.getpwuid(0).pw_name


def release(board=""):
    return Release(format=1, version="v1", board=board, user=OURS, environment=None, files={})


@pytest.fixture
def folder(tmp_path):
    """A release whose programs do as scripts say."""
    (tmp_path / "release/venv/bin").mkdir(parents=True)
    (tmp_path / "release/bundle").mkdir()
    (tmp_path / "root/var/lib/thermedge").mkdir(parents=True)
    return tmp_path / "release"


@pytest.fixture
def layout(folder):
    return Layout(folder.parent / "root")


def program(folder, name, script):
    path = folder / "venv/bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_the_self_test_runs_with_the_backend_of_the_service_in_the_boards_folders(folder, layout):
    conf = folder / "system/etc/thermedge/track.conf"
    conf.parent.mkdir(parents=True)
    conf.write_text('TRACK_ARGUMENTS="v4l2:auto --backend trt --precision int8"\n')
    program(folder, "track-camera", 'echo "$@ $THERMEDGE_CACHE $HOME"')
    line = proof.self_test(release(), folder, layout)
    assert f"--self-test --bundle {folder}/bundle --backend trt --precision int8" in line
    assert str(layout.cache) in line
    assert str(layout.state) in line


@pytest.mark.parametrize(
    ("line", "flags"),
    [
        ("TRACK_ARGUMENTS='v4l2:auto --backend trt'", ["--backend", "trt"]),
        ("TRACK_ARGUMENTS=v4l2:auto --backend  trt", ["--backend", "trt"]),
        ('TRACK_ARGUMENTS="v4l2:auto \\\n --precision=int8"', ["--precision", "int8"]),
        ('TRACK_ARGUMENTS="a --backend ort"\nTRACK_ARGUMENTS="a"', []),
        ("# Stra\udcdfe\n TRACK_ARGUMENTS='a --backend ort'", ["--backend", "ort"]),
    ],
)
def test_the_self_test_reads_an_edited_configuration_as_the_service_does(
    folder, layout, line, flags
):
    conf = folder / "system/etc/thermedge/track.conf"
    conf.parent.mkdir(parents=True)
    conf.write_text(line + "\n", errors="surrogateescape")
    program(folder, "track-camera", 'shift 3; printf "%s\\n" "$@"')
    assert proof.self_test(release(), folder, layout).split() == flags


def test_its_failure_is_told_in_its_own_words(folder, layout):
    program(
        folder, "track-camera", "echo 'self-test failed: Lost.'; echo 'fix: Train.' >&2; exit 1"
    )
    with pytest.raises(BoardError, match=r"v1 failed its self-test: Lost\.") as told:
        proof.self_test(release(), folder, layout)
    assert told.value.remedy == "Train."


def test_a_crash_tells_its_last_line(folder, layout):
    program(folder, "track-camera", "echo 'Illegal instruction' >&2; exit 132")
    with pytest.raises(BoardError, match="it gave 132 and said Illegal instruction"):
        proof.self_test(release(), folder, layout)


def test_a_program_that_is_missing_is_told(folder, layout):
    with pytest.raises(BoardError, match="can't be run"):
        proof.self_test(release(), folder, layout)


def test_an_engine_is_built_only_where_tensorrt_is(folder, layout):
    program(folder, "thermedge", f'echo "$@" >> {folder}/built; test ! -e {folder}/bad')
    program(folder, "python", "exit 1")
    proof.build_engine(release(), folder, layout)
    assert not (folder / "built").exists()
    program(folder, "python", "exit 0")
    proof.build_engine(release(), folder, layout)
    assert (folder / "built").read_text() == f"build {folder}/bundle\n"
    (folder / "bad").touch()
    with pytest.raises(BoardError, match="engine can't be built"):
        proof.build_engine(release(), folder, layout)


def test_a_release_for_another_board_is_refused(folder, layout):
    program(folder, "python", "echo orin-nx-16gb orin-nx-16gb-super")
    proof.check_board(release("orin-nx-16gb"), folder, layout)
    proof.check_board(release(), folder, layout)
    with pytest.raises(BoardError, match="made for thor-t5000, and this board is orin-nx-16gb or"):
        proof.check_board(release("thor-t5000"), folder, layout)
    program(folder, "python", "")  # a machine that does not tell
    proof.check_board(release("thor-t5000"), folder, layout)


def test_the_folders_of_the_service_are_made(folder, layout):
    proof.make_user(release(), folder, layout)
    assert layout.state.is_dir()
    assert layout.cache.is_dir()


def test_a_user_that_can_not_be_made_is_told(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))  # no systemd-sysusers
    nobody = Release(format=1, version="v", board="", user="te-nobody", environment=None, files={})
    with pytest.raises(BoardError, match="no user te-nobody"):
        proof.make_user(nobody, folder, Layout(Path("/")))


def test_an_engine_may_take_longer_than_the_self_test(folder, layout, monkeypatch):
    monkeypatch.setattr(proof, "_SELF_TEST_S", 0.3)
    program(folder, "python", "exit 0")
    program(folder, "thermedge", f"sleep 1; touch {folder}/built")
    program(folder, "track-camera", "sleep 1")
    proof.build_engine(release(), folder, layout)
    assert (folder / "built").exists()
    with pytest.raises(BoardError, match=r"track-camera did not end within 0\.3 s"):
        proof.self_test(release(), folder, layout)
