"""Results as JSON messages to an MQTT broker: one per frame."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from thermedge.errors import SinkError
from thermedge.frame import Frame
from thermedge.optional import require
from thermedge.runtime.plain_names import is_plain
from thermedge.runtime.sinks.datagrams import host_and_port, without_password
from thermedge.runtime.sinks.jsonl import as_json
from thermedge.runtime.track import Track

_LOG = logging.getLogger(__name__)

_EXAMPLE = "mqtt://127.0.0.1/site/camera1"
_PORT = 1883  # registered for MQTT without TLS
_MOST_WAITING = 100  # messages that a slow broker may lag behind; later ones are dropped
_LONGEST_WAIT_S = 16  # between two attempts to connect
_FAREWELL_S = 2.0  # for what is still to be sent at the end


class MqttSink:
    """Publishes each Track as the object that `as_json` writes, with QoS 0.

    The broker's TOPIC/status holds "online" or, also after a crash, "offline". The
    connection is made and made again in the background; what can't be sent meanwhile is
    counted, never kept: an old box is of no use.

    Args:
        uri: mqtt://[USER:PASSWORD@]HOST[:PORT]/TOPIC

    Raises:
        SinkError: `uri` is another kind of address, or the topic is impossible.
        MissingDependencyError: paho-mqtt is not installed.
    """

    def __init__(self, uri: str) -> None:
        host, port = host_and_port(uri, example=_EXAMPLE, port=_PORT)
        parts = urlsplit(uri)
        self._topic = _topic(parts.path, uri)
        self._name = f"mqtt://{host}:{port}/{self._topic}"  # without the password
        self._num_unsent = self._num_queued = self._num_sent = 0
        self._num_gone = 0  # queued, but lost with the connection
        paho = require("paho.mqtt.client", "publishing to MQTT")
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        if parts.username:
            self._client.username_pw_set(unquote(parts.username), unquote(parts.password or ""))
        self._client.will_set(f"{self._topic}/status", "offline", qos=1, retain=True)
        self._client.reconnect_delay_set(1, _LONGEST_WAIT_S)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._is_open, self._is_reachable = True, True
        self._client.connect_async(host, port)
        self._client.loop_start()

    @property
    def faults(self) -> Mapping[str, int]:
        """Messages that the broker did not get."""
        return {f"{self._name} unsent": self._num_unsent + self._num_gone}

    def write(self, frame: Frame, track: Track) -> None:
        """Publish the message of `track`, or count it as unsent."""
        is_late = self._num_queued - self._num_sent >= _MOST_WAITING
        if is_late or not self._client.is_connected():
            self._num_unsent += 1
            return
        if self._client.publish(self._topic, as_json(track)).rc:
            self._num_unsent += 1
        else:
            self._num_queued += 1

    def close(self) -> None:
        """Say goodbye to the broker. Calling it twice is allowed."""
        if not self._is_open:
            return
        self._is_open = False
        self._client.publish(f"{self._topic}/status", "offline", qos=1, retain=True)
        self._client.disconnect()
        # A broker that no longer answers would hold the end up.
        farewell = threading.Thread(target=self._client.loop_stop, daemon=True)
        farewell.start()
        farewell.join(_FAREWELL_S)

    def _on_connect(self, client: Any, data: Any, flags: Any, reason: Any, more: Any) -> None:
        if reason.is_failure:
            self._say(f"refused: {reason}", is_reachable=False)
            return
        queued = self._num_queued
        self._num_gone += max(queued - self._num_sent, 0)
        self._num_sent = queued
        self._say("connected", is_reachable=True)
        client.publish(f"{self._topic}/status", "online", qos=1, retain=True)

    def _on_connect_fail(self, client: Any, data: Any) -> None:
        self._say("not reachable; trying on", is_reachable=False)

    def _on_disconnect(self, client: Any, data: Any, flags: Any, reason: Any, more: Any) -> None:
        if self._is_open:
            self._say(f"connection lost: {reason}", is_reachable=False)

    def _on_publish(self, client: Any, data: Any, number: int, reason: Any, more: Any) -> None:
        self._num_sent += 1

    def _say(self, text: str, *, is_reachable: bool) -> None:
        """Log a change, and only a change."""
        if is_reachable != self._is_reachable:
            _LOG.warning("%s: %s", self._name, text)
        self._is_reachable = is_reachable


def _topic(path: str, uri: str) -> str:
    text, shown = unquote(path).removeprefix("/"), without_password(uri)
    if "?" in uri or "#" in uri:  # in a URI they end the path
        raise SinkError(
            f"{shown} has a ? or # in it, which no topic to publish to can have as it is.",
            "Write %3F for a ? in a topic, and leave # out.",
        )
    is_wild = any(char in text for char in "+#\0")
    if not text or is_wild or len(text) > 200 or not is_plain(text):
        raise SinkError(
            f"{shown} names no topic to publish to: expected a UTF-8 name without + and #.",
            f"Write, for example, {_EXAMPLE}",
        )
    return text
