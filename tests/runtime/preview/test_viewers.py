"""Facts about the live picture: all who watch get the newest, at their own pace."""

import json
import socket
import struct
import threading
import time
from contextlib import ExitStack

import cv2
import numpy as np
import pytest

from thermedge.runtime.preview import viewers


def parsed(message):
    (length,) = struct.unpack(">I", message[:4])
    picture = cv2.imdecode(np.frombuffer(message[4 + length :], np.uint8), cv2.IMREAD_UNCHANGED)
    return json.loads(message[4 : 4 + length]), picture


def pictures(socket, seconds, *, asks=True):
    """Watch for a while; return what the pictures and what the texts said."""
    seen, told = [], []
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            message = socket.recv(timeout=left)
        except TimeoutError:
            break
        if isinstance(message, str):
            told.append(json.loads(message))
            continue
        seen.append(parsed(message)[0])
        if asks:
            socket.send("next")
    return seen, told


def test_a_picture_comes_with_its_track(running):
    running.ordered("/api/track", "POST", {"x": 10, "y": 8, "w": 12, "h": 6})
    with running.live() as socket:
        message = socket.recv(timeout=20)
        while isinstance(message, str):
            message = socket.recv(timeout=20)
    told, picture = parsed(message)
    assert picture.shape == (48, 64)
    assert [told[key] for key in "xywh"] == [10, 8, 12, 6]
    assert told["picture"] | {"age_ms": 0} == {
        "width": 64,
        "height": 48,
        "shutter": "none",
        "age_ms": 0,
        "low_c": told["picture"]["low_c"],
        "high_c": told["picture"]["high_c"],
        "is_start": False,
    }
    assert 3 <= told["picture"]["age_ms"] < 5000


def test_pictures_come_at_thirty_a_second_from_a_faster_camera(running):
    with running.live() as socket:
        seen, _ = pictures(socket, 2)
    assert 30 <= len(seen) <= 66
    numbers = [told["frame"] for told in seen]
    assert numbers == sorted(set(numbers))


def test_who_asks_for_nothing_gets_two_pictures(running):
    with running.live() as socket:
        seen, told = pictures(socket, 1.2, asks=False)
    assert len(seen) == 2
    assert told  # the status goes on


def test_a_slow_viewer_gets_the_newest_and_slows_nobody(running):
    with running.live() as slow, running.live() as quick:
        results = []
        thread = threading.Thread(target=lambda: results.append(pictures(quick, 2)))
        thread.start()
        frames = []
        for _ in range(4):
            time.sleep(0.45)
            message = slow.recv(timeout=20)
            while isinstance(message, str):
                message = slow.recv(timeout=20)
            frames.append(parsed(message)[0]["frame"])
            slow.send("next")
        thread.join()
    assert len(results[0][0]) > 25
    assert frames[-1] - frames[0] > 100  # of 200 a second


def test_the_status_tells_what_is_new_only(running):
    with running.live() as socket:
        _, told = pictures(socket, 1.8)
    assert len(told) >= 3
    times = [one["t"] for news in told for one in news["slices"]]
    assert times == sorted(set(times))
    assert told[-1]["status"]["viewers"] >= 1
    assert told[-1]["status"]["fps_now"] > 50


@pytest.mark.parametrize("message", ["hello", "", b"next", "x" * 900])
def test_a_viewer_that_says_anything_else_is_sent_away(running, message):
    with running.live() as socket:
        socket.send(message)
        with pytest.raises(Exception, match="1008"):
            pictures(socket, 10)


def test_a_message_without_end_is_not_read(running):
    with running.live() as socket:
        socket.send("next" * 100_000)
        with pytest.raises(Exception, match=r"1009|no close frame"):
            pictures(socket, 10)


def test_a_flood_of_requests_ends_it(running):
    with running.live() as socket, pytest.raises(Exception, match=r"1008|no close frame|reset"):  # noqa: PT012
        for _ in range(3000):
            socket.send("next")
        pictures(socket, 10)


def test_more_viewers_than_allowed_are_told_to_come_later(make_running, monkeypatch):
    monkeypatch.setattr(viewers, "MOST_VIEWERS", 2)
    one = make_running()
    with one.live() as first, one.live() as second:
        for socket in (first, second):
            socket.recv(timeout=20)
        with one.live() as third, pytest.raises(Exception, match="1013"):
            pictures(third, 10)


def test_fifty_at_once_are_served_and_cost_the_loop_nothing(running):
    running.slowest_s = 0.0
    with ExitStack() as opened:
        sockets = [opened.enter_context(running.live()) for _ in range(50)]
        for socket in sockets:
            message = socket.recv(timeout=30)
            while isinstance(message, str):
                message = socket.recv(timeout=30)
        assert running.ask("/healthz")[0] == 200
    assert running.slowest_s < 0.5  # a loaded machine; waiting for a viewer would be seconds


def test_viewers_that_vanish_leave_nothing_behind(running):
    for _ in range(20):
        with running.live(close_timeout=0) as socket:
            socket.recv(timeout=20)
            socket.socket.close()  # no goodbye
    with running.live() as socket:
        for _ in range(40):
            _, told = pictures(socket, 0.5)
            if told and told[-1]["status"]["viewers"] == 1:
                return
    pytest.fail("they are still counted")


def test_a_run_whose_camera_hangs_still_tells_its_status(make_running):
    one = make_running()
    one.pause.set()
    with one.live() as socket:
        _, told = pictures(socket, 1.2)
    assert told[-1]["status"]["silent_s"] > 0.5


def test_a_viewer_that_takes_no_message_is_given_up(make_running, monkeypatch):
    monkeypatch.setattr(viewers, "_SEND_S", 0.3)
    monkeypatch.setattr(viewers, "_CLOSE_S", 0.3)
    monkeypatch.setattr(viewers, "_STATUS_S", 0.02)
    told = "x" * 200_000  # a status that soon fills every buffer on the way
    one = make_running()
    monkeypatch.setattr(type(one.control), "status", lambda self: {"state": told})
    key = b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    with socket.create_connection(("127.0.0.1", one.port), timeout=20) as deaf:
        deaf.sendall(
            b"GET /api/live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\n" + key
        )
        assert b"101" in deaf.recv(100)
        deadline = time.monotonic() + 20
        while one.told("/api/status")[1]["state"] and watching(one) != 0:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def watching(one):
    """How many viewers a new one finds, without itself."""
    with one.live(max_size=None) as other:
        while True:
            message = other.recv(timeout=20)
            if isinstance(message, str):
                return json.loads(message)["status"]["viewers"] - 1
