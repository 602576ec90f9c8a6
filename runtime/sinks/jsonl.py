"""Results as JSON Lines: one object per frame."""

from __future__ import annotations

import math
from pathlib import Path

from thermedge.runtime.sinks.lines import LineSink
from thermedge.runtime.track import Track


def open_jsonl(path: Path) -> LineSink:
    """Open a file of one JSON object per frame.

    Keys: frame, timestamp_ns, x, y, w, h (px), score, state, dropped, stage_ms. A number
    that is not finite becomes null.

    Raises:
        SinkError: Nothing can be written at `path`.
    """
    return LineSink(path, _line)


def _line(track: Track) -> str:
    # By hand: json.dumps takes several times as long, and digits that mean nothing.
    x, y, w, h = track.box
    stages = ",".join([f'"{stage}":{_number(ms)}' for stage, ms in track.stage_ms.items()])
    return (
        f'{{"frame":{track.frame_index},"timestamp_ns":{track.timestamp_ns},'
        f'"x":{_number(x)},"y":{_number(y)},"w":{_number(w)},"h":{_number(h)},'
        f'"score":{_number(track.score)},"state":"{track.state}","dropped":{track.dropped},'
        f'"stage_ms":{{{stages}}}}}'
    )


def _number(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "null"
