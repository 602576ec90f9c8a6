import csv
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from thermedge.errors import SinkError
from thermedge.evaluation.realtime import read_latencies
from thermedge.profiling import outputs
from thermedge.profiling.compare import ratio
from thermedge.profiling.latency import FrameTimes
from thermedge.profiling.layers import Layer
from thermedge.profiling.report import Profile
from thermedge.runtime.track import NO_BOX, Track

Make = Callable[..., Profile]


def test_lines_are_json_of_one_kind_each(make_profile: Make) -> None:
    profile = make_profile("a", "b")
    profile.ratios = [ratio(*profile.runs, warm_up=0)]
    profile.layers = {"a": [Layer("conv", "Conv", 1.0, 2, 3)]}
    found = [json.loads(line) for line in outputs.to_jsonl(profile).splitlines()]
    kinds = [one["kind"] for one in found]
    assert kinds == ["conditions", "board", "run", "run", "ratio", "layer"]
    assert found[0]["This machine"] == {"board": "a <board>"}
    assert found[2]["stages"]["tracker"]["p50"] == 4.0
    assert found[2]["states"] == {"tracking": 61}
    assert (found[5]["type"], found[5]["macs"]) == ("Conv", 2)


def test_a_number_that_json_lacks_becomes_null(make_profile: Make) -> None:
    profile = make_profile("a")
    profile.figures = [replace(profile.figures[0], fps=math.nan, jitter_ms=math.inf)]
    run = json.loads(outputs.to_jsonl(profile).splitlines()[2])
    assert (run["fps"], run["jitter_ms"]) == (None, None)
    assert run["stages"]["tracker"]["p99"] is None  # 60 frames don't tell it


def test_a_row_is_a_frame_with_its_stages(make_profile: Make) -> None:
    rows = list(csv.DictReader(outputs.to_csv(make_profile("a", "b")).splitlines()))
    assert len(rows) == 2 * 61
    assert [row["event"] for row in rows[:3]] == ["start", "tracked", "tracked"]
    row = rows[62]
    assert (row["run"], row["frame"], row["state"]) == ("b", "1", "tracking")
    assert (row["latency_ms"], row["infer_ms"], row["wait_ms"]) == ("4.0000", "2.0000", "5.0000")
    assert row["age_ms"] == ""  # a recording has none


def test_a_frame_without_a_target_is_no_tracked_one(make_profile: Make, tmp_path: Path) -> None:
    profile = make_profile("a")
    idle = Track(NO_BOX, 0.0, "idle", 61, 0, 0, {"wait": 5.0})
    profile.runs[0].times = FrameTimes()
    for track in (idle, replace(idle, state="tracking", stage_ms={"infer": 4.0}), idle):
        profile.runs[0].times.add(track)
    *_, row = csv.DictReader(outputs.to_csv(profile).splitlines())
    assert (row["event"], row["state"], row["latency_ms"]) == ("idle", "idle", "0.0000")
    outputs.write(profile, tmp_path / "r.csv")
    assert set(read_latencies(tmp_path / "r.csv")) == {4.0}


def test_evaluate_reads_the_rows_as_latencies(make_profile: Make, tmp_path: Path) -> None:
    outputs.write(make_profile("a"), tmp_path / "r.csv")
    assert set(read_latencies(tmp_path / "r.csv")) == {4.0}


@pytest.mark.parametrize("ending", outputs.FORMS)
def test_the_ending_names_the_form(make_profile: Make, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"r{ending}"
    profile = make_profile("a")
    outputs.check_writable(path)
    outputs.write(profile, path)
    assert path.read_text(encoding="utf-8") == outputs.FORMS[ending](profile)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("r.pdf", "ends in '.pdf', expected .html, .jsonl, .csv"),
        ("nowhere/r.html", "No such file or directory"),
        ("folder.html", "Is a directory"),
    ],
)
def test_a_path_is_refused_before_anything_runs(tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(SinkError, match=told):
        outputs.check_writable(tmp_path / name)


def test_a_report_that_finds_no_place_is_an_error(make_profile: Make, tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="can't be written: No such file"):
        outputs.write(make_profile("a"), tmp_path / "nowhere" / "r.csv")
