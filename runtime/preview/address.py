"""Where the preview listens: this machine alone, unless an address is named."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass

from thermedge.errors import ThermedgeError
from thermedge.runtime.hosts import is_host

LOOPBACK = "127.0.0.1"
PORT = 8737
_WITH_PORT = re.compile(r"(?:(\[[^\[\]\s]+\]|[^:\[\]/\s]+):)?([0-9]{1,5})")
_ALONE = re.compile(r"\[[^\[\]\s]+\]|localhost|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_WAITING = 64  # connections that the kernel keeps until they are accepted


@dataclass(frozen=True, slots=True)
class Address:
    """What to listen at."""

    host: str  # an IP address or a name; 0.0.0.0 and :: are all of this machine's
    port: int  # 0: any that is free

    @property
    def is_local(self) -> bool:
        """Whether only this machine can connect."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def shown_host(self) -> str:
        """The host as a browser wants it: by name where all addresses are meant."""
        if self.host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
            return socket.gethostname()
        return f"[{self.host}]" if ":" in self.host else self.host


def parse_address(text: str) -> Address:
    """Read what --preview got: [ADDRESS:]PORT, or an address alone.

    Raises:
        ThermedgeError: It is neither.
    """
    match = _WITH_PORT.fullmatch(text)
    host, port = text.strip("[]"), PORT
    if match is not None:
        host, port = (match[1] or LOOPBACK).strip("[]"), int(match[2])
    if (match or _ALONE.fullmatch(text)) and port < 65536 and is_host(host):
        return Address(host, port)
    raise ThermedgeError(
        f"--preview {text!r} is no [ADDRESS:]PORT.",
        f"Write the source first, then for example --preview, --preview {PORT}, "
        f"or --preview 0.0.0.0:{PORT}",
    )


def listening(address: Address) -> socket.socket:
    """Return a socket that listens there.

    Raises:
        ThermedgeError: The address is not this machine's, or the port is taken.
    """
    try:
        family, _, _, _, place = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        opened = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise _failed(address, error) from error
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(place)
        opened.listen(_WAITING)
    except OSError as error:
        opened.close()
        raise _failed(address, error) from error
    return opened


def _failed(address: Address, error: OSError) -> ThermedgeError:
    return ThermedgeError(
        f"The preview can't listen at {address.host} port {address.port}: {error.strerror}.",
        f"Name a free address and port of this machine, for example --preview {PORT + 1}",
    )
