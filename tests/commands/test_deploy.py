import json
import os
import re

import pytest

from thermedge.commands import main

# A board that installs, and whose service does not start: ssh and rsync that only answer.
SSH = """\
#!/bin/sh
case "$*" in
*install*) echo '{result}' ;;
*) echo '{board}' ;;
esac
"""
BOARD = {
    **{"minor": 10, "machine": "aarch64", "uid": 0, "home": "/root"},
    **{"free": 1 << 40, "there": 0, "current": "one"},
}
RESULT = {"version": "v1", "previous": "one", "self_test": "passed", "service": "running"}


@pytest.mark.parametrize(
    "asked",
    [
        ["--bundle", "default"],
        ["board", "--bundle", "no-such-bundle"],
        ["board", "--bundle", "default", "--serial", "0"],
        ["board", "--bundle", "default", "--wheelhouse", "/no/such/folder"],
        ["board", "--bundle", "default", "--board", "no-such-board"],
    ],
)
def test_bad_arguments_reach_no_board(asked, capsys):
    assert main(["deploy", *asked]) == 2
    told = capsys.readouterr().err
    assert "error: " in told
    assert "fix: " in told


@pytest.fixture
def boards(tmp_path, monkeypatch):
    """Return a function that makes all boards answer how their service is."""

    def answer(service):
        result = json.dumps(RESULT | {"service": service})
        ssh = SSH.format(board=json.dumps(BOARD), result=result)
        for name, text in (("ssh", ssh), ("rsync", "#!/bin/sh\n")):
            (tmp_path / name).write_text(text)
            (tmp_path / name).chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return answer


def test_a_service_that_did_not_start_stops_the_roll_out(boards, capsys):
    boards("running")
    assert main(["deploy", "pole1", "pole2", "--bundle", "default"]) == 0
    assert "pole2: runs v1" in capsys.readouterr().out
    boards("not started: Job failed")
    assert main(["deploy", "pole1", "pole2", "--bundle", "default"]) == 1
    told = capsys.readouterr()
    assert "pole1: FAILED: v1 is installed" in told.out
    assert "journalctl -u thermedge -n 50" in told.out
    assert "pole2: not begun" in told.err


def test_the_playbook_takes_a_service_that_did_not_start_for_a_failure(tmp_path):
    assert main(["deploy", "--ansible", str(tmp_path / "out"), "--bundle", "default"]) == 0
    playbook = (tmp_path / "out" / "deploy.yml").read_text()
    found = re.search(r"^      failed_when: (.+)$", playbook, re.M)
    assert found is not None
    assert found[1].startswith("installed.rc != 0 or ")
    assert ".service is match('not started')" in found[1]
    task = playbook[: found.start()].rpartition("- name: ")[2]
    assert task.startswith("Install, self-test, switch")


def test_a_playbook_is_written_that_calls_the_same_steps(tmp_path):
    assert main(["deploy", "--ansible", str(tmp_path / "out"), "--bundle", "default"]) == 0
    playbook = (tmp_path / "out" / "deploy.yml").read_text()
    assert "serial:" in playbook
    assert "install" in playbook


def test_a_playbook_that_can_not_be_written_leaves_nothing(tmp_path, capsys):
    wrong = ["deploy", "--ansible", str(tmp_path / "out"), "--bundle", "no-such-bundle"]
    assert main(wrong) == 2
    assert "no-such-bundle" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    right = [*wrong[:-1], "default"]
    assert main(right) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert sorted(os.listdir(tmp_path / "out")) == ["deploy.yml", "inventory.ini", "payload"]
    assert main(right) == 2
    assert "exists already" in capsys.readouterr().err


def test_a_playbook_for_a_place_that_can_not_be_made_is_told(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["deploy", "--ansible", str(tmp_path / "file/out"), "--bundle", "default"]) == 2
    assert "can't be made: Not a directory" in capsys.readouterr().err
