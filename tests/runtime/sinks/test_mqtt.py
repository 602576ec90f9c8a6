"""Facts about results by MQTT, told to a real broker."""

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from thermedge.errors import SinkError
from thermedge.frame import Frame
from thermedge.runtime.sinks.jsonl import as_json
from thermedge.runtime.sinks.mqtt import MqttSink
from thermedge.runtime.track import Track

mqtt = pytest.importorskip("paho.mqtt.client", reason="the extra `mqtt` is not installed")

BROKER = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
needs_broker = pytest.mark.skipif(
    BROKER is None, reason="no broker is installed (Debian: apt install mosquitto)"
)


class Broker:
    """A mosquitto that can be stopped and started again at the same port."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._config = folder / "mosquitto.conf"
        self._config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert BROKER is not None
        self._process = subprocess.Popen(
            [BROKER, "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(self._answers)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Listener:
    """Keeps every message below site/."""

    def __init__(self, port: int) -> None:
        self.messages: list[tuple[str, str]] = []
        is_listening = threading.Event()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self._client.on_message = self._note
        self._client.on_subscribe = lambda *_: is_listening.set()
        self._client.connect("127.0.0.1", port)
        self._client.subscribe("site/#", qos=1)
        self._client.loop_start()
        assert is_listening.wait(10)

    def _note(self, client: Any, data: Any, message: Any) -> None:
        self.messages.append((message.topic, message.payload.decode()))

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def until(is_so: Any) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    opened = Broker(tmp_path)
    opened.start()
    yield opened
    opened.stop()


def sink_at(broker: Broker) -> MqttSink:
    return MqttSink(f"mqtt://127.0.0.1:{broker.port}/site/camera%201")


@needs_broker
def test_every_frame_is_a_message_and_the_status_goes_on_and_off(
    broker: Broker, frame: Frame, track: Track
) -> None:
    listener = Listener(broker.port)
    sink = sink_at(broker)
    until(sink._client.is_connected)
    tracks = [replace(track, frame_index=index) for index in range(20)]
    for one in tracks:
        sink.write(frame, one)
    sink.close()
    sink.close()
    until(lambda: ("site/camera 1/status", "offline") in listener.messages)
    listener.close()
    frames = [text for topic, text in listener.messages if topic == "site/camera 1"]
    assert frames == [as_json(one) for one in tracks]
    statuses = [text for topic, text in listener.messages if topic == "site/camera 1/status"]
    assert statuses == ["online", "offline"]
    assert set(sink.faults.values()) == {0}


@needs_broker
def test_a_broker_that_goes_away_costs_messages_that_are_counted_and_comes_back(
    broker: Broker, frame: Frame, track: Track, caplog: pytest.LogCaptureFixture
) -> None:
    sink = sink_at(broker)
    until(sink._client.is_connected)
    broker.stop()
    until(lambda: not sink._client.is_connected())
    for _ in range(30):
        began = time.perf_counter()
        sink.write(frame, track)
        assert time.perf_counter() - began < 0.5
    assert set(sink.faults.values()) == {30}
    broker.start()
    until(sink._client.is_connected)
    listener = Listener(broker.port)
    sink.write(frame, track)
    until(lambda: any(topic == "site/camera 1" for topic, _ in listener.messages))
    listener.close()
    sink.close()
    assert len(json.loads(dict(listener.messages)["site/camera 1"])) == len(
        json.loads(as_json(track))
    )
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(said) == 2
    assert "connection lost" in said[0]
    assert said[1].endswith("connected")


@needs_broker
def test_who_comes_later_learns_that_the_tracker_died(broker: Broker) -> None:
    sink = sink_at(broker)
    until(sink._client.is_connected)
    until(lambda: sink._num_sent > 0)
    sink._client._sock.shutdown(socket.SHUT_RDWR)  # no goodbye
    sink._client._thread_terminate = True
    listener = Listener(broker.port)
    until(lambda: listener.messages)
    assert listener.messages[0][0] == "site/camera 1/status"
    listener.close()
    sink.close()


def test_a_broker_that_is_not_there_holds_nobody_up(frame: Frame, track: Track) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    sink = MqttSink(f"mqtt://user:secret@127.0.0.1:{port}/t")
    began = time.perf_counter()
    for _ in range(10):
        sink.write(frame, track)
    assert time.perf_counter() - began < 1
    assert sink.faults == {f"mqtt://127.0.0.1:{port}/t unsent": 10}  # and no password in it
    sink.close()
    assert time.perf_counter() - began < 5


def test_what_waited_for_a_broker_that_went_away_is_counted(frame: Frame, track: Track) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server.settimeout(20)
        sink = MqttSink(f"mqtt://127.0.0.1:{server.getsockname()[1]}/t")
        with closing(sink):
            with _welcomed(server):
                before = 0
                deadline = time.monotonic() + 20
                while before < 1000:  # then the system's buffers are full, and the sink's own
                    assert time.monotonic() < deadline
                    sink.write(frame, track)
                    before = sum(sink.faults.values())
            with _welcomed(server):
                until(lambda: sum(sink.faults.values()) > before)
        assert sum(sink.faults.values()) >= before + 90


def _welcomed(server: socket.socket) -> socket.socket:
    """Return the next client's connection, of which only what begins it is read."""
    client, _ = server.accept()
    client.recv(1000)
    client.sendall(b"\x20\x02\x00\x00")  # CONNACK: accepted
    assert b"online" in client.recv(1000)
    return client


@pytest.mark.parametrize(
    "uri", ["mqtt://user:secret@h/+/x", "mqtt://user:secret@/x", "mqtt://user:se/secret@h/x"]
)
def test_no_error_tells_the_password(uri: str) -> None:
    with pytest.raises(SinkError) as caught:
        MqttSink(uri)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("path", ["", "/", "/a/+/b", "/a/%23", "/w\udce4rme"])
def test_a_topic_that_can_t_be_published_to_is_an_error(path: str) -> None:
    with pytest.raises(SinkError, match="names no topic"):
        MqttSink(f"mqtt://127.0.0.1:1{path}")


@pytest.mark.parametrize("topic", ["site/cam#", "site/#", "site?x", "#", "site/cam?"])
def test_a_topic_is_never_cut_short(topic: str) -> None:
    with pytest.raises(SinkError, match=r"has a \? or #") as caught:
        MqttSink(f"mqtt://127.0.0.1:1/{topic}")
    assert "%3F" in caught.value.remedy


def test_a_question_mark_can_be_written() -> None:
    sink = MqttSink("mqtt://127.0.0.1:1/who%3F")
    assert list(sink.faults) == ["mqtt://127.0.0.1:1/who? unsent"]
    sink.close()


def test_a_broker_that_can_t_be_one_is_an_error() -> None:
    with pytest.raises(SinkError, match="'192.168..1' .* is no host"):
        MqttSink("mqtt://192.168..1/t")
