"""Which video nodes this machine has, as sysfs and udev tell."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LINKS = ("by-id", "by-path")


@dataclass(frozen=True, slots=True)
class Roots:
    """Where the system's trees lie; tests have their own."""

    sys: Path = Path("/sys")
    dev: Path = Path("/dev")
    proc: Path = Path("/proc")


SYSTEM = Roots()


@dataclass(frozen=True, slots=True)
class Node:
    """One /dev/videoN, before it is opened."""

    path: str
    name: str  # what sysfs calls it
    index: int  # place among the camera's nodes; pictures come first, data about them later
    usb: str | None = None  # "09cb:4007"
    serial: str | None = None  # of the USB device
    place: str = ""  # of the device in sysfs: the port, whatever the node's number
    by_id: str | None = None  # udev's names, below /dev/v4l
    by_path: str | None = None


def nodes(roots: Roots = SYSTEM) -> list[Node]:
    """Return all video nodes in the order of their numbers."""
    links = {kind: dict(_links(roots.dev / "v4l" / kind)) for kind in _LINKS}
    found = [
        _node(entry, roots, links)
        for entry in roots.sys.joinpath("class/video4linux").glob("video*")
    ]
    return sorted(found, key=lambda node: _number(node.path))


def node_at(path: str, roots: Roots = SYSTEM) -> Node:
    """Return the node behind a path or link; sysfs may know nothing of it."""
    real = os.path.realpath(path)
    known = {os.path.realpath(node.path): node for node in nodes(roots)}
    return known.get(real, Node(real, "", 0))


def users(path: str, roots: Roots = SYSTEM) -> tuple[str, ...]:
    """Return who has a node open, "ffmpeg (1234)", as far as this user may see; not ourselves."""
    real = os.path.realpath(path)
    found = []
    for process in roots.proc.glob("[0-9]*"):
        if process.name != str(os.getpid()) and real in _open_files(process):
            found.append(f"{_read(process / 'comm') or 'a process'} ({process.name})")
    return tuple(sorted(found))


def _open_files(process: Path) -> Iterator[str]:
    try:
        descriptors = os.listdir(process / "fd")
    except OSError:  # another user's, or over by now
        return
    for name in descriptors:
        try:
            yield os.readlink(process / "fd" / name)
        except OSError:
            continue


def _node(entry: Path, roots: Roots, links: dict[str, dict[str, str]]) -> Node:
    path = str(roots.dev / entry.name)
    device = Path(os.path.realpath(entry / "device"))
    usb = _usb_device(device, roots)
    real = os.path.realpath(path)
    ids = [_read(usb / name) for name in ("idVendor", "idProduct")] if usb else []
    return Node(
        path=path,
        name=_read(entry / "name") or "",
        index=int(_read(entry / "index") or 0),
        usb=":".join(each for each in ids if each) or None,
        serial=_read(usb / "serial") if usb else None,
        place=str(device) if (entry / "device").exists() else "",
        by_id=links["by-id"].get(real),
        by_path=links["by-path"].get(real),
    )


def _usb_device(device: Path, roots: Roots) -> Path | None:
    """Return the USB device that an interface belongs to."""
    top = Path(os.path.realpath(roots.sys))
    for folder in (device, *device.parents):
        if folder == top:
            break
        if (folder / "idVendor").is_file():
            return folder
    return None


def _links(folder: Path) -> Iterator[tuple[str, str]]:
    if folder.is_dir():
        for link in sorted(folder.iterdir()):
            yield os.path.realpath(link), link.name


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:
        return None


def _number(path: str) -> int:
    return int(re.sub(r"\D", "", os.path.basename(path)) or 0)
