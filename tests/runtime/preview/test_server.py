"""Facts about the preview as a whole: how it comes up, what it survives, how it goes."""

import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import closing, suppress

import pytest

from thermedge.errors import ThermedgeError
from thermedge.runtime.preview import server


def test_the_address_holds_a_token_that_was_made_up(make_running):
    one = make_running(token=None)
    place, _, token = one.preview.address.partition("#token=")
    assert place == f"http://127.0.0.1:{one.port}/"
    assert one.told("/api/session", "POST", {"token": token})[0] == 200


def test_a_token_that_was_given_is_not_told(make_running):
    one = make_running()
    assert one.token not in one.preview.address


def test_a_network_in_the_clear_is_known(make_running):
    assert not make_running().preview.is_readable_on_the_way
    assert make_running(host="0.0.0.0").preview.is_readable_on_the_way


def test_a_port_in_use_is_one_error_and_leaves_no_thread(make_running, tmp_path):
    one = make_running()
    before = threading.active_count()
    address = server.Address("127.0.0.1", one.port)
    with pytest.raises(ThermedgeError, match="in use"):
        server.Preview(
            server.Settings(address=address),
            one.control,
            summary=one.summary,
            recorder=one.recorder,
            source="",
            tracker="",
        )
    assert threading.active_count() == before


def test_the_tracker_waits_less_for_the_interpreter_while_it_runs(make_running):
    usual = sys.getswitchinterval()
    try:
        sys.setswitchinterval(0.005)
        make_running()
        assert sys.getswitchinterval() < 0.001
    finally:
        sys.setswitchinterval(usual)


def test_closing_is_quick_with_viewers_and_frees_the_port(make_running):
    one = make_running()
    with one.live() as viewer:
        viewer.recv(timeout=20)
        before = time.monotonic()
        one.close()
        one.close()
        assert time.monotonic() - before < 5
    with pytest.raises(OSError, match=r"refused|reset"):
        socket.create_connection(("127.0.0.1", one.port), timeout=5)


def test_a_client_that_never_asks_is_hung_up_on(make_running, monkeypatch):
    monkeypatch.setattr(server, "_HEADERS_S", 0.3)
    one = make_running()
    for sent in (b"", b"GET / HTTP/1.1\r\nHost: lo"):
        with closing(socket.create_connection(("127.0.0.1", one.port), timeout=10)) as client:
            client.sendall(sent)
            with suppress(ConnectionResetError):
                assert client.recv(100) == b""


def test_a_viewer_is_not_hung_up_on(make_running, monkeypatch):
    monkeypatch.setattr(server, "_HEADERS_S", 0.3)
    one = make_running()
    with one.live() as viewer:
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            viewer.recv(timeout=5)


def test_connections_have_a_bound(make_running, monkeypatch):
    monkeypatch.setattr(server, "_MOST_CONNECTIONS", 5)
    one = make_running()
    idle = [socket.create_connection(("127.0.0.1", one.port), timeout=10) for _ in range(5)]
    time.sleep(0.2)
    with pytest.raises(OSError, match=r"reset|without response"):
        one.ask("/healthz")
    for client in idle:
        client.close()
    time.sleep(0.2)
    assert one.ask("/healthz")[0] == 200


def test_it_speaks_tls(make_running, tmp_path):
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    try:
        subprocess.run(
            [*command.split(), "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
            + ["-keyout", str(key), "-out", str(certificate)],
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    one = make_running(certificate=certificate, key=key)
    assert one.preview.address.startswith("https://")
    trusting = ssl.create_default_context(cafile=str(certificate))
    body, kind = f'{{"token": "{one.token}"}}'.encode(), {"content-type": "application/json"}
    request = urllib.request.Request(
        f"https://localhost:{one.port}/api/session", body, kind, method="POST"
    )
    with urllib.request.urlopen(request, timeout=20, context=trusting) as answer:
        assert "secure" in answer.headers["set-cookie"].lower()


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_wrong_certificate_is_one_error(make_running, tmp_path, content):
    path = tmp_path / "cert.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ThermedgeError, match="can't be used for TLS"):
        make_running(certificate=path)
