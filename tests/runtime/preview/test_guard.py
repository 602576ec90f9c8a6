"""Facts about what every request passes first."""

import json
import urllib.request

import pytest

from thermedge.runtime.preview import guard


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::2]:80"])
def test_a_foreign_name_for_this_machine_is_refused(running, host):
    status, told = running.told("/api/status", host=host)
    assert (status, told["ok"]) == (421, False)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1234", "127.0.0.1:8080", "[::1]:99"])
def test_every_name_of_this_machine_is_fine_also_through_a_tunnel(running, host):
    assert running.ask("/api/status", host=host)[0] == 200


def test_the_address_that_was_printed_is_fine(make_running):
    one = make_running(host="127.0.0.2")
    address = one.preview.address.partition("#")[0]
    assert address == f"http://127.0.0.2:{one.port}/"
    with urllib.request.urlopen(f"{address}api/status", timeout=20) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_orders_that_another_site_sends_are_refused(running, method):
    answer = running.told(
        "/api/track",
        method,
        {},
        authorization=f"Bearer {running.token}",
        origin="http://evil.example",
    )
    assert answer[0] == 403
    assert "another site" in answer[1]["error"]


def test_another_site_can_not_watch_over_a_websocket(running):
    with pytest.raises(Exception, match="403"):
        running.live(origin="http://evil.example")


def test_the_page_itself_can(running):
    with running.live(origin=f"http://127.0.0.1:{running.port}") as socket:
        assert socket.recv(timeout=20)


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/api/status", "/nothing", "/healthz"])
def test_every_answer_forbids_what_the_page_does_not_need(running, path):
    _, headers, _ = running.ask(path)
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers


def test_a_refusal_carries_the_same_headers(running):
    _, headers, content = running.ask("/", host="evil.example")
    assert "content-security-policy" in headers
    assert set(json.loads(content)) == {"ok", "error", "fix"}


def test_a_large_body_is_refused_before_it_is_read(running):
    status, told = running.told("/api/session", "POST", "x" * 5000)
    assert status == 413
    assert "4096" in told["error"]


def test_an_address_that_asks_too_often_is_told_to_wait(make_running, monkeypatch):
    monkeypatch.setattr(guard, "_PER_S", 0.1)
    monkeypatch.setattr(guard, "_BURST", 5)
    one = make_running()
    answers = [one.ask("/healthz") for _ in range(8)]
    assert [status for status, _, _ in answers] == [200] * 5 + [429] * 3
    assert answers[-1][1]["retry-after"] == "1"
