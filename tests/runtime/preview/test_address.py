"""Facts about where the preview listens."""

import socket

import pytest

from thermedge.errors import ThermedgeError
from thermedge.runtime.preview.address import PORT, Address, listening, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("8737", Address("127.0.0.1", 8737)),
        ("0", Address("127.0.0.1", 0)),
        ("0.0.0.0:80", Address("0.0.0.0", 80)),
        ("[::1]:8080", Address("::1", 8080)),
        ("board.local:8080", Address("board.local", 8080)),
        ("192.168.1.20", Address("192.168.1.20", PORT)),
        ("[fe80::1%eth0]", Address("fe80::1%eth0", PORT)),
        ("localhost", Address("localhost", PORT)),
    ],
)
def test_an_address_may_leave_out_either_half(text, address):
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        *("", ":80", "synthetic:", "65536", "a b:80", "clip", "::1", "x:y"),
        *("192.168..1:80", f"{'a' * 64}.local"),
    ],
)
def test_anything_else_is_an_error_that_shows_how_to_write_it(text):
    with pytest.raises(ThermedgeError, match=r"no \[ADDRESS:\]PORT") as caught:
        parse_address(text)
    assert "--preview 0.0.0.0:8737" in caught.value.remedy


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_is_known(host):
    assert Address(host, 1).is_local


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "board.local", "localhost.evil"])
def test_everything_else_is_not_taken_for_loopback(host):
    assert not Address(host, 1).is_local


def test_all_addresses_are_shown_by_name():
    assert Address("0.0.0.0", 1).shown_host == socket.gethostname()
    assert Address("::1", 1).shown_host == "[::1]"


def test_a_port_in_use_is_an_error():
    with listening(Address("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        with pytest.raises(ThermedgeError, match="Address already in use"):
            listening(Address("127.0.0.1", port))


def test_an_address_of_another_machine_is_an_error():
    with pytest.raises(ThermedgeError, match="can't listen at 203.0.113.9"):
        listening(Address("203.0.113.9", 0))
