"""Lines of NVIDIA's tools that tell how far they are.

Source: l4t_initrd_flash.sh and flash.sh as run by several people, read 2026-11-20. The whole
takes 7 to 40 minutes.
"""

from __future__ import annotations

_MILESTONES = (
    ("Waiting for target to boot-up", "the board starts its flashing system; 30 s is usual"),
    ("SSH ready", "the board answers"),
    ("Flash is successful", "all is written"),
    ("Successfully flash the external device", "the disk is written, firmware follows"),
    ("Successfully flashed the external device", "the disk is written, firmware follows"),
    ("Successfully flash the qspi", "the firmware is written"),
)


def reached(line: str) -> str | None:
    """Return what a line tells of the progress, None for most lines."""
    return next((words for text, words in _MILESTONES if text in line), None)
