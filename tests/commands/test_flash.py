"""Facts about `thermedge flash`."""

import json
import os
import runpy
import shlex
import sys
from pathlib import Path

import pytest

from thermedge.commands import flash, main
from thermedge.flashing import execute

CONFTEST = runpy.run_path(str(Path(__file__).parents[1] / "flashing/conftest.py"))
BOARD = CONFTEST["BOARD"]


@pytest.fixture
def station(tmp_path, monkeypatch):
    """A workstation on which all is well, and its fake Linux_for_Tegra."""
    tree = CONFTEST["FAKE"]["make"](tmp_path / "bsp")
    made = CONFTEST["Workstation"](tmp_path / "root", tree)
    monkeypatch.setattr(flash, "_machine", lambda: made.machine)
    monkeypatch.setenv("FAKE_L4T_LOG", str(tmp_path / "calls.jsonl"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return made


def run(station, *more, board=BOARD):
    return main(
        [*("flash", board, "--l4t", str(station.tree), "--bundle", "default"), *map(str, more)]
    )


def calls(tmp_path):
    path = tmp_path / "calls.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def contents(folder):
    return sorted((str(path), path.lstat().st_mtime_ns) for path in folder.rglob("*"))


def test_without_consent_the_plan_is_told_and_nothing_is_written(station, tmp_path, capsys):
    before = contents(station.tree)
    assert run(station, "--storage", "nvme", "--login", "tracker") == 0
    told = capsys.readouterr().out
    assert "Nothing was written. Run it again with --yes-erase nvme0n1 to do it." in told
    assert "l4t_initrd_flash.sh --external-device nvme0n1p1" in told
    assert calls(tmp_path) == []
    assert contents(station.tree) == before
    assert not (tmp_path / "flash_logs").exists()


def test_json_holds_plan_and_checks(station, capsys):
    assert run(station, "--login", "tracker", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["plan"]["steps"][-1]["argv"][-2:] == ["jetson-orin-nano-devkit-super", "internal"]
    assert [check["number"] for check in told["checks"]] == list(range(1, 26))


def test_printed_commands_can_be_pasted(station, capsys):
    assert run(station, "--login", "tracker", "--print-cmd") == 0
    lines = capsys.readouterr().out.splitlines()
    own = [line for line in lines if line.startswith("sudo ")]
    assert [shlex.split(line)[-1] for line in own] == ["password", "overlay"]
    assert all("--execute" in line and "--yes-erase" not in line for line in own)


def test_a_printed_command_of_ours_does_its_step(station, capsys, tmp_path):
    run(station, "--login", "tracker", "--print-cmd")
    told = capsys.readouterr().out.splitlines()
    line = next(line for line in told if line.endswith("--only overlay"))
    assert shlex.split(line)[:4] == ["sudo", sys.executable, "-m", "thermedge"]
    assert main(shlex.split(line)[4:]) == 0
    assert (station.tree / "rootfs/usr/share/thermedge/overlay-manifest.json").is_file()
    assert calls(tmp_path) == []


def test_with_consent_the_board_is_flashed(station, tmp_path, capsys):
    secret = tmp_path / "pw"
    secret.write_text("hunter2\n")
    secret.chmod(0o600)
    status = run(
        *(station, "--login", "tracker", "--password-file", secret, "--yes-erase", "nvme0n1")
    )
    err = capsys.readouterr().err
    assert status == 0, err
    assert [Path(one["program"]).name for one in calls(tmp_path)] == [
        *("l4t_create_default_user.sh", "l4t_initrd_flash.sh"),
    ]
    rootfs = station.tree / "rootfs"
    assert "tracker:$6$" in (rootfs / "etc/shadow").read_text()
    assert (rootfs / "etc/systemd/system/thermedge.service").is_file()
    (log,) = (tmp_path / "flash_logs").glob(f"*-{BOARD}")
    assert json.loads((log / "state.json").read_text())["state"] == "done"
    assert log.with_name(f"{log.name}.tar.gz").is_file()
    # Neither on a command line, nor in a log, nor on the screen.
    written = "".join(path.read_text() for path in log.iterdir())
    assert "hunter2" not in written + err + json.dumps(calls(tmp_path))


def test_without_a_password_file_the_account_is_locked(station):
    assert run(station, "--login", "tracker", "--yes-erase", "nvme0n1") == 0
    assert "\ntracker:!:" in (station.tree / "rootfs/etc/shadow").read_text()


def test_another_device_is_refused(station, tmp_path, capsys):
    assert run(station, "--login", "tracker", "--yes-erase", "sda") == flash.REFUSED
    assert "Nothing was written." in capsys.readouterr().err
    assert calls(tmp_path) == []


def test_no_board_has_a_status_of_its_own(station, tmp_path):
    station.unplug()
    assert run(station, "--login", "tracker") == flash.NO_DEVICE
    assert run(station, "--login", "tracker", "--yes-erase", "nvme0n1") == flash.NO_DEVICE
    assert calls(tmp_path) == []


def test_an_error_of_a_check_stops_it(station, tmp_path, capsys):
    station.environ["TMPDIR"] = "/x"
    assert run(station, "--login", "tracker", "--yes-erase", "nvme0n1") == flash.PREFLIGHT_ERROR
    assert "unset TMPDIR" in capsys.readouterr().err
    assert calls(tmp_path) == []


def test_an_error_can_be_ignored_by_its_number(station):
    station.environ["TMPDIR"] = "/x"
    argv = ("--login", "tracker", "--yes-erase", "nvme0n1", "--ignore", "20")
    assert run(station, *argv) == 0


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_an_l4t_of_other_boards_gives_no_plan(station, capsys, flags):
    assert run(station, *flags, board="xavier-nx-devkit") == flash.PREFLIGHT_ERROR
    assert "36.5.0 (JetPack 6.2.2) doesn't run on xavier-nx-devkit" in capsys.readouterr().out


def test_a_tool_that_fails_is_explained_and_the_flash_goes_on_from_there(
    station, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("FAKE_FAIL", "usb_write")
    monkeypatch.setenv("FAKE_FAIL_IN", "l4t_initrd_flash.sh")
    assert run(station, "--login", "tracker", "--yes-erase", "nvme0n1") == flash.TOOL_FAILED
    err = capsys.readouterr().err
    assert "what it means: A write to the board over USB timed out." in err
    assert "cycle the board's power" in err
    monkeypatch.delenv("FAKE_FAIL")

    assert run(station, "--login", "tracker") == 0
    assert "(step flash: failed)" in capsys.readouterr().err
    line = next(line for line in err.splitlines() if line.startswith("Go on with: "))
    assert main(shlex.split(line.removeprefix("Go on with: "))[4:]) == 0
    names = [Path(one["program"]).name for one in calls(tmp_path)]
    assert names == ["l4t_create_default_user.sh", *["l4t_initrd_flash.sh"] * 2]


def test_one_step_that_fails_is_never_gone_on_with_by_erasing_a_board(station, tmp_path, capsys):
    (station.tree / "rootfs/opt").rmdir()
    (station.tree / "rootfs/opt").write_text("in the way")
    argv = ("--login", "tracker", "--only", "overlay", "--execute")
    assert run(station, *argv) == flash.TOOL_FAILED
    err = capsys.readouterr().err
    run(station)
    for told in (err, capsys.readouterr().err):
        line = next(line for line in told.splitlines() if line.startswith("Go on with: "))
        assert line.endswith("--execute --only overlay")
        assert "--yes-erase" not in line
    (station.tree / "rootfs/opt").unlink()
    assert main(shlex.split(line.removeprefix("Go on with: "))[4:]) == 0
    assert calls(tmp_path) == []


def test_drivers_that_broke_off_are_told_by_the_command_to_go_on_with(station, tmp_path, capsys):
    (station.tree / "rootfs/boot/initrd").unlink()
    argv = ("--login", "tracker", "--yes-erase", "nvme0n1", "--from", "apply_binaries")
    assert run(station, *argv) == flash.PREFLIGHT_ERROR
    err = capsys.readouterr().err
    assert "apply_binaries.sh broke off: rootfs/boot/initrd is missing" in err
    assert "fix: Empty rootfs/, unpack it again" in err
    assert calls(tmp_path) == []


@pytest.mark.parametrize("opened", [os.pipe, os.openpty])
def test_a_flash_that_nobody_listens_to_any_more_comes_to_its_end(
    station, tmp_path, monkeypatch, opened
):
    reader, writer = opened()
    run_all = execute.run

    def with_nobody_left(*args, **kwargs):
        os.close(reader)
        return run_all(*args, **kwargs)

    monkeypatch.setattr(execute, "run", with_nobody_left)
    with os.fdopen(writer, "w", buffering=1) as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        assert run(station, "--login", "tracker", "--yes-erase", "nvme0n1") == 0
    (log,) = (tmp_path / "flash_logs").glob(f"*-{BOARD}")
    assert json.loads((log / "state.json").read_text())["state"] == "done"


def test_a_lost_log_is_told_once_and_ends_nothing(station, tmp_path, monkeypatch, capsys):
    run_all = execute.run

    def with_a_full_disk(plan, log, **kwargs):
        log._output.close()
        log._output = open("/dev/full", "a", buffering=1)  # noqa: SIM115 - the journal closes it
        return run_all(plan, log, **kwargs)

    monkeypatch.setattr(execute, "run", with_a_full_disk)
    assert run(station, "--login", "tracker", "--yes-erase", "nvme0n1") == 0
    err = capsys.readouterr().err
    assert err.count("No space left on device") == 1
    assert "--logs FOLDER" in err
    assert "Done." in err


def test_an_image_is_made_without_board_and_consent_to_erase(station, tmp_path, capsys):
    station.unplug()
    assert run(station, "--login", "tracker", "--no-flash") == 0
    assert "Run it again with --execute" in capsys.readouterr().out
    assert run(station, "--login", "tracker", "--no-flash", "--execute") == 0
    written = calls(tmp_path)[-1]
    assert "--no-flash" in written["argv"]
    assert written["env"]["BOARDSKU"] == "0005"


def test_thor_must_be_reset_afterwards(tmp_path, monkeypatch, capsys):
    tree = CONFTEST["FAKE"]["make"](tmp_path / "bsp", l4t="38.4.0")
    made = CONFTEST["Workstation"](tmp_path / "root", tree)
    made.unplug()
    made.plug("3-4", "7026")
    monkeypatch.setattr(flash, "_machine", lambda: made.machine)
    monkeypatch.chdir(tmp_path)
    assert run(made, "--login", "t", "--yes-erase", "nvme0n1", board="thor-t5000") == 0
    assert "Reset the board now" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--execute"], "--execute"),
        (["--no-flash", "--yes-erase", "nvme0n1"], "--no-flash"),
        (["--password-file", "pw"], "--login"),
        (["--storage", "emmc"], "'emmc'"),
        (["--from", "user"], "no step 'user'"),
        (["--print-cmd", "--yes-erase", "nvme0n1"], "--print-cmd only tells the plan"),
        (["--json", "--only", "overlay", "--execute"], "--json only tells the plan"),
        (["--image", "out.img"], "--no-flash"),
        (["--image", "out.img", "--no-flash"], "no image of a whole card"),
    ],
)
def test_flags_that_contradict_each_other_are_told(station, capsys, flags, told):
    assert run(station, *flags) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("flags", [["--login", "a b;c"], ["--login", "t", "--host-name", "a b"]])
def test_a_bad_name_is_refused_before_anything_starts(station, tmp_path, capsys, flags):
    assert run(station, *flags, "--yes-erase", "nvme0n1") == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert f"fix: {'Name a user' if len(flags) == 2 else 'Use up to'}" in err
    assert calls(tmp_path) == []
    assert not (tmp_path / "flash_logs").exists()


def test_a_power_mode_that_no_board_has_is_refused_before_anything_starts(
    station, tmp_path, capsys
):
    folder = station.tree / "rootfs/etc/nvpmodel"
    folder.mkdir()
    (folder / "nvpmodel_p3767_0003.conf").write_text("< POWER_MODEL ID=0 NAME=15W >\n")
    argv = ("--login", "tracker", "--power-mode", "99W", "--yes-erase", "nvme0n1")
    assert run(station, *argv) == flash.PREFLIGHT_ERROR
    assert "power mode '99W'" in capsys.readouterr().err
    assert calls(tmp_path) == []
    assert run(station, *argv, "--ignore", "24") == 0


def test_a_folder_that_is_no_bundle_is_told(station, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    argv = ["flash", BOARD, "--l4t", str(station.tree), "--bundle", str(tmp_path / "empty")]
    assert main(argv) == 2
    assert "is no bundle" in capsys.readouterr().err


def test_the_service_gets_what_was_asked_for(station):
    argv = ("--arguments", "v4l2:/dev/video2 --auto hottest", "--user", "pilot")
    more = ("--login", "tracker", "--power-mode", "15W", "--only", "overlay", "--execute")
    assert run(station, *argv, *more) == 0
    unit = (station.tree / "rootfs/etc/systemd/system/thermedge.service").read_text()
    assert "User=pilot" in unit
