"""On aarch64 the wheel finds what it finds on the machine that made this one."""

import json
import platform
from pathlib import Path

from rig import RESULTS, call

CLIP = Path("/checks/clip")
# Sums of fp32 may come in another order on another CPU; none differed in the four digits written.
BOX_PX, SCORE = 0.01, 0.001


def tracks(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_this_is_another_machine():
    assert platform.machine() == "aarch64"


def test_a_clip_gives_the_boxes_that_it_gives_elsewhere(record_property):
    out = RESULTS / "tracks.jsonl"
    box = (CLIP / "init").read_text()

    engine = ("--backend", "ort", "--precision", "fp32")  # as the reference was made
    clip = ("track", str(CLIP / "frames"), "--init", box, "--out", str(out))
    run = call(*clip, *engine, "--check-golden")

    assert run.status == 0, run.err
    here, there = tracks(out), tracks(CLIP / "reference.jsonl")
    assert [track["frame"] for track in here] == [track["frame"] for track in there]
    assert [track["state"] for track in here] == [track["state"] for track in there]
    pairs = list(zip(here, there, strict=True))
    box_gap = max(abs(one[side] - two[side]) for one, two in pairs for side in "xywh")
    score_gap = max(abs(one["score"] - two["score"]) for one, two in pairs)
    record_property("box_gap_px", box_gap)
    record_property("score_gap", score_gap)
    assert box_gap < BOX_PX
    assert score_gap < SCORE


def test_a_camera_is_read_on_this_machine_too(vivid, opened):
    seen = {}
    for form in ("Y16", "Y16_BE", "GREY"):
        with opened(f"v4l2:{vivid.node}?format={form}&size=320x256") as source:
            frames = iter(source)
            first = next(frames)
            seen[form], index = first.counts.copy(), first.index
            assert next(frames).index > index

    assert (seen["Y16"] == seen["Y16_BE"]).all()
    assert (seen["Y16"] >> 8 == seen["GREY"]).all()


def test_the_installed_program_tracks_a_camera(track, vivid):
    vivid.set(test_pattern=5, show_square=1, osd_text_mode=1)
    run = track(
        *(f"v4l2:{vivid.node}?format=Y16&size=320x256", (96, 37, 128, 183)),
        *("--max-frames", "10"),
    )

    assert run.process.wait(60) == 0
    assert len(run.tracks) == 10
