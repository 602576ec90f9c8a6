"""Facts about the interface: who gets what, and what garbage gets."""

import http.client
import json
import socket
import string
import threading
import time
from contextlib import closing

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thermedge.runtime.preview import app
from thermedge.runtime.sources import open_source

BOX = {"x": 10, "y": 8, "w": 12, "h": 6}
ORDERS = [
    ("/api/track", "POST"),
    ("/api/track", "DELETE"),
    ("/api/recording", "POST"),
    ("/api/recording", "DELETE"),
    ("/api/session", "DELETE"),
]
READS = ["/api/status", "/api/track", "/api/picture.jpg", "/api/snapshot.png", "/metrics"]
PATHS = ["/", "/api", "/healthz", "/metrics", "/api/session", "/api/status", "/api/track"]
PATHS += ["/api/recording", "/api/picture.jpg", "/api/snapshot.png", "/api/live", "/page/main.js"]


@pytest.fixture(scope="module")
def elsewhere(running, tmp_path_factory):
    """A preview that other machines could reach."""
    one = type(running)(tmp_path_factory.mktemp("elsewhere"), host="0.0.0.0")
    yield one
    one.close()


# Who may


@pytest.mark.parametrize(("path", "method"), ORDERS)
def test_no_order_is_taken_without_the_token_not_even_on_loopback(running, path, method):
    status, told = running.told(path, method, BOX)
    assert (status, told["ok"]) == (401, False)
    assert "token" in told["fix"].lower()


@pytest.mark.parametrize("path", READS)
def test_loopback_may_watch(running, path):
    assert running.ask(path)[0] == 200


@pytest.mark.parametrize("path", READS)
def test_elsewhere_watching_needs_the_token(elsewhere, path):
    status, told = elsewhere.told(path)
    assert (status, told["ok"]) == (401, False)
    assert elsewhere.ask(path, authorization=f"Bearer {elsewhere.token}")[0] == 200


def test_elsewhere_the_live_picture_needs_a_session(elsewhere):
    with pytest.raises(Exception, match="403"):
        elsewhere.live()
    cookie = elsewhere.session()["cookie"]
    with elsewhere.live(additional_headers={"cookie": cookie}) as live:
        assert live.recv(timeout=20)


@pytest.mark.parametrize("path", ["/", "/api", "/page/main.js", "/page/style.css", "/healthz"])
def test_elsewhere_the_page_that_asks_for_the_token_is_free(elsewhere, path):
    assert elsewhere.ask(path)[0] == 200


@pytest.mark.parametrize("token", ["", "wrong", "a-token-of-the-test", None, 7, ["x"]])
def test_a_wrong_token_gives_no_session(running, token):
    assert running.told("/api/session", "POST", {"token": token})[0] == 401


@pytest.mark.parametrize("word", ["Bearer wrong", "Basic abc", "Bearer", "bearer  "])
def test_a_wrong_header_gives_no_order(running, word):
    assert running.ask("/api/track", "POST", BOX, authorization=word)[0] == 401


def test_guessing_tokens_is_slow(make_running):
    one = make_running()
    answers = [one.ask("/api/session", "POST", {"token": f"guess {n}"})[0] for n in range(14)]
    assert answers[:10] == [401] * 10
    assert 429 in answers[10:]


def test_a_session_is_a_cookie_that_scripts_and_other_sites_do_not_get(elsewhere):
    _, headers, _ = elsewhere.ask("/api/session", "POST", {"token": elsewhere.token})
    cookie = headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/" in cookie


def test_a_session_gives_orders_with_its_guard_only(elsewhere):
    session = elsewhere.session()
    cookie = session["cookie"]
    assert elsewhere.told("/api/track", "POST", BOX, **session)[0] == 200
    assert elsewhere.told("/api/track", "POST", BOX, cookie=cookie)[0] == 403
    other = elsewhere.session()["x_thermedge_guard"]
    mixed = elsewhere.told("/api/track", "POST", BOX, cookie=cookie, x_thermedge_guard=other)
    assert mixed[0] == 403


def test_a_form_of_another_site_can_not_be_an_order(running):
    session = running.session()
    kind = {"content_type": "application/x-www-form-urlencoded"}
    assert running.ask("/api/track", "POST", "x=1&y=2&w=3&h=4", **session, **kind)[0] == 415


def test_a_browser_learns_what_it_may(elsewhere):
    assert elsewhere.told("/api/session")[1] == {
        "ok": True,
        "may_watch": False,
        "may_control": False,
    }
    session = elsewhere.session()
    told = elsewhere.told("/api/session", cookie=session["cookie"])[1]
    assert (told["may_watch"], told["may_control"]) == (True, True)
    assert told["guard"] == session["x_thermedge_guard"]


def test_a_browser_can_forget_its_session(elsewhere):
    status, headers, _ = elsewhere.ask("/api/session", "DELETE", **elsewhere.session())
    assert status == 200
    assert "max-age=0" in headers["set-cookie"].lower()


# What they get


def test_a_box_starts_a_track_and_it_can_be_let_go(running):
    status, told = running.ordered("/api/track", "POST", BOX)
    assert (status, told["ok"]) == (200, True)
    deadline = time.monotonic() + 10
    while running.told("/api/track")[1]["frame"] < told["frame"]:
        assert time.monotonic() < deadline
    track = running.told("/api/track")[1]
    assert {key: track[key] for key in "xywh"} == BOX
    assert running.told("/api/status")[1]["state"] == "tracking"
    assert running.ordered("/api/track", "DELETE") == (200, {"ok": True})
    time.sleep(0.1)
    assert running.told("/api/track")[1]["x"] is None


def test_an_impossible_box_is_refused_with_a_remedy(running):
    status, told = running.ordered("/api/track", "POST", BOX | {"w": -2})
    assert status == 409
    assert told == {"ok": False, "error": "It has no area.", "fix": "Give another."}


def test_a_recording_is_made(running):
    status, told = running.ordered("/api/recording", "POST")
    assert status == 200
    assert running.ordered("/api/recording", "POST")[0] == 409
    assert running.told("/api/status")[1]["recording"]["run"]
    time.sleep(0.1)
    assert running.ordered("/api/recording", "DELETE")[1]["run"] == told["run"]
    assert running.told("/api/status")[1]["recording"]["run"] is None
    with open_source(told["run"]) as source:
        assert len(list(source)) > 3


def test_a_snapshot_holds_every_count(running):
    status, headers, content = running.ask("/api/snapshot.png")
    assert (status, headers["content-type"]) == (200, "image/png")
    seen = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(seen, running.preview.feed.newest.frame.counts)


def test_a_picture_is_a_jpeg(running):
    _, headers, content = running.ask("/api/picture.jpg")
    assert headers["content-type"] == "image/jpeg"
    assert cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED).shape == (48, 64)


def test_prometheus_gets_its_figures(running):
    _, _, content = running.ask("/metrics")
    assert b"thermedge_frames_total" in content
    assert b"thermedge_silent_seconds" in content


def test_a_page_that_is_known_is_not_sent_again(running):
    _, headers, content = running.ask("/")
    assert b"ThermEdge" in content
    status, _, content = running.ask("/", if_none_match=headers["etag"])
    assert (status, content) == (304, b"")


def test_without_frames_orders_and_pictures_say_so(make_running, monkeypatch):
    monkeypatch.setattr(app, "_FRAME_S", 0.2)
    monkeypatch.setattr("thermedge.runtime.preview.viewers._PICTURE_S", 0.2)
    one = make_running()
    one.pause.set()
    time.sleep(0.05)
    assert one.ordered("/api/track", "POST", BOX)[0] == 503
    assert one.told("/api/picture.jpg")[0] == 503
    assert one.control.take(None) == []  # the order was taken back


def test_a_bug_is_told_without_its_insides(make_running, monkeypatch, caplog):
    one = make_running()
    monkeypatch.setattr(type(one.control), "status", lambda self: 1 / 0)
    status, told = one.told("/api/status")
    assert status == 500
    assert "division" not in json.dumps(told)
    ends = time.monotonic() + 10  # it is logged after the answer is sent
    while "ZeroDivisionError" not in caplog.text and time.monotonic() < ends:
        time.sleep(0.01)
    assert "ZeroDivisionError" in caplog.text


# Garbage


@pytest.mark.parametrize("path", ["/nothing", "/page/../app.py", "/page/..%2fapp.py", "/api/"])
def test_what_is_not_there_is_a_json_error(running, path):
    status, told = running.told(path)
    assert (status, told["ok"]) == (404, False)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_json_errors(running, method):
    status, told = running.told("/api/status", method)
    assert (status, told["ok"]) == (405, False)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=10,
)
BODIES = (
    st.binary(max_size=300)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(st.sampled_from("xywh"), JSON).map(lambda value: json.dumps(value).encode())
    | st.just(b"[" * 4000)
)
VISIBLE = st.text(string.ascii_letters + string.digits + string.punctuation + " ", max_size=60)


def patient(running, *arguments, **more):
    """Ask until the limit of orders allows it."""
    while (answer := running.ask(*arguments, **more))[0] == 429:
        time.sleep(0.1)
    return answer


@settings(max_examples=60)
@given(path=st.sampled_from(["/api/track", "/api/session"]), body=BODIES)
def test_no_body_brings_it_down(running, path, body):
    headers = {"authorization": f"Bearer {running.token}", "content_type": "application/json"}
    status, _, content = patient(running, path, "POST", body, **headers)
    assert status in {200, 400, 401, 409, 413}
    assert json.loads(content)["ok"] is (status == 200)


@settings(max_examples=80)
@given(
    path=st.sampled_from(PATHS) | VISIBLE.map(lambda text: "/" + text.replace(" ", "")),
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE"]),
    cookie=VISIBLE,
    word=VISIBLE,
)
def test_no_headers_bring_it_down_or_open_it(running, path, method, cookie, word):
    headers = {"cookie": f"thermedge_{running.port}={cookie}", "authorization": word}
    headers["x_thermedge_guard"] = word
    status, _, content = patient(running, path, method, **headers)
    assert status in {200, 400, 401, 404, 405, 415}
    if status != 200 and method != "HEAD":
        assert json.loads(content)["ok"] is False
    if method in {"POST", "PUT", "DELETE"}:
        assert status != 200


@settings(max_examples=60)
@given(
    chunks=st.lists(
        st.binary(max_size=200)
        | st.just(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        | st.just(
            b"POST /api/track HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        | st.just(b"Upgrade: websocket\r\nConnection: upgrade\r\n\r\n"),
        max_size=6,
    )
)
def test_no_bytes_bring_it_down(running, chunks):
    with closing(socket.create_connection(("127.0.0.1", running.port), timeout=5)) as client:
        try:
            for chunk in chunks:
                client.sendall(chunk)
        except OSError:
            pass  # it has enough
    assert running.ask("/healthz")[0] == 200


def test_a_body_that_never_ends_is_given_up(make_running, monkeypatch):
    monkeypatch.setattr(app, "_BODY_S", 0.3)
    one = make_running()
    client = http.client.HTTPConnection("127.0.0.1", one.port, timeout=10)
    with closing(client):
        client.putrequest("POST", "/api/session")
        client.putheader("content-type", "application/json")
        client.putheader("content-length", "100")
        client.endheaders(b'{"to')
        assert client.getresponse().status == 408


def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_bug(make_running, caplog):
    one = make_running()
    for path in ("/api/session", "/api/session"):
        with socket.create_connection(("127.0.0.1", one.port)) as client:
            client.sendall(
                f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{one.port}\r\n"
                "content-type: application/json\r\ncontent-length: 100\r\n\r\n{".encode()
            )
            time.sleep(0.2)  # until the server waits for the rest
    time.sleep(0.3)
    assert one.ask("/healthz")[0] == 200
    assert caplog.text == ""


def test_a_body_in_pieces_without_length_has_an_end(running):
    client = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
    with closing(client):
        client.request(
            "POST",
            "/api/session",
            iter([b"x" * 1000] * 6),
            {"content-type": "application/json"},
            encode_chunked=True,
        )
        assert client.getresponse().status == 413


def test_a_storm_of_reloads_is_weathered(running):
    failures = []

    def reload():
        for _ in range(12):
            try:
                for path in ("/", "/page/main.js", "/page/style.css", "/api/session"):
                    assert running.ask(path)[0] in {200, 429}
            except OSError as error:
                failures.append(error)

    threads = [threading.Thread(target=reload) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    time.sleep(0.5)
    assert running.ask("/healthz")[0] == 200
