"""Results as MAVLink messages, for autopilots and ground stations."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from types import SimpleNamespace

from thermedge.errors import SinkError
from thermedge.frame import Frame
from thermedge.optional import require
from thermedge.runtime.sinks.datagrams import Datagrams
from thermedge.runtime.track import State, Track

_PREFIX = "mavlink:"
_SYSTEM = 1  # of the vehicle that the camera is mounted on; autopilots default to it
_HEARTBEAT_S = 1.0

# CAMERA_TRACKING_STATUS_FLAGS of MAVLink's common.xml, as numbers: a pymavlink of 2024 has no
# name for the last one yet. "lost" is an error, so that nobody follows its box.
_ACTIVE, _ERROR, _COASTING = 1, 2, 8
_FLAGS: dict[State, int] = {
    "idle": 0,
    "tracking": _ACTIVE,
    "uncertain": _ACTIVE,
    "reacquired": _ACTIVE,
    "coasting": _ACTIVE | _COASTING,
    "lost": _ERROR,
}


class MavlinkSink:
    """Sends CAMERA_TRACKING_IMAGE_STATUS per frame, and a camera's HEARTBEAT per second.

    The box is sent in shares of the frame from 0 to 1, so without what reaches past the
    frame, and as NaN while there is no target or it is lost.
    The messages come from system 1, component 100 (MAV_COMP_ID_CAMERA), by MAVLink 2.

    Args:
        uri: mavlink:udp://HOST:PORT

    Raises:
        SinkError: `uri` is another kind of address.
        MissingDependencyError: pymavlink is not installed.
    """

    def __init__(self, uri: str) -> None:
        inner = uri.removeprefix(_PREFIX)
        if not inner.startswith("udp://"):
            raise SinkError(
                f"{uri} is no address for MAVLink; only UDP is known.",
                "Write, for example, mavlink:udp://127.0.0.1:14550",
            )
        self._dialect = require("pymavlink.dialects.v20.common", "sending MAVLink")
        self._datagrams = Datagrams(inner)
        self._link = self._dialect.MAVLink(
            SimpleNamespace(write=self._datagrams.send),
            srcSystem=_SYSTEM,
            srcComponent=self._dialect.MAV_COMP_ID_CAMERA,
        )
        self._next_heartbeat = 0.0

    @property
    def faults(self) -> Mapping[str, int]:
        """Messages that could not be sent."""
        return {f"{_PREFIX}{self._datagrams.uri} unsent": self._datagrams.num_unsent}

    def write(self, frame: Frame, track: Track) -> None:
        """Send the message of `track`, and a heartbeat when it is time."""
        now = time.monotonic()
        if now >= self._next_heartbeat:
            self._next_heartbeat = now + _HEARTBEAT_S
            self._say_alive()
        self._say_where(frame, track)

    def close(self) -> None:
        """Close the socket. Calling it twice is allowed."""
        self._datagrams.close()

    def _say_alive(self) -> None:
        known = self._dialect
        self._link.heartbeat_send(
            type=known.MAV_TYPE_CAMERA,
            autopilot=known.MAV_AUTOPILOT_INVALID,
            base_mode=0,
            custom_mode=0,
            system_status=known.MAV_STATE_ACTIVE,
        )

    def _say_where(self, frame: Frame, track: Track) -> None:
        known = self._dialect
        mode, corners = known.CAMERA_TRACKING_MODE_NONE, (math.nan,) * 4
        if track.state not in ("idle", "lost"):
            mode = known.CAMERA_TRACKING_MODE_RECTANGLE
            x, y, w, h = track.box
            wide, high = frame.width_px, frame.height_px
            corners = _share(x, wide), _share(y, high), _share(x + w, wide), _share(y + h, high)
        self._link.camera_tracking_image_status_send(
            tracking_status=_FLAGS[track.state],
            tracking_mode=mode,
            target_data=known.CAMERA_TRACKING_TARGET_DATA_IN_STATUS,
            point_x=math.nan,
            point_y=math.nan,
            radius=math.nan,
            rec_top_x=corners[0],
            rec_top_y=corners[1],
            rec_bottom_x=corners[2],
            rec_bottom_y=corners[3],
        )


def _share(at_px: float, side_px: int) -> float:
    return min(max(at_px / side_px, 0.0), 1.0)
