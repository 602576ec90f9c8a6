"""Facts about the checks of what is written, and of consent."""

import pytest

from thermedge.flashing import plan
from thermedge.flashing.checks import consent


def test_a_whole_plan_passes(workstation):
    subject = workstation.subject(yes_erase="nvme0n1")
    assert consent.contents(subject) is None
    assert consent.agreed(subject) is None


def eeprom_says(workstation, board):
    workstation.answer("env --chdir", out=f"reading\n{board} found.\n")


@pytest.mark.parametrize("board", ["jetson-orin-nano-devkit", "jetson-orin-nano-devkit-super"])
def test_the_module_that_was_named_passes(workstation, board):
    eeprom_says(workstation, board)
    assert consent.eeprom(workstation.subject()) is None


def test_another_module_is_refused(workstation):
    eeprom_says(workstation, "jetson-agx-orin-devkit")
    found = consent.eeprom(workstation.subject())
    assert found.severity == "error"
    assert "jetson-agx-orin-devkit" in found.problem


def test_a_module_that_says_nothing_is_no_other_module(workstation):
    workstation.answer("env --chdir", 1, "Error: probing the target board failed.\n")
    assert consent.eeprom(workstation.subject()) is None


def test_the_module_is_asked_without_a_shell(workstation):
    consent.eeprom(workstation.subject())
    assert workstation.runner.asked[-1] == [
        *("env", f"--chdir={workstation.tree}", "./nvautoflash.sh", "--print_boardid")
    ]


def test_a_board_whose_python_is_too_old_is_refused(workstation_with):
    found = consent.contents(workstation_with("35.4.1").subject("xavier-nx-devkit"))
    assert found.severity == "error"
    assert "3.8" in found.problem


def test_a_damaged_bundle_is_refused(workstation, tmp_path):
    broken = tmp_path / "bundle"
    broken.mkdir()
    found = consent.contents(workstation.subject(overlay={"bundle": broken}))
    assert found.severity == "error"


def test_wheels_for_another_python_are_refused(workstation, tmp_path):
    house = tmp_path / "wheelhouse"
    house.mkdir()
    (house / "numpy-1.26.4-cp312-cp312-manylinux_2_17_aarch64.whl").touch()
    found = consent.contents(workstation.subject(overlay={"wheelhouse": house}))
    assert found.severity == "error"


NVPMODEL = """\
# < POWER_MODEL ID=9 NAME=OLD >
< POWER_MODEL ID=0 NAME=15W >
CPU_ONLINE CORE_0 1
< POWER_MODEL ID=1 NAME=MINE >
"""


def powered(workstation, mode, board="orin-nano-8gb-devkit-super"):
    return consent.contents(workstation.subject(board, overlay={"power_mode": mode}))


def test_a_power_mode_that_nobody_confirmed_is_a_warning_before_the_drivers_are_there(workstation):
    assert powered(workstation, "7W") is None
    found = powered(workstation, "99W")
    assert found.severity == "warning"
    assert "25W" in found.remedy
    # Nothing is known of this one.
    assert powered(workstation, "99W", "agx-orin-devkit") is None


def test_a_power_mode_that_no_file_of_nvidia_names_is_refused(workstation):
    folder = workstation.tree / "rootfs/etc/nvpmodel"
    folder.mkdir()
    (folder / "nvpmodel_p3767_0003.conf").write_text(NVPMODEL)
    for known in ("MINE", "25W"):
        assert powered(workstation, known) is None
    for unknown in ("99W", "OLD"):
        found = powered(workstation, unknown)
        assert found.severity == "error"
        assert "15W" in found.remedy
    assert powered(workstation, "99W", "agx-orin-devkit").severity == "error"


@pytest.fixture
def password(tmp_path):
    path = tmp_path / "pw"
    path.write_text("secret\n")
    return path


def login(path):
    return plan.Login(user="tracker", host="te-01", password_file=path)


def test_a_password_file_of_ones_own_passes(workstation, password):
    assert consent.contents(workstation.subject(login=login(password))) is None


def test_a_password_file_that_others_read_is_refused(workstation, password):
    workstation.answer("stat -c %a", out="644\n")
    found = consent.contents(workstation.subject(login=login(password)))
    assert "chmod 600" in found.remedy


@pytest.mark.parametrize("text", ["", "\nsecond line\n"])
def test_a_password_file_without_a_password_is_refused(workstation, password, text):
    password.write_text(text)
    assert "no password" in consent.contents(workstation.subject(login=login(password))).problem


def test_a_missing_password_file_is_refused(workstation, tmp_path):
    found = consent.contents(workstation.subject(login=login(tmp_path / "none")))
    assert "can't be read" in found.problem


@pytest.mark.parametrize("given", [None, "nvme0n1", "/dev/nvme0n1"])
def test_a_dry_run_and_the_right_device_are_consent(workstation, given):
    assert consent.agreed(workstation.subject(yes_erase=given)) is None


@pytest.mark.parametrize("given", ["", "sda", "nvme0n1p1", "yes"])
def test_any_other_word_is_none(workstation, given):
    found = consent.agreed(workstation.subject(yes_erase=given))
    assert found.severity == "error"
    assert "--yes-erase nvme0n1" in found.remedy


def test_a_password_that_would_be_cut_short_is_told_before_anything_is_written(
    workstation, password
):
    password.write_text("a" * 300)
    found = consent.contents(workstation.subject(login=login(password)))
    assert found.severity == "error"
    assert "longer than 256 bytes" in found.problem
