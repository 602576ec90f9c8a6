"""Datagrams to one address, sent without ever waiting."""

from __future__ import annotations

import logging
import re
import socket
import threading
from urllib.parse import SplitResult, urlsplit

from thermedge.errors import SinkError
from thermedge.runtime.hosts import is_host

_LOG = logging.getLogger(__name__)

_RETRY_S = 5.0  # between two attempts to find out a host's address
_AGAIN_S = 60.0  # until a known one is looked up anew: a ground station's may change


class Datagrams:
    """Sends datagrams and forgets them; what can't be sent is counted.

    The host is looked up in the background, again and again, so a network that comes up
    later than the tracker, or a host that moves to another address, only costs the
    datagrams before. Trouble is logged when it begins and when it
    ends, not for every datagram.

    Args:
        uri: udp://HOST:PORT, a multicast or broadcast address included.

    Raises:
        SinkError: `uri` is another kind of address.
    """

    def __init__(self, uri: str) -> None:
        host, port = host_and_port(uri, example="udp://127.0.0.1:5600")
        self.uri = uri
        self.num_unsent = 0
        self._trouble = ""
        self._sockets: dict[socket.AddressFamily, socket.socket] = {}
        self._target: tuple[socket.socket, tuple[object, ...]] | None = None
        self._closed = threading.Event()
        if not self._find(host, port, socket.AI_NUMERICHOST):
            arguments = (host, port)
            threading.Thread(target=self._look_up, args=arguments, daemon=True).start()

    def send(self, payload: bytes) -> None:
        """Send one datagram, or count it as unsent."""
        trouble = "its host's address is not known yet"
        if (target := self._target) is not None:
            try:
                target[0].sendto(payload, target[1])
                trouble = ""
            except OSError as error:
                trouble = str(error.strerror)
        self.num_unsent += bool(trouble)
        if bool(trouble) != bool(self._trouble):
            _LOG.warning("%s: %s", self.uri, f"not sent: {trouble}" if trouble else "sent again")
        self._trouble = trouble

    def close(self) -> None:
        """Send nothing any more. Calling it twice is allowed."""
        self._closed.set()
        for opened in list(self._sockets.values()):
            opened.close()

    def _look_up(self, host: str, port: int) -> None:
        self._find(host, port, 0)
        while not self._closed.wait(_RETRY_S if self._target is None else _AGAIN_S):
            self._find(host, port, 0)

    def _find(self, host: str, port: int, flags: int) -> bool:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=flags)
        except OSError:
            return False
        before = self._target
        if before is not None and before[1] in [address for *_, address in found]:
            return True  # as good as before: some hosts have several, in any order
        family, _, _, _, address = found[0]
        if family not in self._sockets:
            self._sockets[family] = _opened(family)
        # At once: `send` looks at it from another thread.
        self._target = self._sockets[family], address
        if before is not None:
            _LOG.warning("%s: its host is at %s now", self.uri, address[0])
        if self._closed.is_set():
            self._sockets[family].close()
        return True


def _opened(family: socket.AddressFamily) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_DGRAM)
    opened.setblocking(False)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    return opened


def host_and_port(uri: str, *, example: str, port: int | None = None) -> tuple[str, int]:
    """Return the host and port that `uri` names.

    Args:
        uri: scheme://HOST:PORT, an IPv6 address in brackets.
        example: A right one, for the error.
        port: Taken when `uri` names none.

    Raises:
        SinkError: One is missing or impossible.
    """
    try:
        parts: SplitResult = urlsplit(uri)
        found, host = parts.port or port, parts.hostname
    except ValueError:
        found, host = None, None
    shown = without_password(uri)
    if not host or not found:
        raise SinkError(f"{shown} names no host and port.", f"Write, for example, {example}")
    if not is_host(host):
        raise SinkError(
            f"{host!r} in {shown} is no host: a part of it is empty or too long.",
            f"Write, for example, {example}",
        )
    return host, found


def without_password(uri: str) -> str:
    """Return the URI as it may stand in an error: without USER:PASSWORD@."""
    return re.sub("//.*@", "//", uri)  # up to the last @: a / in a password splits it wrongly
