import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from thermedge import bundle
from thermedge.bundles import find
from thermedge.commands import main

CLIPS = Path(__file__).parents[3] / "shared" / "data" / "sequences" / "drone_ir" / "val"


def track(*arguments):
    return main(["track", *(str(argument) for argument in arguments)])


@pytest.fixture
def pictures(tmp_path):
    """Twelve 16-bit pictures of a warm target that moves to the right."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(5)
    for index in range(12):
        counts = rng.normal(8000, 4, (120, 160))
        y, x = np.mgrid[0:120, 0:160]
        counts += 400 / (1 + np.exp((np.hypot(x - 60 - 2 * index, y - 50) - 9) / 1.5))
        cv2.imwrite(str(folder / f"{index:04d}.png"), counts.astype(np.uint16))
    return folder


INIT = "--init=50,40,20,20"


def test_a_folder_of_pictures_becomes_tracks_boxes_and_video(pictures, tmp_path, capsys):
    out, video = tmp_path / "tracks.jsonl", tmp_path / "seen.mp4"
    assert track(pictures, INIT, "--out", out, "--video", video) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["frame"] for row in rows] == list(range(12))
    assert rows[-1]["x"] + rows[-1]["w"] / 2 == pytest.approx(82.5, abs=3)
    assert video.stat().st_size > 1000
    told = capsys.readouterr().err
    assert "12 frames" in told
    assert "p95" in told


def test_boxes_for_evaluation_toolkits_are_four_numbers_a_line(pictures, tmp_path):
    out = tmp_path / "boxes.txt"
    assert track(pictures, INIT, "--out", out) == 0
    assert np.loadtxt(out, delimiter=",").shape == (12, 4)


def test_start_frame_and_max_frames_cut_the_run(pictures, tmp_path):
    out = tmp_path / "tracks.jsonl"
    arguments = ("--init=54,40,20,20", "--start-frame", 2, "--max-frames", 5, "--out", out)
    assert track(pictures, *arguments) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["frame"] for row in rows] == [2, 3, 4, 5, 6]


def test_a_generated_scene_needs_no_box(tmp_path):
    assert track("synthetic:frames=10", "--out", tmp_path / "t.csv", "--check-golden") == 0
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 11


@pytest.mark.parametrize(
    ("init", "told"),
    [
        ("1,2,3", "four numbers"),
        ("a,b,c,d", "four numbers"),
        ("nan,2,3,4", "finite"),
        ("10,10,0,4", "no area"),
        ("10,10,-3,4", "no area"),
        ("500,10,20,20", "outside"),
    ],
)
def test_a_bad_box_is_one_error_and_leaves_no_file(pictures, tmp_path, capsys, init, told):
    out = tmp_path / "tracks.jsonl"
    assert track(pictures, f"--init={init}", "--out", out) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "fix:" in error
    assert "Traceback" not in error
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]


def empty_file(tmp_path):
    (tmp_path / "empty.mp4").write_bytes(b"")
    return [tmp_path / "empty.mp4", INIT]


def broken_bundle(tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(find("default"), folder)
    graph = folder / bundle.TRACK_GRAPH
    content = bytearray(graph.read_bytes())
    content[1000] ^= 1
    graph.write_bytes(bytes(content))
    return ["synthetic:", "--bundle", folder]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (lambda tmp: [tmp / "nowhere.mp4", INIT], "does not exist"),
        (empty_file, "empty.mp4"),
        (lambda tmp: [tmp / "pictures"], "--init is missing"),
        (lambda tmp: [tmp / "pictures", INIT, "--start-frame", "99"], "99"),
        (lambda tmp: [tmp / "pictures", INIT, "--start-frame", "-1"], "-1"),
        (lambda tmp: [tmp / "pictures", INIT, "--max-frames", "0"], "--max-frames is 0"),
        (lambda tmp: [tmp / "pictures", INIT, "--threads", "0"], "--threads is 0"),
        (lambda tmp: [tmp / "pictures", INIT, "--backend", "magic"], "magic"),
        (lambda tmp: [tmp / "pictures", INIT, "--bundle", "nobody"], "nobody"),
        (lambda tmp: [tmp / "pictures", INIT, "--out", tmp / "no" / "t.csv"], "can't be written"),
        (lambda tmp: [tmp / "pictures", INIT, "--out", tmp / "t.doc"], ".doc"),
        (lambda tmp: [tmp / "pictures", INIT, "--video", tmp / "v.gif"], ".gif"),
        (broken_bundle, "sha256"),
        (lambda tmp: ["rtsp://camera", INIT], "rtsp"),
    ],
)
def test_bad_input_is_one_error_with_its_remedy(pictures, tmp_path, capsys, arguments, told):
    before = {path.name for path in tmp_path.iterdir()}
    assert track(*arguments(tmp_path)) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("error:") == 1
    assert "fix:" in error
    made = {path.name for path in tmp_path.iterdir()} - before
    assert made <= {"empty.mp4", "bundle"}


def test_an_interrupt_leaves_a_complete_closed_file(tmp_path):
    out = tmp_path / "tracks.jsonl"
    command = [sys.executable, "-m", "thermedge", "track", "synthetic:frames=100000,realtime=1"]
    process = subprocess.Popen(
        [*command, "--out", str(out)], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not any(p.stat().st_size > 2000 for p in tmp_path.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in error
    assert [path.name for path in tmp_path.iterdir()] == ["tracks.jsonl"]
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(rows) > 5


@pytest.mark.skipif(not CLIPS.is_dir(), reason="the recorded clips are not beside the checkout")
def test_a_recorded_drone_is_followed(tmp_path):
    clip = CLIPS / "IR_DRONE_009"
    truth = np.loadtxt(clip / "groundtruth.txt", delimiter=",")
    out = tmp_path / "boxes.txt"
    init = ",".join(str(value) for value in truth[0])
    arguments = (f"--init={init}", "--max-frames", 120, "--out", out)
    assert track(clip / "video.mp4", *arguments) == 0
    boxes = np.loadtxt(out, delimiter=",")
    away = np.abs(boxes[:, :2] + boxes[:, 2:] / 2 - truth[:120, :2] - truth[:120, 2:] / 2)
    assert np.nanmax(away) < 20
