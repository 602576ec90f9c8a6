"""Facts about results in JSON Lines."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thermedge.events import Event
from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.runtime.sinks.jsonl import as_json, open_jsonl
from thermedge.runtime.track import NO_BOX, STAGES, State, TargetCelsius, Track


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
    read: dict[str, Any] = json.loads(as_json(Track(box, score, state, 1, 2, 0, stage_ms)))
    again = Box(read["x"], read["y"], read["w"], read["h"])
    assert list(again) == pytest.approx(list(box), abs=5.1e-5)
    assert again.iou(box) > 0.999
    assert read["state"] == state
    assert read["score"] == pytest.approx(score, abs=5.1e-5)
    assert list(read["stage_ms"]) == list(stage_ms)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_becomes_null(value: float, track: Track) -> None:
    read = json.loads(as_json(replace(track, box=Box(value, 1, 2, 3), score=value)))
    assert (read["x"], read["y"], read["score"]) == (None, 1, None)


def test_what_is_known_of_some_frames_only_has_keys_of_its_own(track: Track) -> None:
    events = (
        Event("unplugged", 5, 6, 'The "cable" came \N{DEGREE SIGN}loose.'),
        Event("reconnected", 8, 7, "2.5 s later."),
    )
    celsius = TargetCelsius(-3.14159, 20.0, 36.6)
    full = replace(track, age_ms=12.34567, target_c=celsius, events=events, confidence=0.91239)
    read = json.loads(as_json(full))
    plain = json.loads(as_json(track))
    assert {key: value for key, value in read.items() if key in plain} == plain
    assert {key: value for key, value in read.items() if key not in plain} == {
        "age_ms": 12.3457,
        "target_c": {"low": -3.14, "mean": 20.0, "high": 36.6},
        "confidence": 0.9124,
        "events": [
            {
                "kind": "unplugged",
                "timestamp_ns": 5,
                "frame": 6,
                "detail": 'The "cable" came \N{DEGREE SIGN}loose.',
            },
            {"kind": "reconnected", "timestamp_ns": 8, "frame": 7, "detail": "2.5 s later."},
        ],
    }


@given(detail=st.text())
def test_no_detail_breaks_the_line(detail: str) -> None:
    track = Track(NO_BOX, 0.0, "idle", 1, 2, 0, {}, (Event("stall", 1, 1, detail),))
    line = as_json(track)
    assert line.isascii()
    assert len(line.splitlines()) == 1
    assert json.loads(line)["events"][0]["detail"] == detail


def test_a_frame_without_a_target_has_no_numbers_for_its_box() -> None:
    read = json.loads(as_json(Track(NO_BOX, 0.0, "idle", 1, 2, 3, {})))
    assert (read["x"], read["y"], read["w"], read["h"]) == (None,) * 4
    assert (read["state"], read["dropped"]) == ("idle", 3)
