"""Versions of Jetson Linux (L4T): read them, compare them, name their JetPack."""

from __future__ import annotations

import re

# L4T -> JetPack, each release by its own name. NVIDIA's JetPack archive, as listed by
# rbonghi/jetson_stats @f41d5ca and OE4T/meta-tegra @d5d93dc, read 2026-11-20. A release that
# is not here is newer than this list, or one that nobody looked at: untested.
JETPACK = {
    "32.6.1": "4.6",
    "32.7.1": "4.6.1",
    "32.7.2": "4.6.2",
    "32.7.3": "4.6.3",
    "32.7.4": "4.6.4",
    "32.7.5": "4.6.5",
    "32.7.6": "4.6.6",
    "35.2.1": "5.1",
    "35.3.1": "5.1.1",
    "35.4.1": "5.1.2",
    "35.5.0": "5.1.3",
    "35.6.0": "5.1.4",
    "35.6.1": "5.1.5",
    "35.6.2": "5.1.5",
    "35.6.4": "5.1.6",
    "36.3.0": "6.0",
    "36.4.0": "6.1",
    "36.4.3": "6.2",
    "36.4.4": "6.2.1",
    "36.4.7": "6.2.1",
    "36.5.0": "6.2.2",
    "38.2.0": "7.0",
    "38.2.1": "7.0",
    "38.2.2": "7.0",
    "38.4.0": "7.1",
    "39.2.0": "7.2",
    "39.2.1": "7.2.1",
}

_RELEASE_LINE = re.compile(r"#\s*R(\d+)\s*\(release\),\s*REVISION:\s*(\d+(?:\.\d+)?)(?![.\d])")
_BOUND = re.compile(r"(>=|<)(\d+(?:\.\d+){0,2})")


def from_release_file(text: str) -> str | None:
    """Return the version that a file `nv_tegra_release` states, None if it states none.

    >>> from_release_file("# R36 (release), REVISION: 4.3, GCID: 1, BOARD: generic")
    '36.4.3'
    """
    found = _RELEASE_LINE.search(text)
    return f"{found[1]}.{found[2]}" if found else None


def parse(version: str) -> tuple[int, int, int]:
    """Return the three numbers of a version; missing ones count as 0.

    Raises:
        ValueError: It has another form than 36, 36.4 or 36.4.3.
    """
    if not re.fullmatch(r"\d+(\.\d+){0,2}", version):
        raise ValueError(f"{version!r} is no version of L4T")
    major, minor, point = [*map(int, version.split(".")), 0, 0][:3]
    return major, minor, point


def bounds(span: str) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Return the lowest version of a range, and the first one above it.

    Args:
        span: As in board files: ">=36.4.3,<37".

    Raises:
        ValueError: It has another form, or nothing lies in it.
    """
    parts = [_BOUND.fullmatch(part) for part in span.split(",")]
    if [part and part[1] for part in parts] != [">=", "<"]:
        raise ValueError(f"{span!r} is no range of L4T versions like '>=36.4.3,<37'")
    low, high = (parse(part[2]) for part in parts if part)
    if low >= high:
        raise ValueError(f"nothing lies in the range {span!r}")
    return low, high


def is_within(version: str, span: str) -> bool:
    """Return whether `version` lies in the range `span`."""
    low, high = bounds(span)
    return low <= parse(version) < high
