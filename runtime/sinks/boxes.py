"""Results as bare boxes, the way evaluation toolkits read them."""

from __future__ import annotations

from pathlib import Path

from thermedge.runtime.sinks.lines import LineSink
from thermedge.runtime.track import Track


def open_boxes(path: Path) -> LineSink:
    """Open a file of one line x,y,w,h (px, floats, top-left corner) per frame.

    Raises:
        SinkError: Nothing can be written at `path`.
    """
    return LineSink(path, _line)


def _line(track: Track) -> str:
    x, y, w, h = track.box
    return f"{x:.4f},{y:.4f},{w:.4f},{h:.4f}"
