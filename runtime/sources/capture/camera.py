"""One camera that may go away and come back: opened, set up, and taken for us."""

from __future__ import annotations

from thermedge.errors import SourceError
from thermedge.runtime.sources.capture import finding
from thermedge.runtime.sources.capture.address import Address
from thermedge.runtime.sources.capture.device import Device
from thermedge.runtime.sources.capture.kernel import Kernel
from thermedge.runtime.sources.capture.nodes import Node, Roots
from thermedge.runtime.sources.capture.setup import Setup, set_up
from thermedge.runtime.sources.capture.stream import Stream


class Camera:
    """The device that an address means, now and after each time it was away.

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

    @property
    def name(self) -> str:
        """Where the camera is, and what it calls itself."""
        return f"{self._node.path} ({self.setup.identity.card})"

    @property
    def fd(self) -> int:
        """The open device, to wait for."""
        assert self._device is not None
        return self._device.fd

    def reopen(self) -> None:
        """Try once to open the same camera with the same format again.

        Raises:
            SourceError: It is away, or another one, or delivers something else.
            OSError: It can't be opened.
        """
        node = finding.find_again(self._node, self._roots)
        if node is None:
            raise SourceError("It is not connected.", "Plug it in again.")
        self._check_same(node, self._open(node))
        self._node = node

    def close(self) -> None:
        """Give the camera free, also one that is gone. Calling it twice is allowed."""
        stream, self.stream = self.stream, None
        if stream is not None:
            stream.close()
        device, self._device = self._device, None
        if device is not None:
            device.close()

    def _open(self, node: Node) -> Setup:
        self._device = Device(self._kernel, node.path)
        try:
            finding.check_captures(self._device.identity(), node, self._kernel, self._roots)
            setup = set_up(self._device, self._address, node.usb)
            self.stream = Stream(self._device)
        except (SourceError, OSError):
            self.close()
            raise
        return setup

    def _check_same(self, node: Node, now: Setup) -> None:
        before = self.setup
        what = None
        if not finding.is_same(before.identity, now.identity, node):
            what = f"is another camera, {now.identity.card}"
        elif (before.format, before.mode) != (now.format, now.mode):
            what = f"delivers {now.format} by now, not {before.format}"
        if what is not None:
            self.close()
            raise SourceError(f"{node.path} {what}.", "Plug in the camera from before.")
