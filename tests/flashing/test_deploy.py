"""Facts about deployments: what a board is asked first, and how many boards are served."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from thermedge.errors import BoardError
from thermedge.flashing import deploy, payload
from thermedge.flashing.ssh import Remote

# The board is this machine: its probe runs here, with changes; its installer only tells.
SSH = """\
#!{python}
import json, pathlib, subprocess, sys
folder = pathlib.Path({folder!r})
if sys.argv[-1] != "python3 -":
    (folder / "installer").write_text(sys.argv[-1])
    if "fail" in sys.argv[-2]:
        sys.exit("error: It did not work.\\nfix: Try again.")
    print(json.dumps({{"version": "1", "self_test": "passed", "service": "running"}}))
    sys.exit(0)
done = subprocess.run([sys.executable, "-"], stdin=sys.stdin, capture_output=True, text=True)
print((folder / "greeting").read_text() if (folder / "greeting").exists() else "")
if not (folder / "mute").exists():
    print(json.dumps(json.loads(done.stdout) | json.loads((folder / "board").read_text())))
"""
RSYNC = "#!/bin/sh\ntouch {folder}/copied\n"


@pytest.fixture
def board(tmp_path, monkeypatch):
    """A folder that says how the board differs from this machine."""
    folder = tmp_path / "board"
    (folder / "bin").mkdir(parents=True)
    (folder / "home").mkdir()
    programs = {"ssh": SSH.format(python="/usr/bin/python3 -IS", folder=str(folder))}
    programs["rsync"] = RSYNC.format(folder=folder)
    for name, text in programs.items():
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}/bin:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(folder / "home"))
    (folder / "board").write_text(json.dumps({"current": "0", "uid": 0}))
    return folder


@pytest.fixture
def bring(tmp_path, board, request_for):
    """Return a function that deploys to the board."""

    def deployed(host="pole1", *, told=lambda step: None, **options):
        folder = tmp_path / "payload"
        payload.write(folder, request_for(**options))
        return deploy.deploy(Remote(host), folder, soak_s=2.5, tell=told)

    return deployed


def test_a_release_is_installed_with_the_packages_that_run(board, bring):
    steps = []
    outcome = bring(told=steps.append)
    assert outcome == deploy.Outcome("pole1", "1", "passed; service: running")
    assert (board / "copied").exists()
    assert (board / "home" / deploy.INCOMING).is_dir()
    command = (board / "installer").read_text()
    assert command.startswith("/opt/thermedge/current/venv/bin/python -m thermedge release install")
    assert command.endswith(f"{board}/home/{deploy.INCOMING} --json --soak=2.5")
    assert steps == ["look at the board", "copy", "install, self-test, switch"]


def test_brought_packages_are_installed_by_the_wheel_itself(board, bring, house):
    (board / "board").write_text(json.dumps({"current": None, "uid": 1000}))
    bring(wheelhouse=house)
    command = (board / "installer").read_text()
    assert command.startswith("sudo -n -- env PYTHONPATH=")
    assert "/wheelhouse/thermedge-1.0-py3-none-any.whl /usr/bin/python3 -m thermedge" in command


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"minor": 8}, r"has Python 3\.8"),
        ({"current": None}, "No release runs on pole1"),
        ({"free": 1 << 20}, "has 1 MB free, and the copy needs"),
    ],
)
def test_a_board_that_does_not_fit_is_told_before_anything_is_copied(board, bring, answer, told):
    values = json.loads((board / "board").read_text()) | answer
    (board / "board").write_text(json.dumps(values))
    with pytest.raises(BoardError, match=told):
        bring()
    assert not (board / "copied").exists()


def test_what_an_earlier_copy_left_needs_no_room_again(board, bring):
    values = {"current": "0", "uid": 0, "free": 21 << 20, "there": 100 << 20}
    (board / "board").write_text(json.dumps(values))
    assert bring().is_ok


def test_a_login_that_greets_does_no_harm_and_one_that_is_mute_is_told(board, bring, tmp_path):
    (board / "greeting").write_text("Welcome to pole 1!")
    assert bring().is_ok
    (board / "mute").touch()
    with pytest.raises(BoardError, match="instead of telling about itself"):
        deploy.deploy(Remote("pole1"), tmp_path / "payload", soak_s=1, tell=lambda step: None)


def test_the_probe_tells_about_the_machine_that_it_runs_on(tmp_path):
    done = subprocess.run(
        ["/usr/bin/python3", "-"],
        input=deploy._PROBE % deploy.INCOMING,
        env={"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    assert (told["machine"], told["uid"]) == (os.uname().machine, os.getuid())
    assert told["home"] == str(tmp_path)
    assert told["there"] == 0
    assert told["free"] > 0
    assert Path(tmp_path, deploy.INCOMING).is_dir()


def test_a_failure_stops_before_the_next_batch():
    def one(remote):
        if remote.host == "pole2":
            raise BoardError("It broke.", "Mend it.")
        return deploy.Outcome(remote.host, "1", "fine")

    reported = []
    remotes = [Remote(f"pole{number}") for number in range(1, 7)]
    outcomes = deploy.roll_out(remotes, one, serial=(1, 2), report=reported.append)
    assert [outcome.host for outcome in outcomes] == ["pole1", "pole2", "pole3"]
    assert [outcome.is_ok for outcome in outcomes] == [True, False, True]
    assert outcomes[1].remedy == "Mend it."
    assert reported == outcomes


def test_the_last_size_of_a_batch_is_repeated():
    sizes = [len(batch) for batch in deploy._batches([Remote("a")] * 8, (1, 3))]
    assert sizes == [1, 3, 3, 1]


def test_a_name_made_of_contents_changes_with_them_alone(tmp_path, request_for):
    names = []
    for number, changes in enumerate([{"version": "a"}, {"version": "b"}, {"user": "other"}]):
        payload.write(tmp_path / str(number), request_for(**changes))
        names.append(deploy.release_name(tmp_path / str(number), "0.1"))
    assert names[0] == names[1] != names[2]
    assert names[0].startswith("0.1-")
