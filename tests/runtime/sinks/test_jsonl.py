"""Facts about results in JSON Lines."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.runtime.sinks.jsonl import _line, open_jsonl
from thermedge.runtime.track import STAGES, State, Track


def test_one_object_per_frame_says_everything(tmp_path: Path, frame: Frame, track: Track) -> None:
    sink = open_jsonl(tmp_path / "a.jsonl")
    sink.write(frame, track)
    sink.write(frame, replace(track, frame_index=8, state="lost", stage_ms={}))
    sink.close()
    first, second = map(json.loads, (tmp_path / "a.jsonl").read_text().splitlines())
    assert first == {
        "frame": 7,
        "timestamp_ns": 233_333_333,
        "x": 12.3457,
        "y": 20.5,
        "w": 9.8765,
        "h": 7.0,
        "score": 0.8765,
        "state": "tracking",
        "dropped": 2,
        "stage_ms": {"wait": 30.0, "crop": 0.25, "infer": 3.4568},
    }
    assert (second["frame"], second["state"], second["stage_ms"]) == (8, "lost", {})


coordinates = st.floats(-4096, 4096)
sizes = st.floats(1, 4096)


@settings(deadline=None, max_examples=50)  # a busy machine is no failure
@given(
    box=st.builds(Box, coordinates, coordinates, sizes, sizes),
    score=st.floats(0, 1),
    state=st.sampled_from(get_args(State)),
    stage_ms=st.dictionaries(st.sampled_from(STAGES), st.floats(0, 1e6)),
)
def test_every_line_is_json_and_the_box_survives(
    box: Box, score: float, state: State, stage_ms: dict[str, float]
) -> None:
    read: dict[str, Any] = json.loads(_line(Track(box, score, state, 1, 2, 0, stage_ms)))
    again = Box(read["x"], read["y"], read["w"], read["h"])
    assert list(again) == pytest.approx(list(box), abs=5.1e-5)
    assert again.iou(box) > 0.999
    assert read["state"] == state
    assert read["score"] == pytest.approx(score, abs=5.1e-5)
    assert list(read["stage_ms"]) == list(stage_ms)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_becomes_null(value: float, track: Track) -> None:
    read = json.loads(_line(replace(track, box=Box(value, 1, 2, 3), score=value)))
    assert (read["x"], read["y"], read["score"]) == (None, 1, None)
