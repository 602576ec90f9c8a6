"""Boot the guest once, let it run its checks, and return what came of them."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from debian import Packages, tools_in


@dataclass(frozen=True)
class Architecture:
    """One kind of guest, as everybody calls it."""

    debian: str
    wheels: str  # in the names of wheels, and of qemu's programs
    qemu_package: str
    console: str
    machine: tuple[str, ...]  # what qemu imitates


# Imitated on purpose: that works everywhere, and a /dev/kvm that opens need not boot a stock
# kernel. numpy's wheels need a newer CPU than qemu's default one.
ARCHITECTURES = {
    "amd64": Architecture(
        "amd64", "x86_64", "qemu-system-x86", "ttyS0", ("-M", "q35,usb=off", "-cpu", "max")
    ),
    "arm64": Architecture(
        *("arm64", "aarch64", "qemu-system-arm", "ttyAMA0"),
        ("-M", "virt,gic-version=3", "-cpu", "cortex-a72"),
    ),
}
# A busy host must not upset the guest's clocks, nor its USB cameras fall asleep between checks:
# the virtual controller can't wake them up.
KERNEL_OPTIONS = (
    "panic=-1 edd=off no_timer_check clocksource=hpet usbcore.autosuspend=-1 "
    "mitigations=off random.trust_cpu=on quiet"
)


def fetch_qemu(packages: Packages, architecture: Architecture, folder: Path) -> None:
    """Unpack qemu, and the libraries that the host lacks, below `folder`."""
    needed = packages.needed(architecture.qemu_package)
    if needed:  # else it is installed
        packages.unpack(needed, folder)


@dataclass(frozen=True, kw_only=True)
class Guest:
    """The parts of a machine that can be switched on."""

    architecture: Architecture
    qemu: Path  # the folder below which it was unpacked; empty where the host has it
    kernel: Path
    initramfs: Path
    discs: tuple[Path, ...]  # vda, vdb


def run(guest: Guest, results: Path, *, timeout_s: float) -> int:
    """Boot, wait for the end, and return the exit status of the guest's checks.

    Raises:
        RuntimeError: The guest died or took too long.
    """
    architecture = guest.architecture
    command = [
        *(f"qemu-system-{architecture.wheels}", *architecture.machine),
        *("-accel", "tcg,thread=multi,tb-size=1024", "-smp", "2", "-m", "2048"),
        *("-nodefaults", "-display", "none", "-nic", "none", "-no-reboot"),
        *("-L", str(guest.qemu / "usr/share/qemu"), "-L", str(guest.qemu / "usr/share/seabios")),
        *("-kernel", str(guest.kernel), "-initrd", str(guest.initramfs)),
        *("-append", f"console={architecture.console} {KERNEL_OPTIONS}"),
        *("-serial", f"file:{results / 'console'}"),
        *("-chardev", "stdio,id=talk,signal=off", "-device", "virtio-serial-pci"),
        *("-device", "virtserialport,chardev=talk"),
        *("-fsdev", f"local,id=results,path={results},security_model=none"),
        *("-device", "virtio-9p-pci,fsdev=results,mount_tag=results"),
    ]
    for disc in guest.discs:
        command += ["-drive", f"if=virtio,format=raw,readonly=on,file={disc}"]
    _wait(command, tools_in(guest.qemu), timeout_s)
    status = results / "status"
    if not status.is_file():
        console = (results / "console").read_text(encoding="utf-8", errors="replace")
        raise RuntimeError(f"the guest died; its console ends with\n{console[-3000:]}")
    return int(status.read_text(encoding="utf-8"))


def _wait(command: list[str], environment: dict[str, str], timeout_s: float) -> None:
    # At the end of its input qemu would take the terminal for gone, so it gets a silent one.
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as qemu:
        try:
            qemu.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise RuntimeError(f"the guest took longer than {timeout_s:.0f} s") from error
        finally:
            qemu.kill()
