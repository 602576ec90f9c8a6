"""Datagrams to one address, sent without ever waiting."""

from __future__ import annotations

import logging
import socket
import threading
from urllib.parse import SplitResult, urlsplit

from thermedge.errors import SinkError
from thermedge.runtime.hosts import is_host

_LOG = logging.getLogger(__name__)

_RETRY_S = 5.0  # between two attempts to find out a host's address


class Datagrams:
    """Sends datagrams and forgets them; what can't be sent is counted.

    The host is looked up in the background, so a network that comes up later than the
    tracker only costs the datagrams before. Trouble is logged when it begins and when it
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
        self._socket: socket.socket | None = None
        self._address: tuple[object, ...] = ()
        self._closed = threading.Event()
        if not self._find(host, port, socket.AI_NUMERICHOST):
            arguments = (host, port)
            threading.Thread(target=self._look_up, args=arguments, daemon=True).start()

    def send(self, payload: bytes) -> None:
        """Send one datagram, or count it as unsent."""
        trouble = "its host's address is not known yet"
        if self._socket is not None:
            try:
                self._socket.sendto(payload, self._address)
                trouble = ""
            except OSError as error:
                trouble = str(error.strerror)
        self.num_unsent += bool(trouble)
        if bool(trouble) != bool(self._trouble):
            _LOG.warning("%s: %s", self.uri, f"not sent: {trouble}" if trouble else "sent again")
        self._trouble = trouble

    def close(self) -> None:
        """Close the socket. Calling it twice is allowed."""
        self._closed.set()
        if self._socket is not None:
            self._socket.close()

    def _look_up(self, host: str, port: int) -> None:
        while not self._find(host, port, 0) and not self._closed.wait(_RETRY_S):
            pass

    def _find(self, host: str, port: int, flags: int) -> bool:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=flags)
        except OSError:
            return False
        family, kind, protocol, _, self._address = found[0]
        opened = socket.socket(family, kind, protocol)
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self._socket = opened  # last: `send` looks at it from another thread
        return True


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
    if not host or not found:
        raise SinkError(f"{uri} names no host and port.", f"Write, for example, {example}")
    if not is_host(host):
        raise SinkError(
            f"{host!r} in {uri} is no host: a part of it is empty or too long.",
            f"Write, for example, {example}",
        )
    return host, found
