"""Facts about the checks of the workstation."""

import pytest

from thermedge.flashing.checks import host


def test_a_pc_with_root_passes(workstation):
    assert host.architecture_and_root(workstation.subject(is_executing=True)) is None


def test_an_arm_machine_is_refused(workstation):
    workstation.answer("uname -m", out="aarch64\n")
    found = host.architecture_and_root(workstation.subject())
    assert found.severity == "error"
    assert "aarch64" in found.problem


@pytest.mark.parametrize(("is_executing", "severity"), [(False, "warning"), (True, "error")])
def test_who_is_not_root_may_look_but_not_flash(workstation, is_executing, severity):
    workstation.answer("id -u", out="1000\n")
    found = host.architecture_and_root(workstation.subject(is_executing=is_executing))
    assert found.severity == severity
    assert "sudo" in found.remedy


def test_a_real_machine_is_not_virtual(workstation):
    assert host.virtual(workstation.subject()) is None


@pytest.mark.parametrize("kind", ["kvm", "vmware", "docker"])
def test_a_virtual_machine_is_told(workstation, kind):
    workstation.answer("systemd-detect-virt", out=f"{kind}\n")
    found = host.virtual(workstation.subject())
    assert found.severity == "warning"
    assert kind in found.problem


def test_windows_linux_is_told(workstation):
    workstation.write("proc/version", "Linux version 5.15.90.1-microsoft-standard-WSL2")
    assert "WSL" in host.virtual(workstation.subject()).problem


def test_a_machine_with_all_programs_passes(workstation):
    assert host.programs(workstation.subject()) is None


@pytest.mark.parametrize(
    ("program", "package"), [("dtc", "device-tree-compiler"), ("showmount", "nfs-common")]
)
def test_a_missing_program_is_named_with_its_package(workstation, program, package):
    (workstation.root / "usr/bin" / program).unlink()
    found = host.programs(workstation.subject())
    assert found.severity == "error"
    assert program in found.problem
    assert found.remedy == f"sudo apt install {package}"


def test_a_missing_python_package_is_named(workstation):
    workstation.answer("python3 -c import yaml", status=1)
    assert "python3-yaml" in host.programs(workstation.subject()).remedy


def test_flash_sh_needs_no_network_programs(workstation):
    (workstation.root / "usr/bin/exportfs").unlink()
    assert host.programs(workstation.subject(storage="sd")) is None
    assert host.programs(workstation.subject()) is not None


def test_a_machine_that_runs_arm64_passes(workstation):
    assert host.arm64_programs(workstation.subject()) is None


def test_without_qemu_no_arm64_program_runs(workstation):
    (workstation.root / "usr/bin/qemu-aarch64-static").unlink()
    found = host.arm64_programs(workstation.subject())
    assert found.severity == "error"
    assert "qemu-user-static" in found.remedy


@pytest.mark.parametrize(
    ("before", "after"), [("enabled", "disabled"), ("POCF", "POC"), ("200b7", "200f3")]
)
def test_a_binfmt_entry_that_does_not_serve_is_no_entry(workstation, before, after):
    path = "proc/sys/fs/binfmt_misc/qemu-aarch64"
    workstation.write(path, (workstation.root / path).read_text().replace(before, after))
    assert "binfmt_misc" in host.arm64_programs(workstation.subject()).problem
