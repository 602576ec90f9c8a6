"""Facts about `thermedge profile`."""

import csv
import json
import signal
from pathlib import Path

import pytest

from thermedge.commands import main
from thermedge.errors import SourceError
from thermedge.frame import Frame
from thermedge.profiling.latency import FrameTimes
from thermedge.runtime.track import Track
from thermedge.runtime.tracker import Tracker

SCENE = "synthetic:frames=60,size=128x96"


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


def profile(*arguments: object, source: str = SCENE) -> int:
    told = ("profile", "default", "--source", source, *arguments)
    return main([str(argument) for argument in told])


def lines(path: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_one_run_has_tables_conditions_and_every_report(
    capsys: pytest.CaptureFixture[str],
) -> None:
    outs = [part for name in ("r.html", "r.jsonl", "r.csv") for part in ("--out", name)]
    assert profile("--backend", "ort", "--warm-up", 10, *outs) == 0
    told = capsys.readouterr()
    for text in ("default ort fp32: ms per frame", "default ort fp32: layers", "Conditions"):
        assert text in told.out
    assert "No camera was in the loop" in told.out
    assert "manifest sha256" in told.out
    assert [f"wrote {name}" in told.err for name in outs[1::2]] == [True] * 3
    assert "<svg" in Path("r.html").read_text()
    kinds = [line["kind"] for line in lines("r.jsonl")]
    assert kinds[:3] == ["conditions", "board", "run"]
    assert set(kinds[3:]) == {"layer"}
    assert lines("r.jsonl")[2]["frames"] == 60 - 1 - 10
    assert len(Path("r.csv").read_text().splitlines()) == 61
    assert not Path("profile.html").exists()


def test_a_run_of_which_not_all_frames_are_kept_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thermedge.profiling.latency._BLOCK", 4)
    monkeypatch.setattr("thermedge.profiling.latency._BLOCKS", 10)
    arguments = ("--backend", "ort", "--no-layers", "--warm-up", 5, "--minutes", 1)
    assert profile(*arguments, "--max-frames", 58, "--out", "r.jsonl") == 0
    assert "times rest on the newest 38 of 58" in capsys.readouterr().out
    (run,) = [line for line in lines("r.jsonl") if line["kind"] == "run"]
    assert (run["frames"], run["warm_up"]) == (38, None)
    first, *_ = [line for line in lines("r.jsonl") if line["kind"] == "part"]
    assert isinstance(first["minute"], float)
    assert first["minute"] > 0


def test_two_engines_are_compared_on_the_same_frames(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--compare", "ort", "openvino", "--no-layers", "--rounds", 2)
    assert profile(*arguments, "--out", "r.jsonl") == 0
    assert "Comparison on the same frames, in turns" in capsys.readouterr().out
    (ratio,) = [line for line in lines("r.jsonl") if line["kind"] == "ratio"]
    assert (ratio["name"], ratio["to"]) == ("default openvino int8", "default ort fp32")
    runs = [line for line in lines("r.jsonl") if line["kind"] == "run"]
    assert [run["frames"] for run in runs] == [2 * 59 - 20] * 2


def test_a_page_is_written_where_none_is_named_and_an_early_end_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert profile("--no-layers", "--max-frames", 100) == 0
    assert Path("profile.html").exists()
    assert "The source ended early: 60 of 100 frames." in capsys.readouterr().out


def test_an_early_end_is_told_per_round_of_a_comparison(
    capsys: pytest.CaptureFixture[str],
) -> None:
    compare = ("--compare", "ort", "openvino", "--no-layers")
    assert profile(*compare, "--rounds", 2, "--max-frames", 100) == 0
    assert "ended early: 60 of 100 frames in each of 2 rounds." in capsys.readouterr().out
    assert profile(*compare, "--rounds", 2, "--max-frames", 50) == 0
    assert "ended early" not in capsys.readouterr().out


def test_a_run_that_is_over_by_the_clock_has_no_source_that_ended_early(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert profile("--no-layers", "--minutes", 0.02, "--max-frames", 10**6) == 0
    assert "ended early" not in capsys.readouterr().out
    assert profile("--no-layers", "--minutes", 5, "--max-frames", 70) == 0
    told = capsys.readouterr().out
    assert "ended early" not in told
    assert "--max-frames ended the run before its 5 minutes were over." in told


def test_a_clock_that_steps_backwards_is_told_and_no_time_is_made_of_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter([1000.0 + n for n in range(60)] + [900.0 + n for n in range(10**6)])
    monkeypatch.setattr(FrameTimes.__init__, "__defaults__", (lambda: next(ticks),))
    arguments = ("--no-layers", "--minutes", 5, "--max-frames", 100)
    assert profile(*arguments, source="synthetic:frames=200,size=128x96") == 0
    told = capsys.readouterr().out
    assert "the clock stepped backwards 1 times; left out" in told
    assert "1.00 results per s with reading" in told
    assert "Beginning and end are not told apart" in told


def test_a_comparison_can_choose_its_target(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--compare", "ort", "openvino", "--no-layers", "--auto", "hottest")
    outs = ("--out", "r.jsonl", "--out", "r.csv")
    assert profile(*arguments, *outs, source="synthetic:frames=120,size=128x96") == 0
    rows = list(csv.DictReader(Path("r.csv").read_text().splitlines()))
    events = [row["event"] for row in rows if row["run"] == "default ort fp32"]
    first = events.index("start")
    assert first > 0
    assert events == ["idle"] * first + ["start"] + ["tracked"] * (119 - first)
    runs = [line for line in lines("r.jsonl") if line["kind"] == "run"]
    assert [run["frames"] for run in runs] == [119 - first - 20] * 2


def test_a_target_that_nobody_finds_is_one_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--compare", "ort", "openvino", "--auto", "moving", "--auto-timeout", 0.01)
    assert profile(*arguments) == 2
    assert "Nothing stood out as the moving target" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--threads", 0), "--threads is 0."),
        (("--max-frames", 0), "--max-frames is 0."),
        (("--warm-up", -1), "--warm-up is -1."),
        (("--minutes", "nan"), "--minutes is nan."),
        (("--minutes", 1, "--compare", "ort", "int8"), "don't go together"),
        (("--rounds", 3), "--rounds is of --compare, which was not given"),
        (("--rounds", 2, "--minutes", 1), "--rounds is of --compare"),
        (("--compare", "ort", "openvino", "--rounds", 0), "--rounds is 0."),
        (("--backend", "ort", "--compare", "ort", "openvino"), "--backend ort has no effect"),
        (("--precision", "int8", "--compare", "fp32", "int8"), "--precision int8 has no effect"),
        (("--auto", "hottest", "--auto-timeout", 0), "--auto-timeout is 0."),
        (("--accuracy", "nowhere"), "nowhere"),
        (("--compare", "ort", "ort"), "both are 'default ort fp32'"),
        (("--compare", "ort", "orf"), "'orf' is no engine"),
        (("--out", "r.pdf"), "ends in '.pdf'"),
        (("--out", "nowhere/r.html"), "No such file or directory"),
        (("--init", "1,2,3"), "four numbers"),
        (("--max-frames", 40), "tracked 19 frames after a warm-up of 20; figures need 30"),
    ],
)
def test_bad_input_is_told_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[object, ...], told: str
) -> None:
    assert profile(*arguments) == 2
    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_never_ends_needs_an_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    endless = "synthetic:size=128x96,endless=1"
    assert profile(source=endless) == 2
    assert f"{endless} never ends." in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert profile("--no-layers", "--max-frames", 52, source=endless) == 0


def test_a_recording_needs_a_target(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import cv2
    import numpy as np

    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((96, 128), np.uint16))
    assert profile(source=str(tmp_path)) == 2
    assert "--init is missing" in capsys.readouterr().err


def stopping(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Let Ctrl-C come in the update of a certain number."""
    update, seen = Tracker.update, []

    def interrupted(tracker: Tracker, frame: Frame) -> Track:
        seen.append(frame.index)
        if len(seen) == after:
            signal.raise_signal(signal.SIGINT)
        return update(tracker, frame)

    monkeypatch.setattr(Tracker, "update", interrupted)


@pytest.mark.parametrize("minutes", [(), ("--minutes", 5)])
def test_ctrl_c_ends_a_run_whose_report_is_still_written(
    minutes: tuple[object, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stopping(monkeypatch, after=50)
    arguments = ("--backend", "ort", "--warm-up", 5, "--accuracy", *minutes)
    assert profile(*arguments, "--out", "r.jsonl", "--out", "r.html") == 130
    assert "Ctrl-C ended the run after 50 frames" in capsys.readouterr().out
    assert "Ctrl-C ended the run" in Path("r.html").read_text()
    (run,) = [line for line in lines("r.jsonl") if line["kind"] == "run"]
    assert run["frames"] == 50 - 1 - 5
    assert "layer" not in {line["kind"] for line in lines("r.jsonl")}


@pytest.mark.parametrize(
    ("trouble", "status", "told"),
    [
        (KeyboardInterrupt(), 130, "Ctrl-C ended that."),
        (SourceError("The clip is broken.", "Mend it."), 2, "The clip is broken."),
    ],
)
def test_trouble_after_the_run_leaves_the_run_in_the_report(
    trouble: BaseException,
    status: int,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails(*given: object, **options: object) -> None:
        raise trouble

    monkeypatch.setattr("thermedge.profiling.realtime.measure", fails)
    arguments = ("--backend", "ort", "--warm-up", 5, "--no-layers", "--accuracy")
    assert profile(*arguments, "--out", "r.jsonl") == status
    assert f"Layers or accuracy are missing. {told}" in capsys.readouterr().out
    (run,) = [line for line in lines("r.jsonl") if line["kind"] == "run"]
    assert run["frames"] == 60 - 1 - 5


def test_ctrl_c_in_the_middle_of_a_comparison_keeps_its_pairs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stopping(monkeypatch, after=100)  # of both: one has seen a frame more
    arguments = ("--compare", "ort", "openvino", "--warm-up", 5, "--rounds", 9)
    assert profile(*arguments, "--out", "r.jsonl") == 130
    told = lines("r.jsonl")
    runs = [line["frames"] for line in told if line["kind"] == "run"]
    assert sum(runs) == 99 - 2 * 5
    (ratio,) = [line for line in told if line["kind"] == "ratio"]
    assert ratio["frames"] <= min(runs)


def test_ctrl_c_before_there_is_any_figure_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stopping(monkeypatch, after=10)
    assert profile("--backend", "ort", "--out", "r.jsonl") == 130
    assert capsys.readouterr().err.endswith("interrupted\n")
    assert not Path("r.jsonl").exists()
