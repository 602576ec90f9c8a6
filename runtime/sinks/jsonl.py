"""Results as JSON Lines: one object per frame."""

from __future__ import annotations

import json
import math
from pathlib import Path

from thermedge.events import Event
from thermedge.runtime.sinks.lines import LineSink
from thermedge.runtime.track import Track


def open_jsonl(path: Path) -> LineSink:
    """Open a file of one JSON object per frame, as `as_json` writes it.

    Raises:
        SinkError: Nothing can be written at `path`.
    """
    return LineSink(path, as_json)


def as_json(track: Track) -> str:
    """Return one line of ASCII: an object per frame, whatever happened in it.

    Always there: frame, timestamp_ns, x, y, w, h (px), score, state, dropped, stage_ms.
    Only where known: age_ms (live sources), target_c with low, mean and high (radiometric
    sensors), confidence (bundles that tell what their scores are worth), and events, a list
    of objects with kind, timestamp_ns, frame and detail, when there are any. A number that is
    not finite becomes null: so do x, y, w and h of a frame without a target.
    """
    # By hand: json.dumps takes several times as long, and digits that mean nothing.
    x, y, w, h = track.box
    stages = ",".join([f'"{stage}":{_number(ms)}' for stage, ms in track.stage_ms.items()])
    return (
        f'{{"frame":{track.frame_index},"timestamp_ns":{track.timestamp_ns},'
        f'"x":{_number(x)},"y":{_number(y)},"w":{_number(w)},"h":{_number(h)},'
        f'"score":{_number(track.score)},"state":"{track.state}","dropped":{track.dropped},'
        f'"stage_ms":{{{stages}}}{_known(track)}}}'
    )


def _known(track: Track) -> str:
    """Return the keys that not every frame has, each behind a comma."""
    text = ""
    if track.age_ms is not None:
        text += f',"age_ms":{_number(track.age_ms)}'
    if track.target_c is not None:
        low, mean, high = track.target_c.low, track.target_c.mean, track.target_c.high
        text += f',"target_c":{{"low":{low:.2f},"mean":{mean:.2f},"high":{high:.2f}}}'
    if track.confidence is not None:
        text += f',"confidence":{_number(track.confidence)}'
    if track.events:
        text += f',"events":[{",".join([_event(event) for event in track.events])}]'
    return text


def _event(event: Event) -> str:
    return (
        f'{{"kind":"{event.kind}","timestamp_ns":{event.timestamp_ns},'
        f'"frame":{event.frame_index},"detail":{json.dumps(event.detail)}}}'
    )


def _number(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "null"
