"""Facts about MAVLink messages, as the reference parser reads them."""

import math
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_args

import pytest

from thermedge.errors import SinkError
from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.runtime.sinks.mavlink import _FLAGS, MavlinkSink
from thermedge.runtime.track import NO_BOX, State, Track

common = pytest.importorskip(
    "pymavlink.dialects.v20.common", reason="the extra `mavlink` is not installed"
)


class Link:
    """A sink, and what a ground station reads of it."""

    def __init__(self, receiver: socket.socket) -> None:
        self._receiver = receiver
        self._parser = common.MAVLink(None)
        self.sink = MavlinkSink(f"mavlink:udp://127.0.0.1:{receiver.getsockname()[1]}")

    def read(self) -> Any:
        (message,) = self._parser.parse_buffer(self._receiver.recv(1000))
        return message


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        opened.settimeout(10)
        yield opened


@pytest.fixture
def link(receiver: socket.socket) -> Iterator[Link]:
    opened = Link(receiver)
    yield opened
    opened.sink.close()


def test_the_box_is_told_in_shares_of_the_frame(link: Link, frame: Frame, track: Track) -> None:
    link.sink.write(frame, replace(track, box=Box(16, 12, 32, 6)))  # of 64x48 px
    link.read()
    status = link.read()
    assert status.get_type() == "CAMERA_TRACKING_IMAGE_STATUS"
    assert (status.rec_top_x, status.rec_top_y) == (0.25, 0.25)
    assert (status.rec_bottom_x, status.rec_bottom_y) == (0.75, 0.375)
    assert status.tracking_mode == common.CAMERA_TRACKING_MODE_RECTANGLE
    assert status.target_data == common.CAMERA_TRACKING_TARGET_DATA_IN_STATUS
    assert math.isnan(status.point_x)
    assert (status.get_srcSystem(), status.get_srcComponent()) == (1, 100)


@pytest.mark.parametrize(
    ("box", "told"),
    [
        (Box(-16, -12, 32, 24), (0, 0, 0.25, 0.25)),
        (Box(48, 36, 32, 24), (0.75, 0.75, 1, 1)),
        (Box(100, 12, 1e300, 12), (1, 0.25, 1, 0.5)),
    ],
)
def test_a_box_that_reaches_past_the_frame_is_told_up_to_its_border(
    link: Link, frame: Frame, track: Track, box: Box, told: tuple[float, ...]
) -> None:
    link.sink.write(frame, replace(track, box=box))  # of 64x48 px
    link.read()
    status = link.read()
    corners = status.rec_top_x, status.rec_top_y, status.rec_bottom_x, status.rec_bottom_y
    assert corners == told


def test_a_library_of_2024_that_does_not_know_of_coasting_will_do(
    receiver: socket.socket, frame: Frame, track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(common, "CAMERA_TRACKING_STATUS_FLAGS_COASTING")
    link = Link(receiver)
    link.sink.write(frame, replace(track, state="coasting"))
    link.read()
    assert link.read().tracking_status == 1 + 8
    link.sink.close()


@pytest.mark.parametrize(
    ("state", "flags"),
    [
        ("idle", 0),
        ("tracking", 1),
        ("uncertain", 1),
        ("reacquired", 1),
        ("coasting", 1 + 8),
        ("lost", 2),
    ],
)
def test_every_state_has_its_flags_and_a_target_that_is_not_there_no_box(
    link: Link, frame: Frame, track: Track, state: State, flags: int
) -> None:
    box = NO_BOX if state == "idle" else track.box
    link.sink.write(frame, replace(track, state=state, box=box))
    link.read()
    status = link.read()
    assert status.tracking_status == flags
    is_there = state not in ("idle", "lost")
    assert (status.tracking_mode == common.CAMERA_TRACKING_MODE_RECTANGLE) == is_there
    assert math.isnan(status.rec_top_x) != is_there


def test_no_state_is_forgotten() -> None:
    assert set(_FLAGS) == set(get_args(State))


def test_a_camera_shows_once_a_second_that_it_is_there(
    link: Link, frame: Frame, track: Track
) -> None:
    for _ in range(3):
        link.sink.write(frame, track)
    messages = [link.read() for _ in range(4)]
    assert [message.get_type() for message in messages] == [
        "HEARTBEAT",
        *["CAMERA_TRACKING_IMAGE_STATUS"] * 3,
    ]
    assert messages[0].type == common.MAV_TYPE_CAMERA
    link.sink._next_heartbeat = 0.0
    link.sink.write(frame, track)
    assert link.read().get_type() == "HEARTBEAT"


def test_the_sequence_number_goes_round(link: Link, frame: Frame, track: Track) -> None:
    link.sink._next_heartbeat = math.inf
    numbers = []
    for _ in range(300):
        link.sink.write(frame, track)
        numbers.append(link.read().get_seq())
    assert numbers == [number % 256 for number in range(300)]
    assert set(link.sink.faults.values()) == {0}


@pytest.mark.parametrize("uri", ["mavlink:", "mavlink:/dev/ttyTHS1", "mavlink:tcp://host:5"])
def test_only_udp_is_known(uri: str) -> None:
    with pytest.raises(SinkError, match="only UDP is known"):
        MavlinkSink(uri)
