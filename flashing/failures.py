"""Texts that NVIDIA's tools write when they fail, and what to do about each.

The tools go on after an error and end with another one, so the first that is recognised
tells most. None of them is worth a second try without a fresh start of the board.

Sources: README_initrd_flash.txt of NVIDIA's BSP R35.3.1; NVIDIA/skills jetson-flash-image;
balena-os/jetson-flash issue 110; OE4T/meta-tegra issues 1414, 1824; OE4T/tegra-demo-distro
issues 306, 344; Seeed-Studio/Linux_for_Tegra issue 53; read 2026-11-20.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

AGAIN = "cycle the board's power and enter recovery again"


@dataclass(frozen=True, slots=True)
class Failure:
    """One known text."""

    name: str
    pattern: str  # regular expression, found anywhere in a line
    meaning: str
    remedy: str


KNOWN = (
    Failure(
        "usb_write",
        r"might be timeout in USB write|Return value 3\b",
        "A write to the board over USB timed out.",
        f"Use a port of the computer itself and a short cable, no hub; echo -1 | sudo tee "
        f"/sys/module/usbcore/parameters/autosuspend; {AGAIN}.",
    ),
    Failure(
        "not_in_recovery",
        r"ECID read failed|[Pp]robing the target board failed",
        "The board doesn't answer in recovery: it isn't in it, or was spoken to before.",
        f"{AGAIN[0].upper()}{AGAIN[1:]}: it answers once.",
    ),
    Failure(
        "boot_timeout",
        r"Timeout\s*$|Device failed to boot to the initrd flash kernel",
        "The board did not come back with its flashing system.",
        "Open the firewall for fc00:1:1::/48, switch IPv6 on, keep NetworkManager off the "
        f"board's network, use a USB 2 port; {AGAIN}.",
    ),
    Failure(
        "eeprom",
        r"Unrecognized module EEPROM|No Board Spec",
        "NVIDIA's tool doesn't know what the module's EEPROM says.",
        f"{AGAIN[0].upper()}{AGAIN[1:]}; if it happens again, the carrier needs a "
        "configuration of its maker: --conf NAME.",
    ),
    Failure(
        "nfs_denied",
        r"mount\.nfs: access denied",
        "The board may not mount this machine's files.",
        "Remove old lines of Linux_for_Tegra from /etc/exports, keep the folder on ext4 (not "
        f"ZFS or overlay), sudo systemctl restart nfs-server; {AGAIN}.",
    ),
    Failure(
        "nfs_missing",
        r"RPC: Program not registered|clnt_create: RPC",
        "The NFS server of this machine doesn't answer.",
        f"sudo systemctl restart rpcbind nfs-server; {AGAIN}.",
    ),
    Failure(
        "exec_format",
        r"Exec format error",
        "This machine can't run programs of the board.",
        "sudo apt install qemu-user-static binfmt-support; then run the same command again.",
    ),
    Failure(
        "cpp",
        r"\bcpp: (command not found|fatal error|error)|cpp: .*No such file",
        "The C preprocessor failed, and the files it should have made will be missing.",
        "sudo apt install cpp device-tree-compiler; look at the first error in the log.",
    ),
    Failure(
        "signed_missing",
        r"cannot stat '?signed/",
        "Nothing was signed, because an earlier command failed.",
        "Look at the first error in the log; it is often a missing program, or a root file "
        "system larger than its partition.",
    ),
    Failure(
        "chip_info",
        r"chip_info\.bin_bak",
        "The tool asked the board what it is and got no answer.",
        f"{AGAIN[0].upper()}{AGAIN[1:]}, with a port of the computer itself.",
    ),
    Failure(
        "no_nvme",
        r"/dev/nvme0n1.*(No such file|not found|does not exist)|nvme0n1 is not found",
        "The board sees no NVMe disk.",
        "Push the disk in until it clicks and screw it down, or choose another --storage.",
    ),
    Failure(
        "no_space",
        r"No space left on device",
        "A disk is full.",
        "Make room beside Linux_for_Tegra; on the board's side take a larger medium.",
    ),
    Failure(
        "busy",
        r"target is busy|umount: .*busy",
        "A folder of the root file system is still mounted.",
        "sudo umount its sys, proc and dev below rootfs/; then run the same command again.",
    ),
)

_COMPILED = tuple((re.compile(one.pattern), one) for one in KNOWN)
# After "showmount" or "exportfs" of NVIDIA's script.
NFS_STATUS = 114


def recognised(line: str) -> Failure | None:
    """Return what a line of a tool tells, None for all other lines."""
    return next((failure for pattern, failure in _COMPILED if pattern.search(line)), None)


def of_status(status: int) -> Failure | None:
    """Return what an exit status tells by itself, None for all but one."""
    if status != NFS_STATUS:
        return None
    return next(one for one in KNOWN if one.name == "nfs_missing")
