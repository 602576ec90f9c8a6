"""Results as CSV: one row per frame."""

from __future__ import annotations

from pathlib import Path

from thermedge.runtime.sinks.lines import LineSink
from thermedge.runtime.track import STAGES, Track

COLUMNS = (
    *("frame", "timestamp_ns", "x", "y", "w", "h", "score", "state", "dropped"),
    *(f"ms_{stage}" for stage in STAGES),
    *("age_ms", "low_c", "mean_c", "high_c", "events", "confidence"),
)


def open_csv(path: Path) -> LineSink:
    """Open a table of `COLUMNS`, with a header; boxes in px, temperatures in degrees C.

    A stage that did not run leaves its field empty; so does what is not known, as the age
    of a recorded frame. The kinds of events stand with spaces between them.

    Raises:
        SinkError: Nothing can be written at `path`.
    """
    return LineSink(path, _row, header=",".join(COLUMNS))


def _row(track: Track) -> str:
    x, y, w, h = track.box
    stages = ",".join([_known(track.stage_ms.get(stage)) for stage in STAGES])
    known = track.target_c
    celsius = ",,"
    if known is not None:
        celsius = f"{known.low:.2f},{known.mean:.2f},{known.high:.2f}"
    events = " ".join([event.kind for event in track.events])
    return (
        f"{track.frame_index},{track.timestamp_ns},{x:.4f},{y:.4f},{w:.4f},{h:.4f},"
        f"{track.score:.4f},{track.state},{track.dropped},{stages},"
        f"{_known(track.age_ms)},{celsius},{events},{_known(track.confidence)}"
    )


def _known(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
