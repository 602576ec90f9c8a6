"""Checks of the folder Linux_for_Tegra."""

from __future__ import annotations

import filecmp
import os

from thermedge.board_configs import l4t
from thermedge.flashing import bsp as tools
from thermedge.flashing.checks.finding import Finding, Planned, Subject, error, warning

_UNPACK = (
    "sudo tar xpf Tegra_Linux_Sample-Root-Filesystem_R*_aarch64.tbz2 -C Linux_for_Tegra/rootfs"
)
_WIZARD = "nv-oem-config.target"
_FIRST_USER, _NOBODY = 1000, 65534


def known(subject: Subject) -> Finding | None:
    """Check 3: it is that folder, and tells one version."""
    found = subject.bsp
    if not found.has_tools:
        return error(
            f"{found.root} is no Linux_for_Tegra: flash.sh or apply_binaries.sh is missing.",
            "Unpack NVIDIA's Jetson_Linux_R*_aarch64.tbz2, and name the folder it makes: "
            "--l4t .../Linux_for_Tegra",
        )
    if found.l4t is None:
        return error(
            f"{found.root} doesn't tell its version: no nv_tegra_release in nv_tegra/ "
            "or rootfs/etc/.",
            "Unpack the root file system and run sudo ./apply_binaries.sh there.",
        )
    if found.rootfs_l4t not in {None, found.l4t}:
        return error(
            f"The tools are L4T {found.l4t} and the root file system is {found.rootfs_l4t}.",
            f"Empty rootfs/, and unpack the root file system R{found.l4t} into it.",
        )
    return None


def version(subject: Subject) -> Finding | None:
    """Check 4: firmware and system of another line don't boot on the board."""
    board, stated = subject.board, subject.bsp.l4t
    if stated is None:
        return None  # check 3 told
    if board.release_for(stated) is None:
        jetpack = l4t.JETPACK.get(stated)
        return error(
            f"L4T {stated}{f' (JetPack {jetpack})' if jetpack else ''} doesn't run on {board.id}.",
            f"Unpack one of {', '.join(one.l4t for one in board.release)}.",
        )
    if stated not in l4t.JETPACK:
        return warning(
            f"L4T {stated} is newer than this version of ThermEdge: nobody tested it.",
            "Try it on a board that you can spare, or take a release that is listed: "
            f"{', '.join(one for one in l4t.JETPACK if board.release_for(one))}.",
        )
    return None


def files(subject: Planned) -> Finding | None:
    """Check 5: the configuration and all that the steps name is there."""
    bsp, conf = subject.bsp, f"{subject.plan.conf}.conf"
    path = bsp.root / conf
    if path.is_symlink() and not path.exists():
        return error(
            f"{conf} is a link to {os.readlink(path)}, which is missing.",
            "Unpack Linux_for_Tegra again, with its links: not through Windows or a zip file.",
        )
    if not path.exists():
        return error(
            f"{bsp.root} has no {conf}.",
            f"Give --conf with one of {', '.join(bsp.confs()) or 'its *.conf files'}.",
        )
    missing = [name for name in subject.plan.files if not bsp.has(name)]
    if missing:
        return error(
            f"{bsp.root} lacks {', '.join(missing)}, which L4T {bsp.l4t} should have.",
            "Unpack Linux_for_Tegra again.",
        )
    return None


def root_file_system(subject: Planned) -> Finding | None:
    """Check 6: it was unpacked by root, with owners and modes."""
    rootfs = subject.bsp.rootfs
    if not (rootfs / "bin/bash").exists():
        return error(f"{rootfs} is empty: it has no bin/bash.", _UNPACK)
    stated = subject.machine.output("stat", "-c", "%u %a", str(rootfs / "usr/bin/sudo"))
    if stated != "0 4755":
        owner, _, mode = (stated or "nobody's of mode 0").partition(" ")
        return error(
            f"{rootfs}/usr/bin/sudo belongs to user {owner} with mode {mode}, not to 0 with "
            "mode 4755: sudo would not work on the board.",
            f"Remove rootfs/ and unpack it as root, with the letter p: {_UNPACK}",
        )
    return None


def applied(subject: Planned) -> Finding | None:
    """Check 7: apply_binaries.sh ran to its end. If it never ran, the plan runs it."""
    if any(step.name == "apply_binaries" for step in subject.plan.steps):
        return None
    remedy = "Empty rootfs/, unpack it again, and run sudo ./apply_binaries.sh there."
    missing = [name for name in tools.APPLIED if not subject.bsp.has(name)]
    if missing:
        return error(f"apply_binaries.sh broke off: {', '.join(missing)} is missing.", remedy)
    ours, theirs = subject.bsp.root / "kernel/Image", subject.bsp.rootfs / "boot/Image"
    if ours.exists() and not filecmp.cmp(ours, theirs, shallow=False):
        return error(
            "kernel/Image and rootfs/boot/Image differ: the board would not boot to the "
            "system that flashes it.",
            "If the kernel is your own, put it in both places; otherwise: "
            f"{remedy[0].lower()}{remedy[1:]}",
        )
    return None


def user(subject: Planned) -> Finding | None:
    """Check 8: without a user the board waits for a screen and a keyboard."""
    if any(step.name == "user" for step in subject.plan.steps):
        return None
    remedy = "Let ThermEdge make one: --login NAME --password-file FILE"
    try:
        passwd = (subject.bsp.rootfs / "etc/passwd").read_text(encoding="utf-8")
    except OSError:
        passwd = ""
    numbers = [line.split(":")[2] for line in passwd.splitlines() if line.count(":") >= 6]
    if not any(one.isdigit() and _FIRST_USER <= int(one) < _NOBODY for one in numbers):
        return error("Nobody could log in to the board: its root file system has no user.", remedy)
    target = subject.bsp.rootfs / "etc/systemd/system/default.target"
    if target.is_symlink() and _WIZARD in os.readlink(target):
        return error(
            "The board would wait for NVIDIA's wizard, which needs a screen: default.target "
            f"leads to {_WIZARD}.",
            remedy,
        )
    return None


def leftovers(subject: Planned) -> Finding | None:
    """Check 22: what an earlier flash left behind stops the next one."""
    root, machine = subject.bsp.root, subject.machine
    found = [
        f"folder {name}"
        for name in ("temp_initrdflash", "tools/kernel_flash/tmp")
        if (root / name).exists()
    ]
    exports = machine.text("etc/exports") or ""
    found += ["lines in /etc/exports"] if str(root) in exports else []
    mounts = [line.split()[1] for line in (machine.text("proc/self/mounts") or "").splitlines()]
    busy = [path for path in mounts if path.startswith(f"{subject.bsp.rootfs}/")]
    found += [f"mount {path}" for path in busy]
    if not found:
        return None
    return warning(
        f"An earlier flash left behind: {', '.join(found)}.",
        f"sudo umount {' '.join(reversed(busy))}"
        if busy
        else f"Remove the folders below {root}, and its lines in /etc/exports.",
    )
