"""Results as JSON datagrams: one per frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from thermedge.frame import Frame
from thermedge.runtime.sinks.datagrams import Datagrams
from thermedge.runtime.sinks.jsonl import as_json
from thermedge.runtime.track import Track

MOST_BYTES = 1200  # fits the smallest MTU of IPv6 with every header around it


class UdpSink:
    """Sends each Track as the object that `as_json` writes, in a datagram of its own.

    Events that would make a datagram larger than `MOST_BYTES` lose their details, then
    go altogether; files keep them.

    Args:
        uri: udp://HOST:PORT

    Raises:
        SinkError: `uri` is another kind of address.
    """

    def __init__(self, uri: str) -> None:
        self._datagrams = Datagrams(uri)

    @property
    def faults(self) -> Mapping[str, int]:
        """Datagrams that could not be sent."""
        return {f"{self._datagrams.uri} unsent": self._datagrams.num_unsent}

    def write(self, frame: Frame, track: Track) -> None:
        """Send the datagram of `track`."""
        self._datagrams.send(_fitting(track))

    def close(self) -> None:
        """Close the socket. Calling it twice is allowed."""
        self._datagrams.close()


def _fitting(track: Track) -> bytes:
    short = tuple(replace(event, detail="") for event in track.events)
    for events in (track.events, short):
        payload = as_json(replace(track, events=events)).encode("ascii")
        if len(payload) <= MOST_BYTES:
            return payload
    return as_json(replace(track, events=())).encode("ascii")
