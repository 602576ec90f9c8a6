import json
import os
import shutil
import signal
import socket
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
from thermedge.runtime.sinks import SCHEMES
from thermedge.runtime.sinks.video import VideoSink
from thermedge.runtime.sources import open_source

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
        (lambda tmp: [tmp / "pictures", INIT, "--video", tmp / "v.csv"], "one of .avi .mp4"),
        (broken_bundle, "sha256"),
        (lambda tmp: ["rtsp://camera", INIT], "rtsp"),
        (lambda tmp: [tmp / "pictures", INIT, "--out", "tcp://host:5"], "tcp"),
        (lambda tmp: [tmp / "pictures", INIT, "--out", "udp://host"], "names no host and port"),
        (lambda tmp: [tmp / "pictures", INIT, "--record", "r?max=none"], "max='none'"),
        (lambda tmp: [tmp / "pictures", INIT, "--metrics", "here"], "--metrics"),
        (lambda tmp: [tmp / "pictures", "--auto", "moving", "--auto-timeout", "0"], "timeout is 0"),
        (lambda tmp: [tmp / "pictures", "--auto", "moving"], "Nothing stood out"),
        (lambda tmp: [tmp / "pictures", "--control", tmp / "no" / "s"], "control socket"),
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


@pytest.mark.parametrize("flag", ["--record", "--preview-record"])
def test_a_recording_that_is_read_makes_no_room_for_a_new_one(tmp_path, capsys, flag):
    rec = tmp_path / "rec"
    assert track("synthetic:frames=4,size=64x64", "--record", rec) == 0
    more = ["--preview"] if flag == "--preview-record" else []
    for source, folder in ((rec, rec), (rec / "run-0001", rec), (rec / "run-0001",) * 2):
        assert track(source, flag, f"{folder}?max=10M", *more) == 2
        assert "holds the recording that is read" in capsys.readouterr().err
    assert track(rec, "--record", tmp_path) == 0


def test_names_with_brackets_are_told_as_they_are(tmp_path, capsys):
    folder = tmp_path / "x[old]"
    folder.mkdir()
    assert track("synthetic:frames=2,size=64x64", "--out", folder / "t.csv") == 0
    assert f"wrote {folder / 't.csv'}" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--video", "--out"])
def test_the_recording_that_is_read_is_never_replaced(tmp_path, capsys, flag):
    clip, link = tmp_path / "clip.avi", tmp_path / "link.avi"
    clip.write_bytes(b"a recording")
    link.symlink_to(clip)
    for name in (clip, link):
        assert track(f"file:{clip}?rate=9", INIT, flag, name) == 2
        assert "it would be replaced" in capsys.readouterr().err
    assert clip.read_bytes() == b"a recording"


@pytest.mark.parametrize(
    "failing", [["--out", "missing/b.jsonl"], ["--video", "missing/b.avi"], ["--record", "file"]]
)
def test_a_run_whose_outputs_can_t_all_be_opened_replaces_none(
    pictures, tmp_path, monkeypatch, capsys, failing
):
    monkeypatch.chdir(tmp_path)
    names = ["a.jsonl", "a.csv", "a.avi", "file"]
    for name in names:
        Path(name).write_text("earlier")
    outs = [part for name in names[:3] for part in ("--out", name)]
    assert track(pictures, INIT, *outs, *failing) == 2
    assert [Path(name).read_text() for name in names] == ["earlier"] * 4
    assert {path.name for path in tmp_path.iterdir()} == {"pictures", *names}
    assert capsys.readouterr().err.count("error:") == 1


def service(*arguments, **environment):
    """A process of its own that tracks a camera without end."""
    source = "synthetic:frames=100000,realtime=1,size=160x120"
    command = [sys.executable, "-m", "thermedge", "track", source, *map(str, arguments)]
    return subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, **environment},
    )


def until(is_so):
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_an_interrupt_leaves_complete_closed_files(tmp_path, number, status):
    out, video, record = tmp_path / "tracks.jsonl", tmp_path / "seen.avi", tmp_path / "rec"
    process = service("--out", out, "--video", video, "--record", record)
    until(lambda: any(p.stat().st_size > 2000 for p in tmp_path.glob(".tracks*")))
    os.kill(process.pid, number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == status
    assert "Traceback" not in error
    assert {path.name for path in tmp_path.iterdir()} == {"tracks.jsonl", "seen.avi", "rec"}
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(rows) > 5
    indices = [row["frame"] for row in rows]
    # The signal may come between two outputs of the last frame.
    capture = cv2.VideoCapture(str(video))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) in (len(rows) - 1, len(rows))
    with open_source(record) as source:
        assert [frame.index for frame in source] in (indices[:-1], indices)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_while_files_are_closed_waits_for_them(
    pictures, tmp_path, monkeypatch, capsys, number, status
):
    check = VideoSink._check

    def disturbed(sink):
        signal.raise_signal(number)
        check(sink)

    monkeypatch.setattr(VideoSink, "_check", disturbed)
    video, out = tmp_path / "seen.avi", tmp_path / "tracks.jsonl"
    try:
        came = track(pictures, INIT, "--out", out, "--video", video)
    except SystemExit as end:
        came = end.code
    assert came == status
    assert cv2.VideoCapture(str(video)).get(cv2.CAP_PROP_FRAME_COUNT) == 12
    assert len(out.read_text().splitlines()) == 12
    assert {path.name for path in tmp_path.iterdir()} == {"pictures", "seen.avi", "tracks.jsonl"}
    assert "12 frames" in capsys.readouterr().err  # the table is told too


def test_systemd_hears_of_the_first_frame_of_life_and_of_the_end(tmp_path):
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(address))
        listening.settimeout(60)
        process = service(NOTIFY_SOCKET=str(address), WATCHDOG_USEC="100000")
        heard = [listening.recv(1000).decode() for _ in range(6)]
        os.kill(process.pid, signal.SIGTERM)
        while heard[-1] != "STOPPING=1":
            heard.append(listening.recv(1000).decode())
        process.communicate(timeout=60)
    assert heard[0] == "READY=1"
    assert heard.count("WATCHDOG=1") >= 3
    assert any(text.startswith("STATUS=") for text in heard)


def test_a_service_idles_until_an_order_comes(tmp_path):
    out, path = tmp_path / "tracks.jsonl", tmp_path / "t.sock"
    process = service("--control", path, "--out", out)

    def ask(**order):
        with socket.socket(socket.AF_UNIX) as client, client.makefile("rb") as answers:
            client.settimeout(30)
            client.connect(str(path))
            client.sendall(json.dumps(order).encode() + b"\n")
            return json.loads(answers.readline())

    until(path.exists)
    until(lambda: ask(command="status")["state"] == "idle")
    assert ask(command="init", x=70, y=50, w=20, h=12)["ok"] is True
    until(lambda: ask(command="status")["state"] != "idle")
    assert ask(command="init", x=999, y=50, w=20, h=12)["ok"] is False
    assert ask(command="stop") == {"ok": True}
    until(lambda: ask(command="status")["state"] == "idle")
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(60) == 0
    process.stderr.close()
    states = [json.loads(line)["state"] for line in out.read_text().splitlines()]
    changes = [
        state for state, before in zip(states, ["", *states], strict=False) if state != before
    ]
    assert changes[0] == changes[-1] == "idle"
    assert "tracking" in changes
    assert not path.exists()


def test_a_recording_is_replayed_with_the_same_boxes(tmp_path):
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    scene = "synthetic:frames=40,size=160x120"
    assert track(scene, "--record", tmp_path / "rec", "--out", first) == 0
    assert track(tmp_path / "rec", "--out", second) == 0
    rows = [
        [json.loads(line) for line in path.read_text().splitlines()] for path in (first, second)
    ]
    for row in rows[0] + rows[1]:
        del row["stage_ms"]
    assert rows[0] == rows[1]
    assert len(rows[0]) == 40


def test_results_go_to_every_place_named(pictures, tmp_path):
    places = [tmp_path / name for name in ("a.jsonl", "b.csv", "c.txt", "d.avi")]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        address = f"udp://127.0.0.1:{receiver.getsockname()[1]}"
        outs = [part for place in (*places, address) for part in ("--out", place)]
        assert track(pictures, INIT, *outs) == 0
        assert json.loads(receiver.recv(2000))["frame"] == 0
    assert all(place.stat().st_size > 0 for place in places)


def test_the_warmest_is_chosen_when_nobody_says(pictures, tmp_path, capsys):
    out = tmp_path / "tracks.jsonl"
    assert track(pictures, "--auto", "hottest", "--out", out) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["state"] for row in rows[:3]] == ["idle", "idle", "tracking"]
    assert rows[-1]["x"] + rows[-1]["w"] / 2 == pytest.approx(82.5, abs=3)
    assert "as hottest" in capsys.readouterr().err


def test_without_a_display_select_says_what_else_there_is(pictures, monkeypatch, capsys):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert track(pictures, "--select") == 2
    assert "--auto" in capsys.readouterr().err


def test_the_help_names_every_exit_status_and_output(capsys):
    with pytest.raises(SystemExit):
        track("--help")
    told = capsys.readouterr().out
    for word in ("exit status", "130", "SIGTERM", *(f"{name}:" for name in SCHEMES)):
        assert word in told
    assert max(map(len, told.splitlines())) <= 100


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
