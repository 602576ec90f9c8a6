"""Facts about the checks of room."""

import pytest

from thermedge.flashing.checks import space

GIB = 2**30


def test_enough_room_passes(workstation):
    assert space.on_host(workstation.subject()) is None
    assert space.on_board(workstation.subject()) is None


def test_too_little_room_is_told_with_how_much_is_needed(workstation):
    workstation.answer("df -B1", out=f"Avail\n{34 * GIB}\n")
    found = space.on_host(workstation.subject())
    assert found.severity == "error"
    assert "35.0 GiB" in found.problem  # 8 x 2.5 + 15


def test_just_enough_room_is_enough(workstation):
    workstation.answer("df -B1", out=f"Avail\n{35 * GIB}\n")
    assert space.on_host(workstation.subject()) is None


def test_another_folder_for_temporary_files_is_refused(workstation):
    workstation.environ["TMPDIR"] = "/mnt/scratch"
    assert "/mnt/scratch" in space.on_host(workstation.subject()).problem


def test_room_that_cannot_be_told_is_an_error(workstation):
    workstation.answer("df -B1", status=1)
    assert "can't be told" in space.on_host(workstation.subject()).problem


def test_a_root_file_system_larger_than_the_medium_is_refused(workstation):
    workstation.answer("du -sxB1", out=f"{60 * GIB}\t/rootfs\n")
    found = space.on_board(workstation.subject())
    assert found.severity == "error"
    assert "66.1 GiB" in found.problem


def test_a_partition_that_is_too_small_is_told_with_what_would_do(workstation):
    found = space.on_board(workstation.subject(root_gib=8))
    assert "--root-gib 9" in found.remedy
    assert space.on_board(workstation.subject(root_gib=9)) is None


def test_a_partition_larger_than_the_medium_is_refused(workstation):
    assert space.on_board(workstation.subject(root_gib=100)).severity == "error"


def test_the_sizes_of_the_shown_plan_hold():
    used = int(7.9 * GIB)
    assert space.partition_bytes(used) / GIB == pytest.approx(8.8, abs=0.05)


def test_a_layout_that_tells_no_size_is_taken_as_the_board_file_says(workstation):
    layout = workstation.tree / "tools/kernel_flash/flash_l4t_t234_nvme.xml"
    layout.write_text('<partition_layout><device sector_size="512"/></partition_layout>')
    assert space.medium_bytes(workstation.subject()) == 64 * 10**9
    assert space.medium_bytes(workstation.subject(storage="sd")) is None
