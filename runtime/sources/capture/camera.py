"""One camera that may go away and come back: opened, set up, and taken for us."""

from __future__ import annotations

from dataclasses import replace

from thermedge.errors import SourceError
from thermedge.runtime.sources.capture import finding
from thermedge.runtime.sources.capture.address import Address
from thermedge.runtime.sources.capture.device import Device, Identity
from thermedge.runtime.sources.capture.kernel import Kernel
from thermedge.runtime.sources.capture.nodes import Node, Roots
from thermedge.runtime.sources.capture.setup import Setup, set_up
from thermedge.runtime.sources.capture.stream import Stream


class Camera:
    """The device that an address means, now and after each time it was away.

    What the first opening chose is asked for by every later one: a camera that comes back
    stands at its default size, whatever size it stood at before.

    Raises:
        SourceError: There is no such camera, or it can't deliver what is asked for.
        MissingDependencyError: linuxpy is not installed.
    """

    def __init__(self, address: Address, kernel: Kernel, roots: Roots) -> None:
        self._address, self._kernel, self._roots = address, kernel, roots
        self._device: Device | None = None
        self.stream: Stream | None = None  # None while the camera is closed
        self._node: Node = finding.find(address, kernel, roots)
        try:
            self.setup: Setup = self._open(self._node)
        except OSError as error:
            raise finding.explained(error, self._node.path, roots) from error
        self._address = _pinned(address, self.setup)

    @property
    def name(self) -> str:
        """Where the camera is, and what it calls itself."""
        return f"{self._node.path} ({self.setup.identity.card})"

    @property
    def fd(self) -> int:
        """The open device, to wait for."""
        assert self._device is not None
        return self._device.fd

    def reopen(self) -> bool:
        """Try once to open the same camera with the same format again.

        Returns:
            False while it is not connected.

        Raises:
            SourceError: It is another one, or delivers something else.
            OSError: It can't be opened.
        """
        node = finding.find_again(self._node, self._roots)
        if node is None:
            return False
        self._check_mode(node, self._open(node, self.setup.identity))
        self._node = node
        return True

    def close(self) -> None:
        """Give the camera free, also one that is gone. Calling it twice is allowed."""
        stream, self.stream = self.stream, None
        if stream is not None:
            stream.close()
        device, self._device = self._device, None
        if device is not None:
            device.close()

    def _open(self, node: Node, expected: Identity | None = None) -> Setup:
        self._device = Device(self._kernel, node.path)
        try:
            identity = self._device.identity()
            if expected is not None and not finding.is_same(expected, identity, node):
                raise _refused(node, f"is another camera, {identity.card}")
            finding.check_captures(identity, node, self._kernel, self._roots)
            setup = set_up(self._device, self._address, node.usb)
            self.stream = Stream(self._device)
        except (SourceError, OSError):
            self.close()
            raise
        return setup

    def _check_mode(self, node: Node, now: Setup) -> None:
        before = self.setup
        if (before.format, before.mode) != (now.format, now.mode):
            self.close()
            raise _refused(node, f"delivers {now.format} laid out otherwise than before")


def _pinned(address: Address, setup: Setup) -> Address:
    """Return an address that means the same setup whatever the camera stands at."""
    made = setup.format
    return replace(
        address,
        format=made.name,
        size=(made.width_px, made.height_px),
        profile=setup.profile.name,
    )


def _refused(node: Node, what: str) -> SourceError:
    return SourceError(f"{node.path} {what}.", "Plug in the camera from before.")
