"""Checks of what initrd flashing needs: the board mounts this machine's files over USB.

Source: README_initrd_flash.txt of NVIDIA's BSP R35.3.1; threads of people whom each of
these stopped, read 2026-11-20.
"""

from __future__ import annotations

from thermedge.flashing.checks.finding import Finding, Planned, error, warning

_BOARDS = "fc00:1:1::/48"  # addresses that NVIDIA's script gives to boards
_CANT_EXPORT = {"zfs", "overlayfs", "nfs", "fuseblk", "v9fs"}


def nfs(subject: Planned) -> Finding | None:
    """Check 11: the NFS server answers."""
    machine = subject.machine
    if "nfsd" not in (machine.text("proc/filesystems") or ""):
        return error(
            "Linux has no NFS server loaded.",
            "sudo apt install nfs-kernel-server && sudo modprobe nfsd",
        )
    if "rpc_pipefs" not in (machine.text("proc/self/mounts") or ""):
        return error("rpc_pipefs is not mounted.", "sudo systemctl restart nfs-server")
    if not machine.is_active("nfs-server"):
        return error("The NFS server doesn't run.", "sudo systemctl start nfs-server")
    if machine.output("showmount", "-e", "localhost") is None:
        return error(
            "The NFS server runs, but answers no question: showmount -e localhost fails.",
            "sudo systemctl restart rpcbind nfs-server",
        )
    return None


def file_system(subject: Planned) -> Finding | None:
    """Check 12: not every file system can be exported."""
    kind = subject.machine.output("stat", "-f", "-c", "%T", str(subject.bsp.root))
    if kind not in _CANT_EXPORT:
        return None
    return error(
        f"{subject.bsp.root} lies on {kind}, which can't be exported to the board.",
        "Move Linux_for_Tegra to an ext4 disk of this machine, with sudo cp -a.",
    )


def firewall(subject: Planned) -> Finding | None:
    """Check 13: a firewall makes the flash hang at "Waiting for target to boot-up"."""
    machine = subject.machine
    ufw = machine.output("ufw", "status") or ""
    if "Status: active" in ufw and _BOARDS not in ufw:
        return warning(
            "The firewall ufw is active, and may refuse the board.",
            f"sudo ufw allow from {_BOARDS}",
        )
    rules = machine.output("nft", "list", "ruleset") or ""
    # A chain's line: "type filter hook input priority filter; policy drop;"
    drops = any("hook input" in line and "policy drop" in line for line in rules.splitlines())
    if not drops:
        drops = "-P INPUT DROP" in (machine.output("ip6tables", "-S", "INPUT") or "")
    if drops and "fc00:1:1:" not in rules and "Status: active" not in ufw:
        return warning(
            "The firewall drops what comes in, the board's answers as well.",
            f"sudo ip6tables -I INPUT -s {_BOARDS} -j ACCEPT",
        )
    return None


def ipv6(subject: Planned) -> Finding | None:
    """Check 14: the board is spoken to over IPv6."""
    stated = subject.machine.text("proc/sys/net/ipv6/conf/all/disable_ipv6")
    if stated is None:
        return error(
            "Linux runs without IPv6, which the board is spoken to over.",
            "Take ipv6.disable=1 off the kernel's command line, and start again.",
        )
    if stated.strip() != "0":
        return error(
            "IPv6 is switched off, which the board is spoken to over.",
            "sudo sysctl net.ipv6.conf.all.disable_ipv6=0",
        )
    return None


def services(subject: Planned) -> Finding | None:
    """Check 15: desktop services grab the board's network and disks as they appear."""
    machine = subject.machine
    names = ("NetworkManager", "ModemManager", "udisks2")
    active = [name for name in names if machine.is_active(name)]
    if not active:
        return None
    for path in machine.listed("etc/udev/rules.d/*.rules"):
        text = machine.text(path.relative_to(machine.root).as_posix()) or ""
        if "7035" in text and ("UDISKS_IGNORE" in text or "NM_UNMANAGED" in text):
            return None
    return warning(
        f"{', '.join(active)} may take over the board's network or disks while it is flashed.",
        f"sudo systemctl stop {' '.join(active)} until it is done; desktops: switch "
        "automatic mounting off.",
    )
