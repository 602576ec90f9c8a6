"""What happened between frames that whoever runs the camera wants to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

EventKind = Literal[
    # of the source
    "stall",  # no new frame for too long; the stream was restarted
    "unplugged",  # the device went away
    "reconnected",  # the same camera came back
    "range_changed",  # the sensor changed its gain, range or format of counts
    # of the tracker
    "shutter_closed",
    "shutter_opened",
    "camera_moved",  # the whole picture jumped
    "coasting",  # the target is missing for some frames
    "lost",  # the target is missing for long
    "gave_up",  # nothing was found within the time allowed; the scan ends
    "reacquired",
    "restarted",  # a new target was chosen
    "template_renewed",  # the sensor's range changed, so the target was learned again
    # of a second, visible camera
    "visible_lost",
    "visible_back",
]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    kind: EventKind
    timestamp_ns: int  # monotonic, on the clock of the frames
    frame_index: int  # of the first frame that it concerns
    detail: str  # one sentence with the figures
