"""Find the camera that a user means, and find it again after it was away."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass

from thermedge.errors import SourceError
from thermedge.runtime.sources.capture import nodes as connected
from thermedge.runtime.sources.capture import profiles
from thermedge.runtime.sources.capture.address import Address
from thermedge.runtime.sources.capture.device import Device, Identity
from thermedge.runtime.sources.capture.kernel import Kernel
from thermedge.runtime.sources.capture.nodes import Node, Roots

_LOOK = "Run `thermedge cameras` to see what is connected."
_GONE = (errno.ENODEV, errno.ENXIO, errno.ENOENT)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node that could be looked into."""

    node: Node
    identity: Identity
    profile: profiles.Profile

    def __str__(self) -> str:
        """Return where it is and what it is."""
        serial = f", serial {self.node.serial}" if self.node.serial else ""
        return f"{self.node.path} ({self.identity.card}{serial})"


def find(address: Address, kernel: Kernel, roots: Roots) -> Node:
    """Return the node that an address means.

    Raises:
        SourceError: There is none, or several, or it can't be opened.
        MissingDependencyError: linuxpy is not installed.
    """
    if address.how == "auto":
        return _only_known(kernel, roots)
    if address.how == "serial":
        return _with_serial(address.name, kernel, roots)
    return _at_path(address.name, roots)


def find_again(before: Node, roots: Roots) -> Node | None:
    """Return the node of the same camera, by serial number or port, None while it is away.

    The number in /dev/videoN tells nothing: it may be another one's by now.
    """
    there = [
        node
        for node in connected.nodes(roots)
        if (node.usb, node.index, node.name) == (before.usb, before.index, before.name)
    ]
    if before.serial:
        same = [node for node in there if node.serial == before.serial]
        if len(same) == 1:
            return same[0]
        there = same  # clones share one number, so the port must tell them apart
    if before.place:
        return next((node for node in there if node.place == before.place), None)
    if before.name:
        return there[0] if len(there) == 1 else None
    return before if os.path.exists(before.path) else None


def is_same(before: Identity, now: Identity, node: Node) -> bool:
    """Return whether an opened camera is the one from before."""
    if (before.driver, before.card) != (now.driver, now.card):
        return False
    # A serial number is the camera's wherever it is plugged in.
    return bool(node.serial) or before.bus == now.bus


def check_captures(identity: Identity, node: Node, kernel: Kernel, roots: Roots) -> None:
    """Refuse a node that delivers no pictures.

    Raises:
        SourceError: With the node that does, if the camera has one.
    """
    if identity.captures:
        return
    siblings = [each for each in connected.nodes(roots) if _are_one(each, node)]
    where = " or ".join(each.path for each in siblings if _may_capture(each, kernel))
    if identity.is_metadata:
        what = f"carries data about the pictures of {identity.card}, not the pictures"
    elif identity.is_multiplanar:
        what = f"({identity.card}) delivers through V4L2's multi-planar API only"
    else:
        what = f"({identity.card}) is not a capture device"
    raise SourceError(f"{node.path} {what}.", f"Give v4l2:{where} instead." if where else _LOOK)


def explained(error: OSError, path: str, roots: Roots) -> SourceError:
    """Return what a driver's or the system's refusal means, and what to do about it."""
    number = error.errno
    if number in (errno.EACCES, errno.EPERM):
        return SourceError(
            f"{path} may not be opened by this user: {error.strerror}.",
            "Join the group `video` (sudo usermod -aG video $USER) and log in again; in a "
            "container give it the device and that group.",
        )
    if number == errno.EBUSY:
        others = connected.users(path, roots)
        by = f" by {', '.join(others)}" if others else ""
        return SourceError(
            f"{path} is in use{by}: only one program at a time gets its frames.",
            f"End the other program; `fuser -v {path}` names it.",
        )
    if number in _GONE:
        return SourceError(f"{path} does not exist or went away.", _LOOK)
    if number in (errno.ENOTTY, errno.EISDIR):
        return SourceError(f"{path} is not a V4L2 device.", _LOOK)
    if number == errno.ENOSPC:
        return SourceError(
            f"{path} can't stream: there is too little USB bandwidth left.",
            "Plug it into another port or hub, or ask for a smaller ?size= or ?rate=",
        )
    return SourceError(
        f"{path} fails: {error.strerror or error}.",
        "Unplug the camera, wait, plug it in again; `dmesg` may say more.",
    )


@contextlib.contextmanager
def opened(path: str, kernel: Kernel) -> Iterator[Device]:
    """Open a node and close it at the end."""
    device = Device(kernel, path)
    try:
        yield device
    finally:
        device.close()


def _candidates(kernel: Kernel, roots: Roots) -> tuple[list[Candidate], SourceError | None]:
    """Return all nodes that deliver pictures, and why the first closed one stays closed."""
    found, refusal = [], None
    for node in connected.nodes(roots):
        try:
            with opened(node.path, kernel) as device:
                identity = device.identity()
                if identity.captures:
                    profile = profiles.best_match(identity, node.usb, device.offers())
                    found.append(Candidate(node, identity, profile))
        except OSError as error:
            refusal = refusal or explained(error, node.path, roots)
    return found, refusal


def _only_known(kernel: Kernel, roots: Roots) -> Node:
    there, refusal = _candidates(kernel, roots)
    known = [each for each in there if each.profile.is_known]
    if len(known) == 1:
        return known[0].node
    if known:
        listed = ", ".join(f"{each} is {each.profile.title}" for each in known)
        raise SourceError(
            f"{len(known)} thermal cameras are connected: {listed}.",
            f"Name one, for example v4l2:{lasting_name(known[0].node)}",
        )
    if refusal is not None:
        raise refusal
    listed = ", ".join(map(str, there)) or "no camera at all"
    raise SourceError(
        f"No connected camera is of a known thermal family; there is {listed}.",
        f"Name one, for example v4l2:{lasting_name(there[0].node)}" if there else _LOOK,
    )


def _with_serial(serial: str, kernel: Kernel, roots: Roots) -> Node:
    there, refusal = _candidates(kernel, roots)
    found = [each for each in there if each.node.serial == serial]
    if len({each.node.place for each in found}) == 1:
        return found[0].node
    if found:
        listed = ", ".join(each.node.by_path or each.node.path for each in found)
        raise SourceError(
            f"{len(found)} cameras share the serial number {serial}: {listed}.",
            "Name one by its port: v4l2:by-path/NAME",
        )
    if refusal is not None:
        raise refusal
    others = ", ".join(str(each) for each in there if each.node.serial) or "none with a number"
    raise SourceError(
        f"No connected camera has the serial number {serial}; there is {others}.", _LOOK
    )


def _at_path(path: str, roots: Roots) -> Node:
    real = path
    if path.startswith("/dev/"):
        real = str(roots.dev / path.removeprefix("/dev/"))
    if not os.path.exists(real):
        listed = ", ".join(lasting_name(node) for node in connected.nodes(roots))
        raise SourceError(
            f"{path} does not exist; connected is {listed or 'no camera at all'}.", _LOOK
        )
    return connected.node_at(real, roots)


def lasting_name(node: Node) -> str:
    """Return the name that survives a restart, if there is one."""
    if node.by_id:
        return f"by-id/{node.by_id}"
    return f"by-path/{node.by_path}" if node.by_path else node.path


def _may_capture(node: Node, kernel: Kernel) -> bool:
    """Return whether a node delivers pictures, also when it can't be asked right now."""
    try:
        with opened(node.path, kernel) as device:
            return device.identity().captures
    except OSError:
        return True


def _are_one(one: Node, other: Node) -> bool:
    return bool(one.place) and one.place == other.place and one.path != other.path
