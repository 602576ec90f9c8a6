"""Facts about --preview on the command line."""

import argparse
import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

pytest.importorskip("uvicorn", reason="the extra `preview` is not installed")

from thermedge.commands import main
from thermedge.commands.track_preview import add_preview, watchable


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    add_preview(parser)
    return parser.parse_args(arguments)


@pytest.mark.parametrize(
    ("source", "opened"),
    [
        ("synthetic:", "synthetic:endless=1"),
        ("synthetic:seed=3", "synthetic:seed=3,endless=1"),
        ("synthetic:frames=9", "synthetic:frames=9"),
        ("synthetic:seed=3,realtime=1", "synthetic:seed=3,realtime=1"),
        ("clip.mp4", "clip.mp4"),
    ],
)
def test_a_scene_that_is_watched_goes_on_for_ever_unless_told_how_long(source, opened):
    assert watchable(parsed(source, "--preview")) == opened


def test_a_scene_that_nobody_watches_ends():
    assert watchable(parsed("synthetic:")) == "synthetic:"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--preview", "nonsense:x"], "no [ADDRESS:]PORT"),
        (["--preview-token", "file"], "needs --preview"),
        (["--preview", "--preview-key", "key.pem"], "--preview-cert"),
        (["--preview", "--record", "a", "--preview-record", "b"], "both given"),
        (["--preview", "--preview-record", "a?max=1"], "max='1'"),
        (["--preview", "0", "--preview-token", "nowhere"], "No such file"),
        (["--preview", "0", "--preview-cert", "nowhere"], "can't be used for TLS"),
    ],
)
def test_impossible_flags_are_one_error(capsys, tmp_path, monkeypatch, arguments, told):
    monkeypatch.chdir(tmp_path)
    assert main(["track", "synthetic:", *arguments]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "fix:" in error
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


def test_it_prints_its_address_follows_orders_and_ends_as_a_service_does(tmp_path):
    command = [sys.executable, "-m", "thermedge", "track", "synthetic:", "--preview", "0"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    try:
        line = next(line for line in process.stderr if line.startswith("preview: "))
        address, token = re.match(r"preview: (\S+)#token=(\S+)", line).groups()
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}

        def ask(path, method="GET"):
            request = urllib.request.Request(address + path, headers=headers, method=method)
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)

        assert ask("api/track", "DELETE") == {"ok": True}
        assert ask("api/status")["source"] == "synthetic:"
        assert ask("api/recording", "POST")["run"].startswith("recordings/")
    finally:
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()
        assert process.wait(30) == 0
        process.stderr.close()
    assert "recorded recordings/run-" in rest
    assert "Traceback" not in rest


def test_record_begins_with_the_first_frame_and_a_recording_keeps_its_rate(tmp_path, capsys):
    out = tmp_path / "out.jsonl"
    arguments = ["--preview", "0", "--record", str(tmp_path / "rec"), "--out", str(out)]
    assert main(["track", "synthetic:frames=20,rate=40", *arguments]) == 0
    assert len(out.read_text().splitlines()) == 20
    assert len(list((tmp_path / "rec").glob("run-*/recording.json"))) == 1
    stamps = [json.loads(line)["timestamp_ns"] for line in out.read_text().splitlines()]
    assert stamps[-1] == pytest.approx(19e9 / 40)
