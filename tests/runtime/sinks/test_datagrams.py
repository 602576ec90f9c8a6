"""Facts about datagrams: sent, or counted, and never waited for."""

import contextlib
import logging
import socket
import time

import pytest

from thermedge.errors import SinkError
from thermedge.runtime.sinks import datagrams
from thermedge.runtime.sinks.datagrams import Datagrams, host_and_port


@pytest.fixture
def receiver():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(10)
        yield listening


def test_a_datagram_arrives_as_it_was_sent(receiver: socket.socket) -> None:
    sender = Datagrams(f"udp://127.0.0.1:{receiver.getsockname()[1]}")
    sender.send(b"one")
    sender.send(b"two")
    assert (receiver.recv(100), receiver.recv(100)) == (b"one", b"two")
    assert sender.num_unsent == 0
    sender.close()
    sender.close()


def test_ip_version_six_is_an_address_too() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as listening:
        try:
            listening.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
        listening.settimeout(10)
        sender = Datagrams(f"udp://[::1]:{listening.getsockname()[1]}")
        sender.send(b"six")
        assert listening.recv(100) == b"six"
        sender.close()


def test_nobody_who_listens_is_no_trouble() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    sender = Datagrams(f"udp://127.0.0.1:{port}")
    for _ in range(20):
        sender.send(b"lost")
    assert sender.num_unsent == 0
    sender.close()


def test_trouble_is_counted_each_time_and_logged_once_when_it_begins_and_ends(
    receiver: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    sender = Datagrams(f"udp://127.0.0.1:{receiver.getsockname()[1]}")
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            sender.send(bytes(100_000))  # more than a datagram holds
        sender.send(b"small")
    assert sender.num_unsent == 5
    said = [record.getMessage().partition(": ")[2] for record in caplog.records]
    assert said == ["not sent: Message too long", "sent again"]
    assert receiver.recv(100) == b"small"
    sender.close()


def test_a_host_that_becomes_known_later_gets_what_is_sent_from_then_on(
    receiver: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up, known = socket.getaddrinfo, []

    def unknown_at_first(host, port, **options):  # type: ignore[no-untyped-def]
        if host != "camera.test":
            return look_up(host, port, **options)
        if not known:
            raise socket.gaierror("Name or service not known")
        return look_up("127.0.0.1", port, **options)

    monkeypatch.setattr(datagrams.socket, "getaddrinfo", unknown_at_first)
    monkeypatch.setattr(datagrams, "_RETRY_S", 0.01)
    sender = Datagrams(f"udp://camera.test:{receiver.getsockname()[1]}")
    began = time.perf_counter()
    sender.send(b"early")
    assert time.perf_counter() - began < 1
    assert sender.num_unsent == 1
    known.append(True)
    deadline = time.monotonic() + 10
    while sender._target is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    sender.send(b"late")
    assert receiver.recv(100) == b"late"
    sender.close()


def test_a_host_that_moves_gets_what_is_sent_from_then_on(
    receiver: socket.socket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    look_up, at = socket.getaddrinfo, ["127.0.0.2"]

    def moving(host, port, **options):  # type: ignore[no-untyped-def]
        if host != "station.test":
            return look_up(host, port, **options)
        if options["flags"]:
            raise socket.gaierror("Name or service not known")
        return look_up(at[0], port, **options)

    monkeypatch.setattr(datagrams.socket, "getaddrinfo", moving)
    monkeypatch.setattr(datagrams, "_RETRY_S", 0.01)
    monkeypatch.setattr(datagrams, "_AGAIN_S", 0.01)
    sender = Datagrams(f"udp://station.test:{receiver.getsockname()[1]}")
    receiver.settimeout(0.05)
    sender.send(b"to the old address")
    at[0] = "127.0.0.1"
    came, deadline = b"", time.monotonic() + 10
    while not came:
        assert time.monotonic() < deadline
        sender.send(b"to the new one")
        with contextlib.suppress(TimeoutError):
            came = receiver.recv(100)
    assert came == b"to the new one"
    assert "its host is at 127.0.0.1 now" in caplog.text
    sender.close()


@pytest.mark.parametrize(
    "uri", ["udp://", "udp://host", "udp://:5", "udp://host:0", "udp://host:99999", "udp://host:x"]
)
def test_an_address_without_host_or_port_is_an_error(uri: str) -> None:
    with pytest.raises(SinkError, match="names no host and port"):
        Datagrams(uri)


def test_a_port_can_have_a_default() -> None:
    assert host_and_port("mqtt://broker/topic", example="", port=1883) == ("broker", 1883)


@pytest.mark.parametrize("host", ["192.168..1", "a" * 64])
def test_a_host_that_can_t_be_one_is_an_error(host: str) -> None:
    with pytest.raises(SinkError, match=f"'{host}' .* is no host"):
        Datagrams(f"udp://{host}:5600")
