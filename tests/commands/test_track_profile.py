"""Facts about `track-camera --profile`."""

import json
from argparse import Namespace
from pathlib import Path

import cv2
import numpy as np
import pytest

from thermedge.commands import main
from thermedge.commands.track_profile import summary_of
from thermedge.profiling.latency import RecordedSummary


def track(*arguments: object) -> int:
    return main(["track", *(str(argument) for argument in arguments)])


def run_of(path: Path) -> dict[str, object]:
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert [one["kind"] for one in found] == ["conditions", "board", "run"]
    assert {"This machine", "What ran", "Source", "Board during the run"} <= set(found[0])
    return dict(found[2])


def test_a_run_leaves_a_report_with_its_conditions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "r.jsonl"
    assert track("synthetic:frames=60,size=128x96", "--profile", path) == 0
    run = run_of(path)
    assert (run["frames"], run["in_loop"]) == (60 - 1 - 20, True)
    assert f"wrote {path}" in capsys.readouterr().err


def test_a_run_that_breaks_off_leaves_one_too(tmp_path: Path) -> None:
    folder, path = tmp_path / "pictures", tmp_path / "r.jsonl"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(60):
        counts = random.integers(7990, 8010, (96, 128), np.uint16)
        counts[40:56, 40:60] += 600
        cv2.imwrite(str(folder / f"{number:02}.png"), counts)
    (folder / "56.png").write_bytes(b"no picture")
    assert track(folder, "--init=40,40,20,16", "--profile", path) == 2
    assert run_of(path)["frames"] == 56 - 1 - 20


def test_a_run_too_short_to_tell_says_so_and_is_no_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "r.html"
    assert track("synthetic:frames=25,size=128x96", "--profile", path) == 0
    assert "No profile: " in capsys.readouterr().err
    assert not path.exists()


def test_a_report_that_cannot_be_written_ends_the_run_before_it_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "t.csv"
    assert track("synthetic:frames=5", "--profile", tmp_path / "r.pdf", "--out", out) == 2
    assert "ends in '.pdf'" in capsys.readouterr().err
    assert not out.exists()


def test_times_are_kept_only_where_they_are_wanted(tmp_path: Path) -> None:
    assert isinstance(summary_of(Namespace(profile=tmp_path / "r.csv")), RecordedSummary)
    assert not isinstance(summary_of(Namespace(profile=None)), RecordedSummary)
