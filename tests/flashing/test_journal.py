"""Facts about what a flash leaves in writing."""

import json
import os
import shutil
import tarfile

import pytest

from thermedge.errors import BoardError
from thermedge.flashing import journal
from thermedge.flashing.preflight import Result

BOARD = "orin-nano-8gb-devkit-super"


@pytest.fixture
def opened(workstation, tmp_path):
    """Return a function that opens a journal of the usual plan."""
    plan = workstation.subject().plan

    def make(name=f"1-{BOARD}"):
        go_on = {step.name: f"go on from {step.name}" for step in plan.steps}
        results = [Result(1, "x", "ok")]
        return journal.Journal(tmp_path / "logs" / name, plan, results, go_on=go_on)

    return make


def state(log):
    return json.loads((log.folder / journal.STATE).read_text())


def test_before_the_first_step_all_wait(opened):
    with opened() as log:
        assert state(log)["state"] == "running"
        assert {step["state"] for step in state(log)["steps"]} == {"waiting"}
        assert state(log)["go_on_with"] == "go on from user"


def test_plan_and_checks_are_kept(opened):
    with opened() as log:
        plan = json.loads((log.folder / journal.PLAN).read_text())
        assert plan["steps"][-1]["argv"][0] == "./tools/kernel_flash/l4t_initrd_flash.sh"
        assert json.loads((log.folder / journal.PREFLIGHT).read_text())[0]["status"] == "ok"


def test_a_step_that_runs_is_in_writing_before_it_ends(opened):
    with opened() as log:
        log.begin("user", ["a", "b c"])
        assert state(log)["steps"][0]["state"] == "running"
        assert '=== user: ["a", "b c"]' in (log.folder / journal.OUTPUT).read_text()


def test_the_command_to_go_on_follows_the_steps(opened):
    with opened() as log:
        for name in ("user", "password", "overlay", "flash"):
            assert log.go_on_with() == f"go on from {name}"
            log.begin(name, [])
            log.end(name, "done", status=0)
        assert log.go_on_with() is None
        assert state(log)["state"] == "done"


@pytest.mark.parametrize("how", ["failed", "interrupted"])
def test_a_step_that_breaks_off_is_named(opened, how):
    with opened() as log:
        log.begin("user", [])
        log.end("user", how, status=1, failures=["busy"])
        assert state(log)["state"] == how
        assert state(log)["steps"][0]["failures"] == ["busy"]
        assert state(log)["go_on_with"] == "go on from user"


def test_every_line_has_its_time(opened):
    with opened() as log:
        log.line("hello")
    stamp, _, text = (log.folder / journal.OUTPUT).read_text().strip().partition(" ")
    assert (len(stamp), text) == (29, "hello")


def test_the_archive_holds_all_and_what_nvidias_tools_logged_meanwhile(opened, workstation):
    old = workstation.tree / "initrdlog/flash_old.log"
    old.parent.mkdir()
    old.write_text("old")
    os.utime(old, (1, 1))
    with opened() as log:
        log.line("hello")
        (workstation.tree / "initrdlog/flash_new.log").write_text("new")
        archive = log.pack()
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    assert {journal.STATE, journal.PLAN, journal.OUTPUT, "vendor/flash_new.log"} < names
    assert "vendor/flash_old.log" not in names


def test_a_log_that_is_lost_says_so_and_stops_nobody(opened):
    with opened() as log:
        log.begin("user", [])
        assert log.lost == ""
        shutil.rmtree(log.folder)
        log.line("hello")
        log.end("user", "done", status=0)
        assert log.lost == "No such file or directory"
        assert log.go_on_with() == "go on from password"
        assert log.pack() is None


def test_a_full_disk_does_not_keep_the_log_from_being_closed(opened):
    with opened() as log:
        log._output.close()
        log._output = open("/dev/full", "a", buffering=1)  # noqa: SIM115 - the journal closes it
        log.line("hello")
    assert log.lost == "No space left on device"


def test_a_folder_that_cannot_be_made_is_told(opened, tmp_path):
    (tmp_path / "logs").write_text("a file")
    with pytest.raises(BoardError, match="can't be written"):
        opened()


def test_the_last_flash_that_broke_off_is_found(opened, tmp_path):
    with opened(f"1-{BOARD}") as log:
        log.begin("user", [])
        log.end("user", "failed")
    found = journal.last_unfinished(tmp_path / "logs", BOARD)
    assert (found.step, found.state, found.go_on_with) == ("user", "failed", "go on from user")
    assert journal.last_unfinished(tmp_path / "logs", "orin-nx-8gb") is None


def test_a_later_flash_that_went_well_ends_the_matter(opened, tmp_path):
    with opened(f"1-{BOARD}") as log:
        log.end("user", "failed")
    with opened(f"2-{BOARD}") as log:
        for name in ("user", "password", "overlay", "flash"):
            log.end(name, "done")
    assert journal.last_unfinished(tmp_path / "logs", BOARD) is None


def test_a_flash_that_still_runs_is_none_that_broke_off(opened, tmp_path):
    with opened() as log:
        log.begin("user", [])
        assert journal.last_unfinished(tmp_path / "logs", BOARD) is None


def test_files_of_others_are_passed_over(tmp_path):
    (tmp_path / f"9-{BOARD}").mkdir()
    (tmp_path / f"9-{BOARD}" / journal.STATE).write_text("[]")
    assert journal.last_unfinished(tmp_path, BOARD) is None
