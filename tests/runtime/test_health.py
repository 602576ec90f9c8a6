"""Facts about telling systemd that the tracker lives."""

import os
import socket
from contextlib import contextmanager

import pytest

from thermedge.geometry import Box
from thermedge.runtime import health
from thermedge.runtime.health import Notifier
from thermedge.runtime.summary import Summary
from thermedge.runtime.track import Track


def track(index):
    return Track(Box(1, 2, 3, 4), 1.0, "tracking", index, 0, 0, {})


@contextmanager
def systemd(address):
    """A socket as systemd listens at; yields a function that returns what came so far."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address)
        listening.setblocking(False)

        def told():
            texts = []
            while True:
                try:
                    texts.append(listening.recv(1000).decode())
                except BlockingIOError:
                    return texts

        yield told


@pytest.fixture(params=["path", "abstract"])
def names(request, tmp_path):
    """The address of a socket, as the system and as NOTIFY_SOCKET write it."""
    if request.param == "path":
        return str(tmp_path / "notify"), str(tmp_path / "notify")
    return f"\0thermedge-{os.getpid()}", f"@thermedge-{os.getpid()}"


def test_a_run_is_ready_with_its_first_frame_and_stops_when_it_ends(names):
    address, name = names
    with systemd(address) as told:
        with Notifier({"NOTIFY_SOCKET": name}) as notifier:
            assert told() == []
            notifier.frame(track(5), Summary(frames=1, dropped=3))
            ready, status = told()
            notifier.frame(track(6), Summary())
            assert told() == []
        assert (ready, told()) == ("READY=1", ["STOPPING=1"])
        assert status == "STATUS=tracking, frame 5, 0.0 FPS, 3 dropped, 0 faults"
        notifier.close()
        assert told() == []


def test_systemd_is_told_again_where_it_was_too_busy_to_hear(names):
    address, name = names
    with systemd(address) as told, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as busy:
        busy.setblocking(False)
        with pytest.raises(BlockingIOError):  # noqa: PT012
            while True:
                busy.sendto(b"x", address)
        with Notifier({"NOTIFY_SOCKET": name}) as notifier:
            notifier.frame(track(1), Summary())
            assert "READY=1" not in told()
            notifier.frame(track(2), Summary())
            notifier.frame(track(3), Summary())
            assert told().count("READY=1") == 1


def watched(name, **more):
    return {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "40", **more}  # every ten microseconds


def test_the_watchdog_is_fed_by_fresh_frames_alone(names):
    address, name = names
    with systemd(address) as told, Notifier(watched(name)) as notifier:
        for index in (1, 2, 2, 2, 3):
            notifier.frame(track(index), Summary())
        assert told().count("WATCHDOG=1") == 3


def test_the_watchdog_is_fed_no_more_often_than_needed(names):
    address, name = names
    environment = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "30000000"}
    with systemd(address) as told, Notifier(environment) as notifier:
        for index in range(50):
            notifier.frame(track(index), Summary())
        assert told().count("WATCHDOG=1") == 1


@pytest.mark.parametrize(
    ("pid", "count"), [(str(os.getpid()), 1), ("1", 0)], ids=["own", "another"]
)
def test_the_watchdog_of_another_process_is_not_ours(names, pid, count):
    address, name = names
    with systemd(address) as told, Notifier(watched(name, WATCHDOG_PID=pid)) as notifier:
        notifier.frame(track(1), Summary())
        assert told().count("WATCHDOG=1") == count


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}])
def test_without_systemd_nothing_is_said(environment, monkeypatch):
    opened = []
    monkeypatch.setattr(health.socket, "socket", lambda *kind: opened.append(kind))
    with Notifier(environment) as notifier:
        notifier.frame(track(1), Summary())
    assert opened == []


def test_a_systemd_that_went_away_harms_nobody(tmp_path, caplog):
    caplog.set_level("DEBUG", logger=health.__name__)
    with Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}) as notifier:
        for index in range(3):
            notifier.frame(track(index), Summary())
    assert "systemd did not take 'READY=1'" in caplog.text
