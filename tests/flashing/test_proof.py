"""Facts about proving a release on its board."""

import pytest

from thermedge.errors import BoardError
from thermedge.flashing import payload, proof
from thermedge.flashing.layout import CONFIGURATION, Layout


@pytest.fixture
def release():
    values = {"board": "x", "user": "tracker", "environment": None, "files": {}}
    return payload.Release(format=1, version="7", **values)


@pytest.fixture
def layout(tmp_path, release):
    made = Layout(tmp_path / "root")
    proof.make_user(release, tmp_path, made)
    return made


@pytest.fixture
def program(tmp_path):
    """Return a function that writes a program of the release's environment."""

    def write(name, body):
        path = tmp_path / "venv/bin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    return write


def test_the_self_test_runs_with_the_backend_of_the_service(tmp_path, layout, release, program):
    program("track-camera", 'echo "$@" in "$THERMEDGE_CACHE"')
    path = tmp_path / "system" / CONFIGURATION
    path.parent.mkdir(parents=True)
    path.write_text('TRACK_ARGUMENTS="v4l2:auto --backend=trt --control x"\n')
    told = proof.self_test(release, tmp_path, layout)
    assert told == f"--self-test --bundle {tmp_path}/bundle --backend trt in {layout.cache}"


def test_a_failure_is_told_in_the_words_of_the_program(tmp_path, layout, release, program):
    program("track-camera", "echo 'self-test failed: It drifts.'; echo 'fix: Mend.' >&2; exit 1")
    with pytest.raises(BoardError, match="7 failed its self-test: It drifts") as raised:
        proof.self_test(release, tmp_path, layout)
    assert raised.value.remedy == "Mend."
    program("track-camera", "echo Killed >&2; exit 9")
    with pytest.raises(BoardError, match="it gave 9 and said Killed"):
        proof.self_test(release, tmp_path, layout)


def test_an_engine_is_built_only_where_the_board_has_tensorrt(tmp_path, layout, release, program):
    program("thermedge", "echo 'error: No memory.' >&2; exit 1")
    program("python", "exit 1")
    proof.build_engine(release, tmp_path, layout)
    program("python", "exit 0")
    with pytest.raises(BoardError, match="can't be built: No memory"):
        proof.build_engine(release, tmp_path, layout)


def test_missing_packages_are_told(tmp_path, layout, release):
    with pytest.raises(BoardError, match="can't be run"):
        proof.self_test(release, tmp_path, layout)
