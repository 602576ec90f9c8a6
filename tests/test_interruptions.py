"""The shipped tracker goes through what real cameras do, on generated scenes with their truth."""

from dataclasses import replace

import numpy as np
import pytest

from thermedge import bundle
from thermedge.bundles import find
from thermedge.frame import Frame
from thermedge.runtime.scene import Scene, demo_spec
from thermedge.runtime.sources.synthetic import SyntheticSource
from thermedge.runtime.tracker import open_tracker

CLOSES, CLOSED_S = 45, 0.8
OPENS = CLOSES + round(CLOSED_S * 30)


@pytest.fixture(scope="module")
def tracker():
    with open_tracker(bundle.read(find("default"))) as shared:
        yield shared


def spec(num_frames=110, *, speed_px_s=60.0, closes=(), **sensor):
    """The demo's car, four of its lengths per second fast, without the tree."""
    demo = demo_spec(num_frames=num_frames)
    sensor = replace(demo.sensor, shutter_frames=closes, closed_s=CLOSED_S, **sensor)
    return replace(demo, occlusions=(), num_distractors=0, speed_px_s=speed_px_s, sensor=sensor)


def tracks_of(tracker, scene, change=lambda frame: frame):
    """Return (track, IoU with the truth) of all frames after the first that `change` lets by."""
    source = SyntheticSource(scene)
    seen = []
    for frame in source:
        frame = change(frame)
        if frame is None:
            continue
        if frame.index == 0:
            tracker.init(frame, source.start_box)
            continue
        track = tracker.update(frame)
        seen.append((track, track.box.iou(source.truth(frame.index))))
    return seen


def kinds(seen):
    return [(track.frame_index, event.kind) for track, _ in seen for event in track.events]


def test_a_shutter_that_closes_while_the_target_moves_is_survived_with_telemetry(tracker):
    seen = tracks_of(tracker, spec(closes=(CLOSES,)))
    states = {track.frame_index: track.state for track, _ in seen}
    overlaps = {track.frame_index: overlap for track, overlap in seen}
    assert {states[i] for i in range(CLOSES, OPENS)} == {"coasting"}
    assert states[OPENS] == "reacquired"
    assert min(overlaps[i] for i in range(OPENS, 110)) > 0.5
    assert kinds(seen) == [
        (CLOSES, "shutter_closed"),
        (OPENS, "shutter_opened"),
        (OPENS, "reacquired"),
    ]


@pytest.mark.parametrize("bits", [8, 14, 16])
def test_a_shutter_that_nobody_tells_of_is_seen_and_survived(tracker, bits):
    seen = tracks_of(tracker, spec(closes=(CLOSES,), telemetry=False, bits=bits))
    overlaps = {track.frame_index: overlap for track, overlap in seen}
    assert min(overlaps[i] for i in range(OPENS, 110)) > 0.5
    told = {kind: index for index, kind in kinds(seen)}
    assert told["shutter_closed"] == pytest.approx(CLOSES + 6, abs=1)
    assert told["shutter_opened"] == OPENS


def test_the_blade_of_a_shutter_is_not_taken_for_the_scene(tracker):
    rng = np.random.default_rng(1)

    def blade(frame):
        if not CLOSES <= frame.index < OPENS:
            return frame
        counts = rng.normal(7700, 2, frame.counts.shape).astype(np.uint16)
        return replace(frame, counts=counts)

    seen = tracks_of(tracker, spec(telemetry=False), blade)
    states = {track.frame_index: track.state for track, _ in seen}
    assert {states[i] for i in range(CLOSES, OPENS)} == {"coasting"}
    assert min(overlap for track, overlap in seen if track.frame_index >= OPENS) > 0.5
    assert kinds(seen)[:2] == [(CLOSES, "shutter_closed"), (OPENS, "shutter_opened")]


def test_the_memory_rests_from_the_warning_until_the_sensor_has_settled(tracker):
    known = []  # what the track graph is told of the target, by frame

    def noted(frame):
        known.append({name: tracker._net.inputs[name].copy() for name in tracker.manifest.cached})
        return frame

    tracks_of(tracker, spec(130, closes=(CLOSES,)), noted)
    renewed = [
        index
        for index in range(2, len(known))
        if any(np.any(known[index][name] != known[index - 1][name]) for name in known[index])
    ]
    # The camera warns 1 s before; the picture settles for 1 s after.
    assert [index for index in renewed if CLOSES - 29 < index <= OPENS + 30] == []
    assert min(renewed) < CLOSES - 29
    assert max(renewed) > OPENS + 30


def test_a_stream_that_pauses_is_taken_up_again(tracker):
    seen = tracks_of(
        tracker, spec(), lambda frame: None if CLOSES <= frame.index < OPENS else frame
    )
    assert min(overlap for track, overlap in seen if track.frame_index >= OPENS) > 0.5
    assert kinds(seen) == [(OPENS, "reacquired")]


@pytest.mark.parametrize(("gain", "offset"), [(0.25, 9000), (4.0, -20000), (1.0, 12000)])
def test_a_sensor_that_changes_its_range_keeps_its_target(tracker, gain, offset):
    def ranged(frame):
        if frame.index < CLOSES:
            return frame
        counts = frame.counts.astype(np.float64) * gain + offset
        return replace(frame, counts=np.clip(counts, 0, 65535).astype(np.uint16))

    seen = tracks_of(tracker, spec(telemetry=False), ranged)
    assert {track.state for track, _ in seen} == {"tracking"}
    assert min(overlap for _, overlap in seen) > 0.5


def test_a_camera_that_turns_hot_and_cold_round_has_its_target_learned_again(tracker):
    def turned(frame):
        return frame if frame.index < CLOSES else replace(frame, counts=16000 - frame.counts)

    seen = tracks_of(tracker, spec(telemetry=False), turned)
    assert min(overlap for _, overlap in seen) > 0.5
    assert (CLOSES, "template_renewed") in kinds(seen)


@pytest.mark.parametrize("far", [(40, 0), (-30, 30)])
def test_a_camera_that_jumps_is_followed(tracker, far):
    """The camera sees a part of a larger scene, and another part from one frame on."""
    moved, overlaps = [], []
    for seen in Scene(spec(70, speed_px_s=20.0)):
        x, y = (70, 45) if seen.index < CLOSES else (70 + far[0], 45 + far[1])
        counts = np.ascontiguousarray(seen.counts[y : y + 170, x : x + 200])
        frame = Frame(counts, seen.index, seen.index * 33_333_333)
        box = replace(seen.box, x=seen.box.x - x, y=seen.box.y - y)
        if seen.index == 0:
            tracker.init(frame, box)
            continue
        track = tracker.update(frame)
        moved += [seen.index for event in track.events if event.kind == "camera_moved"]
        overlaps.append(track.box.iou(box))
    assert moved[0] == CLOSES
    assert min(overlaps[CLOSES + 3 :]) > 0.5
