"""Checks of room: on this machine, and on the board's storage."""

from __future__ import annotations

from thermedge.flashing import bsp as tools
from thermedge.flashing.checks.finding import Finding, Planned, error

_GIB = 2**30
# Images are copies of the root file system; the rest is for logs and packed partitions.
_COPIES = 2.5
_SPARE_GIB = 15
# As NVIDIA's jetson-disk-image-creator.sh sizes the partition, BSP R35.3.1.
_GROWTH = 1.1
_ROOM_BYTES = 100 * 2**20


def on_host(subject: Planned) -> Finding | None:
    """Check 20: images and copies fit beside Linux_for_Tegra."""
    if subject.machine.environ.get("TMPDIR"):
        return error(
            f"TMPDIR is set to {subject.machine.environ['TMPDIR']}: NVIDIA's scripts would put "
            "their mounts there, and the board could not reach them.",
            "unset TMPDIR",
        )
    free = _number(subject, "df", "-B1", "--output=avail", str(subject.bsp.root))
    used = rootfs_bytes(subject)
    if free is None or used is None:
        return error(
            f"The free space at {subject.bsp.root} can't be told: df or du fails.",
            "Check that the folder can be read, as root.",
        )
    needed = used * _COPIES + _SPARE_GIB * _GIB
    if free >= needed:
        return None
    return error(
        f"{subject.bsp.root} has {free / _GIB:.1f} GiB free, flashing needs "
        f"{needed / _GIB:.1f} GiB.",
        "Make room, or move Linux_for_Tegra to a larger disk with sudo cp -a.",
    )


def on_board(subject: Planned) -> Finding | None:
    """Check 21: the root file system fits its partition, and that the medium."""
    used = rootfs_bytes(subject)
    if used is None:
        return None  # check 20 told
    needed, wanted = partition_bytes(used), subject.plan.wanted.root_gib
    if wanted is not None and needed > wanted * _GIB:
        return error(
            f"The root file system needs a partition of {needed / _GIB:.1f} GiB, and "
            f"--root-gib says {wanted}.",
            f"Give --root-gib {int(needed // _GIB) + 1} or more.",
        )
    medium = medium_bytes(subject)
    largest = max(needed, (wanted or 0) * _GIB)
    if medium is None or largest < medium:
        return None
    return error(
        f"The root partition needs {largest / _GIB:.1f} GiB, and the layout is for a medium "
        f"of {medium / _GIB:.1f} GiB.",
        "Take packages out of rootfs/, or enlarge num_sectors in a copy of the layout.",
    )


def rootfs_bytes(subject: Planned) -> int | None:
    """Return how much the root file system takes, None if it can't be told."""
    return _number(subject, "du", "-sxB1", str(subject.bsp.rootfs))


def partition_bytes(used: int) -> int:
    """Return the size of the partition that so many bytes of files need."""
    return int(used * _GROWTH) + _ROOM_BYTES


def medium_bytes(subject: Planned) -> int | None:
    """Return the size of the medium that the layout is for, None if it doesn't tell."""
    layout, least = subject.plan.storage.external_xml, subject.plan.storage.min_gb
    stated = tools.device_bytes(subject.bsp.root / layout) if layout else None
    return stated if stated is not None or least is None else least * 10**9


def _number(subject: Planned, *argv: str) -> int | None:
    # du fails where a file vanished, but still tells the sum.
    words = subject.machine.run(argv).out.split()
    numbers = [int(word) for word in words if word.isdigit()]
    return numbers[-1] if numbers else None
