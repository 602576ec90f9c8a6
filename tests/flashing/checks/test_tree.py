"""Facts about the checks of Linux_for_Tegra."""

import dataclasses

import pytest

from thermedge.flashing import bsp
from thermedge.flashing.checks import tree

NANO, XAVIER = "nano-4gb-devkit", "xavier-nx-devkit"


def looked_again(workstation, subject):
    return dataclasses.replace(subject, bsp=bsp.look(workstation.tree))


def test_a_whole_tree_passes(workstation):
    subject = workstation.subject()
    for check in (tree.known, tree.version, tree.files, tree.root_file_system, tree.applied):
        assert check(subject) is None
    assert tree.user(subject) is None
    assert tree.leftovers(subject) is None


def test_another_folder_is_no_tree(workstation):
    subject = workstation.subject()
    (workstation.tree / "flash.sh").unlink()
    found = tree.known(looked_again(workstation, subject))
    assert found.severity == "error"
    assert str(workstation.tree) in found.problem


def test_a_tree_without_version_is_refused(workstation):
    subject = workstation.subject()
    (workstation.tree / "nv_tegra/nv_tegra_release").unlink()
    (workstation.tree / "rootfs/etc/nv_tegra_release").write_text("something else\n")
    found = tree.known(looked_again(workstation, subject))
    assert "version" in found.problem
    assert "apply_binaries.sh" in found.remedy


def test_tools_and_root_file_system_of_two_releases_are_refused(workstation):
    subject = workstation.subject()
    (workstation.tree / "rootfs/etc/nv_tegra_release").write_text("# R36 (release), REVISION: 4.3,")
    found = tree.known(looked_again(workstation, subject))
    assert "36.5.0" in found.problem
    assert "36.4.3" in found.problem


@pytest.mark.parametrize(
    ("l4t", "board"), [("36.5.0", XAVIER), ("38.2.0", "orin-nx-8gb"), ("35.4.1", NANO)]
)
def test_an_l4t_of_other_boards_is_refused(workstation_with, l4t, board):
    from thermedge import board_configs
    from thermedge.flashing.checks.finding import Subject

    workstation = workstation_with(l4t)
    subject = Subject(
        machine=workstation.machine,
        bsp=bsp.look(workstation.tree),
        board=board_configs.read(board),
    )
    found = tree.version(subject)
    assert found.severity == "error"
    assert l4t in found.problem
    assert board in found.problem


def test_a_release_that_nobody_tested_is_told_not_refused(workstation_with):
    found = tree.version(workstation_with("36.9.0").subject())
    assert found.severity == "warning"
    assert "36.9.0" in found.problem
    assert "36.5.0" in found.remedy


def test_a_configuration_whose_link_leads_nowhere_is_told(workstation):
    subject = workstation.subject()
    (workstation.tree / "real.conf.common").unlink()
    found = tree.files(subject)
    assert found.severity == "error"
    assert "real.conf.common" in found.problem


def test_a_missing_configuration_is_told_with_those_that_are_there(workstation):
    found = tree.files(workstation.subject(conf="recomputer-orin-j401"))
    assert "recomputer-orin-j401.conf" in found.problem
    assert "jetson-orin-nano-devkit-super" in found.remedy


def test_a_configuration_of_another_maker_is_taken(workstation):
    (workstation.tree / "recomputer-orin-j401.conf").write_text("")
    assert tree.files(workstation.subject(conf="recomputer-orin-j401")) is None


@pytest.mark.parametrize(
    "path",
    [
        "tools/kernel_flash/flash_l4t_t234_nvme.xml",
        "bootloader/generic/cfg/flash_t234_qspi.xml",
        "tools/l4t_create_default_user.sh",
    ],
)
def test_a_missing_file_of_the_plan_is_named(workstation, path):
    subject = workstation.subject()
    (workstation.tree / path).unlink()
    assert path in tree.files(subject).problem


def test_an_empty_root_file_system_is_told(workstation):
    (workstation.tree / "rootfs/bin/bash").unlink()
    assert "tar xpf" in tree.root_file_system(workstation.subject()).remedy


@pytest.mark.parametrize("stated", ["1000 4755", "0 755"])
def test_a_root_file_system_that_was_not_unpacked_by_root_is_refused(workstation, stated):
    workstation.answer("stat -c %u %a", out=f"{stated}\n")
    found = tree.root_file_system(workstation.subject())
    assert found.severity == "error"
    assert stated.split()[1] in found.problem


@pytest.mark.parametrize("path", bsp.APPLIED[1:])
def test_apply_binaries_that_broke_off_is_seen(workstation, path):
    (workstation.tree / path).unlink()
    found = tree.applied(workstation.subject())
    assert found.severity == "error"
    assert path in found.problem


def test_another_kernel_in_the_root_file_system_is_seen(workstation):
    (workstation.tree / "rootfs/boot/Image").write_text("other!")
    assert "differ" in tree.applied(workstation.subject()).problem


def test_apply_binaries_that_never_ran_is_no_error_as_the_plan_runs_it(workstation_with):
    subject = workstation_with(is_applied=False).subject()
    assert subject.plan.steps[0].name == "apply_binaries"
    assert tree.applied(subject) is None


def test_a_board_that_nobody_could_log_in_to_is_refused(workstation):
    found = tree.user(workstation.subject(login=None))
    assert found.severity == "error"
    assert "--login" in found.remedy


def test_a_user_who_is_there_is_enough(workstation):
    with (workstation.tree / "rootfs/etc/passwd").open("a") as file:
        file.write("someone:x:1000:1000::/home/someone:/bin/bash\n")
    assert tree.user(workstation.subject(login=None)) is None


def test_the_wizard_needs_a_screen(workstation):
    with (workstation.tree / "rootfs/etc/passwd").open("a") as file:
        file.write("someone:x:1000:1000::/home/someone:/bin/bash\n")
    target = workstation.tree / "rootfs/etc/systemd/system/default.target"
    target.symlink_to("/lib/systemd/system/nv-oem-config.target")
    assert "wizard" in tree.user(workstation.subject(login=None)).problem


def test_folders_of_a_broken_flash_are_told(workstation):
    (workstation.tree / "temp_initrdflash").mkdir()
    found = tree.leftovers(workstation.subject())
    assert found.severity == "warning"
    assert "temp_initrdflash" in found.problem


def test_exports_of_a_broken_flash_are_told(workstation):
    workstation.write("etc/exports", f"{workstation.tree}/rootfs fc00:1:1::/48(rw)\n")
    assert "/etc/exports" in tree.leftovers(workstation.subject()).problem


def test_mounts_of_a_broken_flash_are_told_with_how_to_undo_them(workstation):
    proc = f"{workstation.tree}/rootfs/proc"
    workstation.write("proc/self/mounts", f"proc {proc} proc rw 0 0\n")
    assert tree.leftovers(workstation.subject()).remedy == f"sudo umount {proc}"
