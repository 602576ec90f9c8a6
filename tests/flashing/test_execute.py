"""Facts about carrying a plan out, with programs that record and fail like NVIDIA's."""

import contextlib
import json
import os
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from thermedge.errors import BoardError
from thermedge.flashing import execute, journal, plan

TEXTS = runpy.run_path(str(Path(__file__).with_name("fake_bsp.py")))["TEXTS"]


class Flash:
    """One flash of the fake tree: what was called, told and kept."""

    def __init__(self, made, folder, results=()):
        self.plan, self.told, self.done = made, [], []
        go_on = {step.name: f"go on from {step.name}" for step in made.steps}
        self.log = journal.Journal(folder, made, results, go_on=go_on)

    def run(self):
        actions = {
            "password": lambda: self.done.append("password"),
            "overlay": lambda: self.done.append("overlay"),
        }
        with self.log:
            return execute.run(
                self.plan,
                self.log,
                actions=actions,
                tell=lambda kind, text: self.told.append((kind, text)),
            )

    @property
    def state(self):
        return json.loads((self.log.folder / journal.STATE).read_text())

    @property
    def output(self):
        return (self.log.folder / journal.OUTPUT).read_text()


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """Return a function that reads what the programs recorded."""
    path = tmp_path / "calls.jsonl"
    monkeypatch.setenv("FAKE_L4T_LOG", str(path))
    return lambda: [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def flash(workstation, tmp_path):
    return Flash(workstation.subject().plan, tmp_path / "log")


def test_programs_get_their_arguments_in_order_from_the_right_folder(flash, calls):
    assert flash.run() == execute.Outcome("done")
    user, written = calls()
    assert user["argv"] == ["-u", "tracker", "-n", "te-01", "--accept-license"]
    assert written["argv"] == list(flash.plan.steps[-1].argv[1:])
    assert "-c bootloader/generic/cfg/flash_t234_qspi.xml" in written["argv"]
    assert {one["cwd"] for one in (user, written)} == {str(flash.plan.cwd)}
    assert {one["euid"] for one in (user, written)} == {os.geteuid()}
    assert flash.done == ["password", "overlay"]


def test_the_whole_order_is_kept(workstation_with, tmp_path, calls):
    workstation = workstation_with(is_applied=False)
    flash = Flash(workstation.subject().plan, tmp_path / "log")
    assert flash.run().state == "done"
    names = [Path(one["program"]).name for one in calls()]
    assert names == ["apply_binaries.sh", "l4t_create_default_user.sh", "l4t_initrd_flash.sh"]
    # The user's step came after it, so the wizard stays off.
    assert not (workstation.tree / "rootfs/etc/systemd/system/default.target").is_symlink()


def test_variables_reach_the_program(workstation_with, tmp_path, calls):
    workstation = workstation_with("35.6.4")
    made = workstation.subject("xavier-nx-devkit", storage="nvme", is_image_only=True).plan
    flash = Flash(plan.chosen(made, only="flash"), tmp_path / "log")
    assert flash.run().state == "done"
    assert calls()[0]["env"] == {
        "ADDITIONAL_DTB_OVERLAY_OPT": "BootOrderNvme.dtbo",
        **{"BOARDID": "3668", "BOARDSKU": "0000", "FAB": "301"},
    }


def test_progress_is_told_in_words_once_each(flash):
    flash.run()
    told = [text for kind, text in flash.told if kind == "milestone"]
    assert len(told) == len(set(told)) == 4
    assert "30 s" in told[0]


@pytest.mark.parametrize("name", TEXTS)
def test_a_known_failure_is_told_with_what_to_do(flash, monkeypatch, name):
    monkeypatch.setenv("FAKE_FAIL", name)
    monkeypatch.setenv("FAKE_FAIL_IN", "l4t_initrd_flash.sh")
    outcome = flash.run()
    assert (outcome.state, outcome.step) == ("failed", "flash")
    # The first text tells the cause; "cannot stat signed" follows it.
    assert [one.name for one in outcome.failures] == [name, "signed_missing"]
    assert TEXTS[name] in flash.output
    assert flash.state["steps"][-1]["failures"] == [name, "signed_missing"]
    assert flash.state["steps"][-1]["status"] == 1
    assert flash.state["go_on_with"] == "go on from flash"


def test_after_a_failure_no_step_follows(flash, monkeypatch, calls):
    monkeypatch.setenv("FAKE_FAIL", "exec_format")
    monkeypatch.setenv("FAKE_FAIL_IN", "l4t_create_default_user.sh")
    outcome = flash.run()
    assert (outcome.state, outcome.step) == ("failed", "user")
    assert len(calls()) == 1
    assert flash.done == []
    assert [step["state"] for step in flash.state["steps"]] == ["failed", *["waiting"] * 3]


def test_an_initrd_flash_that_does_not_say_so_is_no_success(flash, monkeypatch):
    monkeypatch.setenv("FAKE_QUIET_END", "1")
    outcome = flash.run()
    assert outcome.state == "failed"
    assert "never wrote 'Flash is successful'" in outcome.problem


def test_the_password_that_nvidias_script_prints_is_nowhere(flash):
    flash.run()
    assert "MTY5ZDQz" not in flash.output
    assert "MTY5ZDQz" not in str(flash.told)
    assert execute.HIDDEN in flash.output


def test_a_log_that_can_not_be_written_ends_no_program(flash, calls):
    flash.log._output.close()
    flash.log._output = open("/dev/full", "a", buffering=1)  # noqa: SIM115 - the journal closes it
    assert flash.run() == execute.Outcome("done")
    assert len(calls()) == 2
    assert flash.state["state"] == "done"


def test_a_step_of_ours_that_fails_tells_problem_and_remedy(workstation, tmp_path):
    made = plan.chosen(workstation.subject().plan, only="overlay")

    def refuse():
        raise BoardError("No room.", "Make room.")

    go_on = {"overlay": "again"}
    with journal.Journal(tmp_path / "log", made, (), go_on=go_on) as log:
        outcome = execute.run(made, log, actions={"overlay": refuse}, tell=lambda *_: None)
    assert (outcome.state, outcome.problem) == ("failed", "No room.")
    assert outcome.failures[0].remedy == "Make room."
    assert "Make room." in (log.folder / journal.OUTPUT).read_text()


def test_a_program_that_cannot_be_started_is_told(flash):
    (flash.plan.cwd / "tools/l4t_create_default_user.sh").chmod(0o644)
    outcome = flash.run()
    assert outcome.state == "failed"
    assert "can't be started" in outcome.problem


def test_two_flashes_of_one_folder_are_one_too_many(flash, workstation, tmp_path):
    other = Flash(workstation.subject().plan, tmp_path / "other")
    with execute._alone(flash.plan.cwd), pytest.raises(BoardError, match="Another flash"):
        other.run()
    assert flash.run().state == "done"


def test_something_left_in_the_background_does_not_hold_the_end_up(workstation, tmp_path):
    script = workstation.tree / "flash.sh"
    script.write_text("#!/bin/sh\nsleep 30 &\necho started\n")
    made = plan.chosen(workstation.subject(storage="sd").plan, only="flash")
    begun = time.monotonic()
    assert Flash(made, tmp_path / "log").run().state == "done"
    assert time.monotonic() - begun < 20


KILLED = """\
import sys, json, runpy
from pathlib import Path
sys.path.insert(0, {here!r})
conftest = runpy.run_path({here!r} + "/conftest.py")
station = conftest["Workstation"](Path({root!r}), Path({tree!r}))
made = station.subject().plan
from thermedge.flashing import execute, journal
go_on = {{step.name: "go on from " + step.name for step in made.steps}}
with journal.Journal(Path({log!r}), made, (), go_on=go_on) as log:
    outcome = execute.run(made, log, actions=dict(password=lambda: None, overlay=lambda: None),
                          tell=lambda kind, text: print(kind, text, flush=True))
print(outcome.state, flush=True)
"""


@pytest.fixture
def hanging(workstation, tmp_path):
    """A flash in a process of its own, whose last program hangs."""
    code = KILLED.format(
        here=str(Path(__file__).parent),
        root=str(tmp_path / "root2"),
        tree=str(workstation.tree),
        log=str(tmp_path / "log"),
    )
    env = os.environ | {
        **{"FAKE_HANG": "1", "FAKE_FAIL_IN": "l4t_initrd_flash.sh"},
        "FAKE_L4T_LOG": str(tmp_path / "calls.jsonl"),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=env
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "30 s is usual" in line:
            break
    yield process
    process.kill()
    process.wait()
    # Nobody can catch SIGKILL: what ran under it is left to itself, here to us.
    last = json.loads((tmp_path / "calls.jsonl").read_text().splitlines()[-1])
    with contextlib.suppress(ProcessLookupError):
        os.kill(last["pid"], signal.SIGKILL)
    process.stdout.close()


def kept_state(tmp_path):
    return json.loads((tmp_path / "log" / journal.STATE).read_text())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_flash_ends_the_program_and_says_so(hanging, tmp_path, number):
    hanging.send_signal(number)
    assert hanging.stdout.read().split()[-1] == "interrupted"
    called = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]
    assert not Path(f"/proc/{called[-1]['pid']}").exists()
    state = kept_state(tmp_path)
    assert state["state"] == "interrupted"
    assert [step["state"] for step in state["steps"]] == ["done", "done", "done", "interrupted"]
    assert state["go_on_with"] == "go on from flash"


def test_a_killed_flash_leaves_a_log_that_is_true(hanging, tmp_path):
    hanging.kill()
    hanging.wait()
    state = kept_state(tmp_path)
    assert state["state"] == "running"
    assert [step["state"] for step in state["steps"]] == ["done", "done", "done", "running"]
    assert state["go_on_with"] == "go on from flash"
    (tmp_path / "logs").mkdir()
    (tmp_path / "log").rename(tmp_path / "logs/1-some-board")
    found = journal.last_unfinished(tmp_path / "logs", "some-board")
    assert (found.step, found.state) == ("flash", "killed")
