"""Facts about results as JSON datagrams."""

import json
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from thermedge.events import Event
from thermedge.frame import Frame
from thermedge.runtime.sinks.jsonl import as_json
from thermedge.runtime.sinks.udp import MOST_BYTES, UdpSink
from thermedge.runtime.track import STAGES, TargetCelsius, Track


@pytest.fixture
def pair() -> Iterator[tuple[UdpSink, socket.socket]]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        sink = UdpSink(f"udp://127.0.0.1:{receiver.getsockname()[1]}")
        yield sink, receiver
        sink.close()


def test_a_datagram_holds_what_a_line_of_the_file_holds(
    pair: tuple[UdpSink, socket.socket], frame: Frame, track: Track
) -> None:
    sink, receiver = pair
    for index in (7, 8):
        sink.write(frame, replace(track, frame_index=index))
    assert receiver.recv(2000).decode() == as_json(track)
    assert json.loads(receiver.recv(2000))["frame"] == 8
    assert set(sink.faults.values()) == {0}


@pytest.mark.parametrize(
    ("count", "length", "kept", "details"),
    [(1, 100, 1, True), (3, 900, 3, False), (40, 10, 0, False)],
)
def test_every_datagram_fits_a_packet_and_details_go_first(
    pair: tuple[UdpSink, socket.socket],
    frame: Frame,
    track: Track,
    count: int,
    length: int,
    kept: int,
    details: bool,
) -> None:
    sink, receiver = pair
    events = tuple(
        Event("stall", 2**62, index, "\N{DEGREE SIGN}" * length) for index in range(count)
    )
    full = replace(
        track,
        stage_ms=dict.fromkeys(STAGES, 12345.6789),
        age_ms=1e6,
        target_c=TargetCelsius(-40.0, 21.5, 550.0),
        events=events,
    )
    sink.write(frame, full)
    payload = receiver.recv(65536)
    assert len(payload) <= MOST_BYTES
    told = json.loads(payload).get("events", [])
    assert len(told) == kept
    assert all(bool(event["detail"]) == details for event in told)
