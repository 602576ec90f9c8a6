"""What the tracker says about one frame."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from thermedge.events import Event
from thermedge.geometry import Box

# idle: no target was chosen yet, or it was let go; the box is NO_BOX.
# tracking: sure of the target.  uncertain: it moved the box, but remembers nothing new.
# coasting: the shutter is closed, or the target is missing for some frames.
# lost: missing for long; still searched for.  reacquired: the first frame found again.
State = Literal["idle", "tracking", "uncertain", "coasting", "lost", "reacquired"]

# Stages of one frame in the order they run: waiting for the source, the range of counts,
# cutting windows, the network, reading its maps, and everything else of the tracker.
STAGES = ("wait", "scale", "crop", "infer", "decode", "update")

NO_BOX = Box(math.nan, math.nan, math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class TargetCelsius:
    """Temperatures inside the box, degrees C."""

    low: float
    mean: float
    high: float


@dataclass(frozen=True, slots=True)
class Track:
    """The target in one frame."""

    box: Box  # frame px; the last or predicted one while coasting or lost
    score: float  # the network's peak, [0, 1]; 0 where no network ran
    state: State
    frame_index: int  # the frame's sequence number
    timestamp_ns: int  # the frame's
    dropped: int  # frames lost between the previous Track and this one
    stage_ms: Mapping[str, float]  # by stage of STAGES; a stage that did not run is absent
    events: tuple[Event, ...] = ()  # the frame's, then the tracker's own
    age_ms: float | None = None  # from the sensor's time stamp to this result; live sources only
    target_c: TargetCelsius | None = None  # only when the sensor is radiometric
    start: Box | None = None  # the box given, when a track was started on this frame
    # Probability that the box overlaps the target by an IoU of 0.5 or more, as
    # runtime.confidence says; None without a target, or where the bundle can't tell.
    confidence: float | None = None
