"""What is connected, as a person or a script wants to read it."""

from __future__ import annotations

from dataclasses import dataclass

from thermedge.optional import require
from thermedge.runtime.sources.capture import finding, nodes, profiles
from thermedge.runtime.sources.capture.device import Device, Offer
from thermedge.runtime.sources.capture.kernel import Kernel, Linux
from thermedge.runtime.sources.capture.nodes import SYSTEM, Node, Roots


@dataclass(frozen=True, slots=True)
class Listed:
    """One way in which a camera delivers."""

    format: str
    size: str  # 640x512, or a range
    rates_hz: tuple[float, ...]  # empty when the driver doesn't tell


@dataclass(frozen=True, slots=True)
class Connected:
    """One node that delivers pictures, or could not be looked into."""

    path: str
    card: str
    driver: str | None
    bus: str | None
    usb: str | None
    serial: str | None
    by_id: str | None
    by_path: str | None
    uri: str  # what to give to track-camera
    profile: str | None
    title: str | None  # of the profile
    hints: tuple[str, ...]
    formats: tuple[Listed, ...]
    is_streaming: bool  # somebody else has its frames
    users: tuple[str, ...]  # who has it open
    problem: str | None  # why it could not be looked into


def connected(kernel: Kernel | None = None, roots: Roots = SYSTEM) -> list[Connected]:
    """Return all cameras; nodes that carry no pictures are left out.

    Raises:
        MissingDependencyError: linuxpy is not installed.
    """
    require("linuxpy.video.raw", "the list of cameras")
    system: Kernel = Linux() if kernel is None else kernel
    seen = [_look(node, system, roots) for node in nodes.nodes(roots)]
    return [camera for camera in seen if camera is not None]


def _look(node: Node, kernel: Kernel, roots: Roots) -> Connected | None:
    try:
        with finding.opened(node.path, kernel) as device:
            return _described(device, node, roots)
    except OSError as error:
        problem = finding.explained(error, node.path, roots).problem
        return Connected(
            path=node.path,
            card=node.name,
            driver=None,
            bus=None,
            usb=node.usb,
            serial=node.serial,
            by_id=node.by_id,
            by_path=node.by_path,
            uri=_uri(node),
            profile=None,
            title=None,
            hints=(),
            formats=(),
            is_streaming=False,
            users=nodes.users(node.path, roots),
            problem=problem,
        )


def _described(device: Device, node: Node, roots: Roots) -> Connected | None:
    identity = device.identity()
    if not identity.captures:
        return None
    offers = device.offers()
    profile = profiles.best_match(identity, node.usb, offers)
    return Connected(
        path=node.path,
        card=identity.card,
        driver=identity.driver,
        bus=identity.bus,
        usb=node.usb,
        serial=node.serial,
        by_id=node.by_id,
        by_path=node.by_path,
        uri=_uri(node),
        profile=profile.name,
        title=profile.title,
        hints=profile.hints,
        formats=tuple(listed for offer in offers for listed in _listed(device, offer)),
        is_streaming=device.is_busy(),
        users=nodes.users(node.path, roots),
        problem=None,
    )


def _listed(device: Device, offer: Offer) -> list[Listed]:
    if not offer.sizes:
        return [Listed(offer.name, "", ())]
    return [
        Listed(
            offer.name,
            str(sizes),
            device.rates_hz(offer.name, sizes.widths[0], sizes.heights[0]),
        )
        for sizes in offer.sizes
    ]


def _uri(node: Node) -> str:
    return f"v4l2:{finding.lasting_name(node)}"
