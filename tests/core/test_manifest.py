"""Facts about what a bundle says of itself."""

import dataclasses
import json
from typing import Any

import pytest

from thermedge.manifest import Manifest
from thermedge.records import RecordError, from_mapping, to_mapping


def test_a_manifest_comes_back_from_its_json(manifest: Manifest) -> None:
    assert from_mapping(Manifest, json.loads(json.dumps(to_mapping(manifest)))) == manifest


def test_only_what_some_trackers_lack_may_be_left_out() -> None:
    required = [f.name for f in dataclasses.fields(Manifest) if f.default is f.default_factory]
    assert {f.name for f in dataclasses.fields(Manifest)} - set(required) == {
        "carried",
        "confidence",
        "initial",
        "int8",
        "tokens",
    }


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"precision": "int3"}, "precision is 'int3', expected one of"),
        ({"memory": {"kind": "tape"}}, "memory.kind is 'tape', expected one of"),
        ({"head": {"kind": "corner"}}, "head lacks the key 'stride_px'"),
        ({"parity": {"score": {"fused": 0.0}}}, "parity.score lacks the key 'onnx'"),
        ({"track": {"inputs": [{"name": "x"}], "outputs": []}}, r"track.inputs\[0\] lacks the key"),
        ({"licenses": "MIT"}, "Manifest has no key 'licenses'"),
    ],
)
def test_what_the_runtime_does_not_know_is_refused(
    manifest: Manifest, changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(RecordError, match=f"^{complaint}"):
        from_mapping(Manifest, to_mapping(manifest) | changes)


def test_a_manifest_from_before_there_was_confidence_is_read(manifest: Manifest) -> None:
    values = {k: v for k, v in to_mapping(manifest).items() if k != "confidence"}
    assert from_mapping(Manifest, values).confidence is None


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"knots": []}, "confidence.knots is empty"),
        ({"knots": [[0.1, 0.2, 0.3]]}, r"confidence.knots\[0\] is .*, expected 2 values"),
        ({"knots": [[0.1, 0.2], [0.1, 0.3]]}, "confidence.knots does not ascend after .* 0.1"),
        ({"knots": [[0.1, 0.2], [0.3, 0.1]]}, "confidence.knots does not ascend after .* 0.1"),
        ({"knots": [[0.1, 1.2]]}, "confidence holds a number that is not from 0 to 1"),
        ({"knots": [[0.1, float("nan")]]}, "confidence holds a number that is not from 0 to 1"),
        ({"coasting": -0.1}, "confidence holds a number that is not from 0 to 1"),
        ({"error": 0.1}, "confidence has no key 'error'"),
    ],
)
def test_confidence_that_can_not_be_is_refused(
    manifest: Manifest, changes: dict[str, Any], complaint: str
) -> None:
    values = to_mapping(manifest)
    values["confidence"] |= changes
    with pytest.raises(RecordError, match=f"^{complaint}"):
        from_mapping(Manifest, values)


@pytest.mark.parametrize(
    ("part", "key", "number", "complaint"),
    [
        ("crop", "search_factor", 0.0, "crop.search_factor is 0.0, expected above 0"),
        ("crop", "template_px", -1, "crop.template_px is -1, expected above 0"),
        ("scaling", "expand_s", 0.0, "scaling.expand_s is 0.0, expected above 0"),
        ("scaling", "contract_s", float("nan"), "scaling.contract_s is nan, expected above 0"),
        ("scaling", "min_span_counts", 0.0, "scaling.min_span_counts is 0.0, expected above 0"),
        ("scaling", "high_percent", 120.0, r"scaling is \(1.0, 120.0\), expected two percentiles"),
        ("scaling", "low_percent", 2.0, r"scaling is \(2.0, 1.0\), expected two percentiles"),
        ("loop", "window_weight", 1.1, "loop.window_weight is 1.1, expected from 0 to 1"),
        ("loop", "size_step", 0.0, "loop.size_step is 0.0, expected above 0, at most 1"),
        ("loop", "velocity_step", 2.0, "loop.velocity_step is 2.0, expected above 0, at most 1"),
        ("loop", "scan_after_frames", 0, "loop.scan_after_frames is 0, expected 1 or more"),
        ("loop", "scan_widening", 0.0, "loop.scan_widening is 0.0, expected above 0"),
    ],
)
def test_numbers_that_would_stop_a_track_in_the_middle_are_refused(
    manifest: Manifest, part: str, key: str, number: float, complaint: str
) -> None:
    values = to_mapping(manifest)
    values[part][key] = number
    with pytest.raises(RecordError, match=f"^{complaint}"):
        from_mapping(Manifest, values)
