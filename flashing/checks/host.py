"""Checks of the workstation: what it is, and what is installed.

Source: l4t_flash_prerequisites.sh of NVIDIA's BSP R35.3.1 for the programs; NVIDIA's
flashing guide r36.4 for the rest, read 2026-11-20.
"""

from __future__ import annotations

from thermedge.flashing.checks.finding import Finding, Planned, Subject, error, warning

# program -> the package that brings it on Debian and Ubuntu
_PROGRAMS = {
    "sshpass": "sshpass",
    "abootimg": "abootimg",
    "cpp": "cpp",
    "dtc": "device-tree-compiler",
    "xmllint": "libxml2-utils",
    "lbzip2": "lbzip2",
    "lz4": "lz4",
    "zstd": "zstd",
    "openssl": "openssl",
    "cpio": "cpio",
    "uuidgen": "uuid-runtime",
    "mkfs.vfat": "dosfstools",
    "sgdisk": "gdisk",
}
_NETWORK_PROGRAMS = {"exportfs": "nfs-kernel-server", "showmount": "nfs-common"}
_QEMU = "usr/bin/qemu-aarch64-static"
# The first bytes of a 64-bit little-endian ELF file for machine 0xb7, AArch64.
_AARCH64_MAGIC = "7f454c460201010000000000000000000200b7"


def architecture_and_root(subject: Subject) -> Finding | None:
    """Check 1: NVIDIA's flashing programs are x86-64, and need root."""
    architecture = subject.machine.output("uname", "-m")
    if architecture != "x86_64":
        return error(
            f"This machine is {architecture or 'of an unknown kind'}; "
            "NVIDIA's flashing programs run on x86_64 alone.",
            "Flash from a PC with Linux.",
        )
    if subject.machine.output("id", "-u") != "0":
        found = error if subject.is_executing else warning
        return found("You are not root; flashing needs it.", "Run it with sudo.")
    return None


def virtual(subject: Subject) -> Finding | None:
    """Check 2: a virtual machine loses the board when it changes its USB number."""
    if "microsoft" in (subject.machine.text("proc/version") or "").lower():
        return warning(
            "This is Windows' Linux (WSL): it lacks the USB network that flashing needs.",
            "Flash from a PC that runs Linux itself.",
        )
    kind = subject.machine.run(("systemd-detect-virt",)).out.strip()
    if kind not in {"", "none"}:
        return warning(
            f"This machine is virtual ({kind}): the board changes its USB number several "
            "times, and is lost each time unless all of them are passed through.",
            "Flash from a PC itself, or pass through a whole USB controller.",
        )
    return None


def programs(subject: Planned) -> Finding | None:
    """Check 9: some programs are first called when the firmware is already erased."""
    needed = dict(_PROGRAMS)
    if subject.plan.uses_network:
        needed |= _NETWORK_PROGRAMS
    missing = {
        name: package for name, package in needed.items() if not subject.machine.has_program(name)
    }
    if subject.machine.run(("python3", "-c", "import yaml")).status != 0:
        missing["python3's yaml"] = "python3-yaml"
    if not missing:
        return None
    return error(
        f"Programs are missing that NVIDIA's scripts call: {', '.join(missing)}.",
        f"sudo apt install {' '.join(sorted(set(missing.values())))}",
    )


def arm64_programs(subject: Planned) -> Finding | None:
    """Check 10: programs of the board run here while its root file system is prepared."""
    remedy = "sudo apt install qemu-user-static binfmt-support"
    if not (subject.machine.root / _QEMU).exists():
        return error(f"/{_QEMU} is missing, which runs the board's programs here.", remedy)
    for path in subject.machine.listed("proc/sys/fs/binfmt_misc/*"):
        entry = subject.machine.text(path.relative_to(subject.machine.root).as_posix()) or ""
        lines = entry.splitlines()
        if any(line.startswith(f"magic {_AARCH64_MAGIC}") for line in lines):
            flags = next((line for line in lines if line.startswith("flags:")), "")
            if lines[0] == "enabled" and "F" in flags.removeprefix("flags:"):
                return None
    return error(
        "Linux doesn't run arm64 programs here: binfmt_misc has no enabled entry for them "
        "with the flag F.",
        f"{remedy}, then sudo systemctl restart binfmt-support",
    )
