"""Facts about plans in words."""

import shlex

import pytest

from thermedge.flashing import describe, plan, preflight
from thermedge.flashing.preflight import Result


def told(workstation, **options):
    subject = workstation.subject(**options)
    results = [*preflight.before_plan(subject), *preflight.of_plan(subject)]
    return "\n".join(describe.lines(subject, results))


def test_a_plan_tells_what_people_must_know_before_they_agree(workstation):
    text = told(workstation, overlay={"power_mode": "25W"})
    for expected in (
        "Jetson Orin Nano 8GB devkit (super)",
        "R36.5.0 (JetPack 6.2.2)  supported >=36.4.3,<37  OK",
        "3-4 0955:7523  OK",
        "layout flash_l4t_t234_nvme.xml, for 62 GB, rootfs 8.0 GiB -> partition of 8.9 GiB  OK",
        "24 ok, 0 warnings, 0 errors, 1 not needed",
        "tracker (sudo, video, render), host name te-01, no password",
        "25W at boot",
        "boot firmware in the QSPI, the NVMe disk /dev/nvme0n1 on the board",
        f"in {workstation.tree}, as root:",
        "  4 ./tools/kernel_flash/l4t_initrd_flash.sh --external-device nvme0n1p1",
    ):
        assert expected in text


def test_what_is_wrong_stands_in_the_plan_with_its_remedy(workstation):
    workstation.unplug()
    workstation.answer("ufw status", out="Status: active\n")
    text = told(workstation)
    assert "no board of NVIDIA found  NOT OK" in text
    assert "error 16 board in recovery: No board waits to be flashed." in text
    assert "fix: sudo ufw allow from fc00:1:1::/48" in text
    assert text.index("error 16") < text.index("warning 13")


def test_a_release_that_nobody_tested_is_shown_as_one(workstation_with):
    assert "R36.9.0 (untested)" in told(workstation_with("36.9.0"))


def test_an_image_erases_nothing(workstation):
    text = told(workstation, is_image_only=True)
    assert "Will ERASE    nothing" in text
    assert "USB           not needed" in text


def test_the_password_is_a_file_name_only(workstation, tmp_path):
    (tmp_path / "pw").write_text("hunter2\n")
    login = plan.Login(user="tracker", host="te-01", password_file=tmp_path / "pw")
    text = told(workstation, login=login)
    assert f"password from {tmp_path / 'pw'} (not shown)" in text
    assert "hunter2" not in text


def test_lines_for_a_shell_give_back_the_arguments(workstation_with):
    workstation = workstation_with("35.6.4")
    made = workstation.subject("xavier-nx-devkit", storage="nvme").plan
    own = {step.name: f"own {step.name}" for step in made.steps}
    lines = describe.shell(made, own)
    env, *argv = shlex.split(lines[-1])
    assert env == "ADDITIONAL_DTB_OVERLAY_OPT=BootOrderNvme.dtbo"
    assert tuple(argv) == made.steps[-1].argv
    assert "own overlay" in lines
    assert lines[1] == f"cd {workstation.tree}"


def test_findings_come_with_errors_first():
    results = [
        Result(1, "a", "warning", "w", "fix w"),
        Result(2, "b", "ok"),
        Result(3, "c", "error", "e", "fix e"),
    ]
    assert [line.split()[0] for line in describe.findings(results)] == [
        *("error", "fix:", "warning", "fix:"),
    ]
    assert describe.summary(results) == "1 ok, 1 warnings, 1 errors, 0 not needed"


@pytest.mark.parametrize("number", [16])
def test_only_errors_and_warnings_are_findings(number):
    assert describe.findings([Result(number, "x", "ok"), Result(17, "y", "skipped")]) == []
