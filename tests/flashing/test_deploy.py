import json
import runpy
import subprocess
import threading
from pathlib import Path

import pytest

from thermedge.errors import BoardError
from thermedge.flashing import deploy, payload
from thermedge.flashing.overlay import OverlayRequest
from thermedge.flashing.ssh import Remote

TINY = runpy.run_path(str(Path(__file__).with_name("tiny_wheels.py")))
BOARD = {
    "minor": 10,
    "machine": "aarch64",
    "uid": 1000,
    "home": "/home/t",
    "free": 1 << 30,
    "there": 0,
    "current": "one",
}
RESULT = {"version": "v1", "previous": "one", "self_test": "self-test passed", "service": "running"}


class Answering(Remote):
    """A board that answers from memory."""

    def __init__(self, board, *, status=0, err="", service="running"):
        super().__init__("pole1")
        object.__setattr__(self, "board", board)
        object.__setattr__(self, "status", status)
        object.__setattr__(self, "err", err)
        object.__setattr__(self, "asked", [])
        object.__setattr__(self, "result", RESULT | {"service": service})

    __slots__ = ("asked", "board", "err", "result", "status")

    def attempt(self, command, *, text="", root=False):
        self.asked.append((list(command), root))
        if command == ["python3", "-"]:
            if not isinstance(self.board, dict):
                return subprocess.CompletedProcess([], self.status, self.board, self.err)
            return subprocess.CompletedProcess([], 0, f"welcome\n{json.dumps(self.board)}\n", "")
        return subprocess.CompletedProcess([], self.status, json.dumps(self.result), self.err)

    def copy(self, folder, there):
        self.asked.append((["copy", there], False))


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path, TINY["write_wheel"])


@pytest.fixture
def bare(tmp_path):
    return write(tmp_path, None)


def write(tmp_path, write_wheel):
    house = None
    if write_wheel:
        house = tmp_path / "house"
        house.mkdir()
        write_wheel(house)
        write_wheel(house, "pip")
    request = OverlayRequest(
        version="v1",
        board="",
        bundle=TINY["write_bundle"](tmp_path / "bundle"),
        wheelhouse=house,
        user="tracker",
        arguments=("v4l2:auto",),
    )
    payload.write(tmp_path / "payload", request)
    return tmp_path / "payload"


def go(remote, folder):
    return deploy.deploy(remote, folder, soak_s=15, tell=lambda step: None)


def test_the_board_is_looked_at_first_and_installs_as_root_last(folder):
    remote = Answering(BOARD)
    outcome = go(remote, folder)
    assert (outcome.version, outcome.is_ok) == ("v1", True)
    (_, copy, (install, is_root)) = remote.asked
    assert copy[0] == ["copy", ".cache/thermedge/incoming"]
    assert is_root
    wheel = "/home/t/.cache/thermedge/incoming/wheelhouse/thermedge-9.9-py3-none-any.whl"
    assert install[:4] == ["env", f"PYTHONPATH={wheel}", "/usr/bin/python3", "-m"]
    assert install[4:8] == ["thermedge", "release", "install", "/home/t/.cache/thermedge/incoming"]


def test_without_packages_the_running_release_installs(bare):
    remote = Answering(BOARD | {"uid": 0})
    go(remote, bare)
    install, is_root = remote.asked[-1]
    assert install[0] == "/opt/thermedge/current/venv/bin/python"
    assert not is_root


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"minor": 8}, "has Python 3.8"),
        ({"free": 1 << 20}, "1 MB free, and the copy needs"),
        ({"machine": "x86_64", "minor": 12}, None),
    ],
)
def test_a_board_that_can_not_run_it_is_refused_before_the_copy(folder, changes, problem):
    remote = Answering(BOARD | changes)
    if problem is None:
        assert go(remote, folder).is_ok  # these wheels run anywhere
        return
    with pytest.raises(BoardError, match=problem):
        go(remote, folder)
    assert len(remote.asked) == 1


def test_what_is_copied_already_needs_no_room(folder):
    assert go(Answering(BOARD | {"free": 21 << 20, "there": 1 << 30}), folder).is_ok


def test_a_first_release_without_packages_is_refused(bare):
    with pytest.raises(BoardError, match="No release runs on pole1 yet"):
        go(Answering(BOARD | {"current": None}), bare)


def test_a_board_without_python_or_with_a_talkative_login_is_named(folder):
    with pytest.raises(BoardError, match="has no python3"):
        go(Answering("", status=127), folder)
    with pytest.raises(BoardError, match="instead of telling about itself"):
        go(Answering("welcome to pole1"), folder)


def test_what_the_board_says_went_wrong_is_passed_on(folder):
    with pytest.raises(BoardError, match="pole1: It failed") as told:
        go(Answering(BOARD, status=2, err="self-test\nerror: It failed.\nfix: Train it."), folder)
    assert told.value.remedy == "Train it."


def test_a_release_that_stays_though_it_did_not_start_is_no_success(folder):
    outcome = go(Answering(BOARD, service="not started: Job failed"), folder)
    assert (outcome.version, outcome.is_ok) == ("v1", False)
    assert outcome.detail == "v1 is installed, but its service was not started: Job failed"
    assert "journalctl -u thermedge -n 50" in outcome.remedy
    assert go(Answering(BOARD, service="no systemd here"), folder).is_ok


def test_equal_payloads_have_equal_names_and_others_other_ones(folder):
    name = deploy.release_name(folder, "0.1.0")
    payload.rename(folder, name)
    assert deploy.release_name(folder, "0.1.0") == name
    assert deploy.release_name(folder, "0.2.0") != name
    release = payload.read(folder)
    payload.save(payload.replace(release, user="other"), folder)
    assert deploy.release_name(folder, "0.1.0") != name


def roll(hosts, serial, failing=()):
    begun, lock, most = [], threading.Lock(), [0, 0]

    def one(remote):
        with lock:
            begun.append(remote.host)
            most[0] += 1
            most[1] = max(most)
        if remote.host in failing:
            raise BoardError("It failed.", "Look.")
        with lock:
            most[0] -= 1
        return deploy.Outcome(remote.host, "v1", "")

    remotes = [Remote(host) for host in hosts]
    reported = []
    outcomes = deploy.roll_out(remotes, one, serial=serial, report=reported.append)
    assert outcomes == reported
    return begun, outcomes


def test_batches_grow_as_asked_and_the_last_size_is_repeated():
    begun, outcomes = roll("abcdefgh", (1, 3))
    assert sorted(begun) == list("abcdefgh")
    assert [outcome.host for outcome in outcomes] == list("abcdefgh")
    assert [len(b) for b in deploy._batches(list("abcdefgh"), (1, 3))] == [1, 3, 3, 1]


def test_a_failure_stops_before_the_next_batch_and_not_within_it():
    begun, outcomes = roll("abcdefgh", (2, 3), failing=("c",))
    assert sorted(begun) == list("abcde")
    assert [outcome.host for outcome in outcomes if not outcome.is_ok] == ["c"]
    assert outcomes[2].remedy == "Look."
