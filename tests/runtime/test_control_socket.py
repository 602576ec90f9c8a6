"""Facts about orders over a Unix socket: what clients of every kind get, and what they can't do."""

import base64
import json
import os
import socket
import stat
import threading
import time
from contextlib import ExitStack, closing, contextmanager, suppress

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thermedge.errors import TargetError, ThermedgeError
from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.runtime import control_socket
from thermedge.runtime.control import Control, Snapshot, Start
from thermedge.runtime.control_socket import ControlSocket
from thermedge.runtime.track import Track

COUNTS = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64)


@contextmanager
def serving(path):
    """A socket, and a loop behind it that carries orders out on frames of its own."""
    control, stop = Control(), threading.Event()

    def carry_out():
        while not stop.wait(0.002):
            for asked in control.take(None):
                if isinstance(asked.order, Start) and asked.order.box.w <= 0:
                    asked.refused(TargetError("It has no area.", "Give another."))
                elif isinstance(asked.order, Start):
                    asked.done(Track(asked.order.box, 1.0, "tracking", 12, 0, 0, {}))
                else:
                    is_snapshot = isinstance(asked.order, Snapshot)
                    asked.done(Frame(COUNTS.copy(), 13, 0, bits=14) if is_snapshot else None)

    thread = threading.Thread(target=carry_out)
    thread.start()
    try:
        with ControlSocket(path, control):
            yield control
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "t.sock"


def connected(path):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(10)
    client.connect(str(path))
    return client


def told(path, *lines):
    """Send lines over one connection; return the answers."""
    with connected(path) as client, client.makefile("rb") as answers:
        for line in lines:
            client.sendall(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")
        return [json.loads(answers.readline()) for _ in lines]


def test_orders_are_answered_in_their_order(path):
    with serving(path):
        init = {"command": "init", "x": 1, "y": 2.5, "w": 3, "h": 4, "id": "a"}
        answers = told(path, init, {"command": "stop"}, {"command": "status", "id": 7})
    assert answers == [
        {"id": "a", "ok": True, "frame": 12},
        {"ok": True},
        {"id": 7, "ok": True, "state": "starting"},
    ]


def test_a_snapshot_holds_every_count(path):
    with serving(path):
        (answer,) = told(path, {"command": "snapshot"})
    picture = np.frombuffer(base64.b64decode(answer.pop("png")), np.uint8)
    assert np.array_equal(cv2.imdecode(picture, cv2.IMREAD_UNCHANGED), COUNTS)
    assert answer == {"ok": True, "frame": 13, "width": 64, "height": 48, "bits": 14}


def test_a_refusal_says_what_to_do(path):
    with serving(path):
        (answer,) = told(path, {"command": "init", "x": 1, "y": 2, "w": -3, "h": 4})
    assert answer == {"ok": False, "error": "It has no area.", "fix": "Give another."}


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"hello\n",
        b"[1]\n",
        b"null\n",
        b"{}\n",
        b'{"command": "fly"}\n',
        b'{"command": ["init"]}\n',
        b'{"command": "init"}\n',
        b'{"command": "init", "x": "1", "y": 2, "w": 3, "h": 4}\n',
        b'{"command": "init", "x": true, "y": 2, "w": 3, "h": 4}\n',
        b'{"command": "init", "x": NaN, "y": 2, "w": 3, "h": 4}\n',
        b'{"command": "init", "x": 1e999, "y": 2, "w": 3, "h": 4}\n',
        b"[" * 50_000 + b"\n",
        b"\xff\xfe\x00\n",
    ],
)
def test_garbage_is_refused_and_the_connection_goes_on(path, line):
    with serving(path):
        refusal, answer = told(path, line, {"command": "stop"})
    assert refusal["ok"] is False
    assert refusal["error"]
    assert refusal["fix"]
    assert answer == {"ok": True}


def test_a_line_without_end_is_refused_and_ends_the_connection(path):
    with serving(path):
        with connected(path) as client, client.makefile("rb") as answers:
            with pytest.raises((BrokenPipeError, ConnectionResetError)):  # noqa: PT012
                for _ in range(1000):
                    client.sendall(b"x" * 65536)
            answer = answers.readline()
        assert not answer or json.loads(answer)["ok"] is False
        assert told(path, {"command": "stop"}) == [{"ok": True}]


@settings(max_examples=40)
@given(chunks=st.lists(st.binary(max_size=200), max_size=8), says_goodbye=st.booleans())
def test_no_bytes_bring_it_down(tmp_path_factory, chunks, says_goodbye):
    server = _shared(tmp_path_factory)
    client = connected(server)
    for chunk in chunks:
        client.sendall(chunk)
    if says_goodbye:
        client.shutdown(socket.SHUT_WR)
        client.recv(100)
    client.close()
    assert told(server, {"command": "status"})[0]["ok"] is True


_SHARED = {}


def _shared(tmp_path_factory):
    """One server for all examples of the property."""
    if not _SHARED:
        _SHARED["path"] = tmp_path_factory.mktemp("s") / "s.sock"
        _SHARED["server"] = ControlSocket(_SHARED["path"], Control())
    return _SHARED["path"]


@pytest.fixture(scope="module", autouse=True)
def _close_shared():
    yield
    if _SHARED:
        _SHARED["server"].close()


def test_a_client_that_never_reads_is_sent_away_and_others_are_served(path, monkeypatch):
    monkeypatch.setattr(control_socket, "_READ_S", 0.2)
    with serving(path):
        lazy = connected(path)
        lazy.setblocking(False)
        deadline = time.monotonic() + 20
        with pytest.raises((BrokenPipeError, ConnectionResetError)):  # noqa: PT012
            while time.monotonic() < deadline:
                try:
                    lazy.send(b'{"command": "snapshot"}\n' * 20)
                except BlockingIOError:
                    time.sleep(0.01)
                    assert told(path, {"command": "stop"}) == [{"ok": True}]
        lazy.close()


def test_more_clients_than_allowed_are_told_so(path, monkeypatch):
    monkeypatch.setattr(control_socket, "_MOST_CLIENTS", 3)
    with serving(path):
        clients = [connected(path) for _ in range(3)]
        for client in clients:
            client.sendall(b'{"command": "status"}\n')
            client.recv(1000)
        with connected(path) as fourth, fourth.makefile("rb") as answers:
            assert "clients" in json.loads(answers.readline())["error"]
        for client in clients:
            client.close()
        deadline = time.monotonic() + 10
        while not told(path, {"command": "status"})[0]["ok"]:
            assert time.monotonic() < deadline


def test_an_order_without_a_frame_is_taken_back(path, monkeypatch):
    monkeypatch.setattr(control_socket, "_FRAME_S", 0.1)
    control = Control()
    with ControlSocket(path, control):
        stop, status = told(path, {"command": "stop"}, {"command": "status"})
    assert "No frame came within 0.1 s" in stop["error"]
    assert status["ok"] is True
    assert control.take(None) == []


def test_an_order_that_is_being_carried_out_is_not_called_taken_back(path, monkeypatch):
    monkeypatch.setattr(control_socket, "_FRAME_S", 0.2)
    control = Control()

    def loop():
        while not (waiting := control.take(None)):
            time.sleep(0.01)
        assert waiting[0].begin()
        time.sleep(0.5)
        waiting[0].done(None)

    slow = threading.Thread(target=loop)
    slow.start()
    with ControlSocket(path, control):
        assert told(path, {"command": "stop"}) == [{"ok": True}]
    slow.join()


def test_a_last_line_without_line_feed_is_refused(path):
    with serving(path), connected(path) as client, client.makefile("rb") as answers:
        client.sendall(b'{"command": "stop"}')
        client.shutdown(socket.SHUT_WR)
        assert "line feed" in json.loads(answers.readline())["error"]


def test_only_its_user_may_connect_and_the_file_goes_with_it(path):
    with serving(path):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert not path.exists()


def test_a_socket_that_nobody_listens_at_is_replaced(path):
    with closing(socket.socket(socket.AF_UNIX)) as dead:
        dead.bind(str(path))
    with serving(path):
        assert told(path, {"command": "stop"}) == [{"ok": True}]


def test_a_socket_in_use_is_left_alone(path):
    with serving(path):
        with pytest.raises(ThermedgeError, match="in use"):
            ControlSocket(path, Control())
        assert told(path, {"command": "stop"}) == [{"ok": True}]


def test_a_socket_whose_tracker_hangs_is_in_use(path):
    with socket.socket(socket.AF_UNIX) as hanging, ExitStack() as waiting:
        hanging.bind(str(path))
        hanging.listen(0)
        with suppress(BlockingIOError):
            while True:
                client = waiting.enter_context(socket.socket(socket.AF_UNIX))
                client.setblocking(False)
                client.connect(str(path))
        with pytest.raises(ThermedgeError, match="is in use"):
            ControlSocket(path, Control())
    assert path.exists()


def test_a_file_is_not_replaced_by_a_socket(path):
    path.write_text("precious")
    with pytest.raises(ThermedgeError, match="is no socket"):
        ControlSocket(path, Control())
    assert path.read_text() == "precious"


@pytest.mark.parametrize("name", ["no/folder/t.sock", "x" * 120])
def test_an_impossible_place_is_an_error(tmp_path, name):
    with pytest.raises(ThermedgeError, match="can't become a control socket"):
        ControlSocket(tmp_path / name, Control())


def test_closing_sends_clients_away_and_may_come_twice(path):
    server = ControlSocket(path, Control())
    client = connected(path)
    client.sendall(b'{"command": "status"}\n')
    assert client.recv(1000)
    server.close()
    server.close()
    assert client.recv(1000) == b""
    client.close()


def test_closing_in_the_middle_of_answers_never_hangs(tmp_path):
    for number in range(30):
        server = ControlSocket(tmp_path / f"{number}.sock", Control())
        clients = [connected(tmp_path / f"{number}.sock") for _ in range(4)]
        for client in clients:
            client.sendall(b'{"command": "status"}\n' * 3)
        assert clients[number % 4].recv(10)
        server.close()
        for client in clients:
            client.close()


def test_a_box_keeps_its_numbers():
    order = control_socket._order({"command": "init", "x": 1, "y": 2.25, "w": 3, "h": 4.5})
    assert order == Start(Box(1.0, 2.25, 3.0, 4.5))
