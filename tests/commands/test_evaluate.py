"""Facts about `thermedge evaluate`."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from thermedge.commands import main
from thermedge.runtime import engines

BOX = "10,8,8,6\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three clips of four frames, the last without any label."""
    for name, label in (("a", BOX), ("b", BOX), ("c", "nan,nan,nan,nan\n")):
        folder = tmp_path / "set" / "val" / name
        folder.mkdir(parents=True)
        for number in range(4):
            assert cv2.imwrite(str(folder / f"{number}.png"), np.full((24, 32), 50, np.uint8))
        (folder / "groundtruth.txt").write_text(label * 4)
    return tmp_path / "set" / "val"


@pytest.fixture
def evaluate(data: Path, tmp_path: Path) -> Callable[..., int]:
    """Run on the clips, with a peer that takes no time."""

    def run(*arguments: str, peer: str = "static", out: str = "out") -> int:
        common = ["evaluate", "--data", str(data), "--out", str(tmp_path / out)]
        return main([*common, *(["--peer", peer] if peer else []), *arguments])

    return run


def ran(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The sequences that the last call ran."""
    return re.findall(r"^\[\d+/\d+\] set/val (\w+)$", capsys.readouterr().err, re.MULTILINE)


def scores(tmp_path: Path, out: str = "out") -> dict[str, dict[str, object]]:
    values = json.loads((tmp_path / out / "scores.json").read_text())
    return {tracker["name"]: tracker for tracker in values["groups"][0]["trackers"]}


def test_a_table_is_printed_and_three_reports_are_written(
    evaluate: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate() == 0
    out = capsys.readouterr().out
    assert "short v1: one pass over the first 300 frames" in out
    for name in ("report.md", "report.html", "scores.json"):
        assert f"{tmp_path}/out/{name}" in out
        assert (tmp_path / "out" / name).stat().st_size > 1000
    assert "static" in out
    assert scores(tmp_path)["static"]["scored"] == 2


def test_the_shipped_tracker_runs_where_nobody_is_named(
    evaluate: Callable[..., int], tmp_path: Path
) -> None:
    assert evaluate("--max-frames", "2", peer="") == 0
    assert list(scores(tmp_path)) == ["default"]


def test_a_second_call_runs_nothing_and_reports_the_same(
    evaluate: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate()
    assert ran(capsys) == ["a", "b", "c"]
    first = (tmp_path / "out" / "scores.json").read_text()
    evaluate()
    assert ran(capsys) == []
    assert (tmp_path / "out" / "scores.json").read_text() == first


def test_only_what_is_missing_or_relabelled_is_run_again(
    evaluate: Callable[..., int], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate()
    capsys.readouterr()
    (tmp_path / "out" / "static" / "set_val" / "a.csv").unlink()
    (data / "b" / "groundtruth.txt").write_text("9,8,8,6\n" * 4)
    evaluate()
    assert ran(capsys) == ["a", "b"]


def test_two_shards_make_the_whole(
    evaluate: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate("--shard", "1/2", out="one")
    assert ran(capsys) == ["a", "c"]
    assert scores(tmp_path, "one")["static"]["missing"] == 1
    evaluate("--shard", "2/2", out="two")
    assert ran(capsys) == ["b"]
    evaluate("--merge", str(tmp_path / "one"), out="two")
    assert ran(capsys) == []
    evaluate(out="alone")
    assert scores(tmp_path, "two")["static"]["missing"] == 0
    merged, alone = (scores(tmp_path, out)["static"]["measures"] for out in ("two", "alone"))
    assert merged == alone


def test_torchruns_rank_is_a_shard(
    evaluate: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    evaluate()
    assert ran(capsys) == ["b"]


def test_a_tracker_that_throws_leaves_the_rest_and_tells_by_the_exit_status(
    evaluate: Callable[..., int],
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    good = (data / "a" / "2.png").read_bytes()
    (data / "a" / "2.png").write_bytes(b"no picture")
    assert evaluate() == 1
    assert "threw: set/val/a: static: SourceError" in capsys.readouterr().out
    assert scores(tmp_path)["static"]["threw"] == 1
    kept = (tmp_path / "out" / "static" / "set_val" / "a.csv").read_text()
    assert kept.count("\n") == 5  # labels, error, header, and the two frames before it
    (data / "a" / "2.png").write_bytes(good)
    assert evaluate() == 0
    assert ran(capsys) == ["a"]


def test_json_is_all_that_is_printed_where_it_is_asked_for(
    evaluate: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate("--json")
    out = capsys.readouterr().out
    assert out == (tmp_path / "out" / "scores.json").read_text()
    assert json.loads(out)["groups"][0]["name"] == "set/val"


def test_results_of_another_toolkit_need_no_run(
    evaluate: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dimp").mkdir()
    (tmp_path / "dimp" / "a.txt").write_text("10\t8\t8\t6\n" * 5)
    assert evaluate("--results", f"DiMP={tmp_path / 'dimp'}", peer="") == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "has 5 boxes for 4 frames" in captured.out
    assert scores(tmp_path)["DiMP"]["scored"] == 1


def test_a_boards_latencies_tell_what_a_tracker_would_score_there(
    evaluate: Callable[..., int], tmp_path: Path
) -> None:
    board = tmp_path / "board.csv"
    board.write_text("latency_ms\n10\n")
    arguments = ("--protocol", "real_time", "--latency", str(board))
    # At 240 Hz a frame lasts 4.2 ms: of four frames the one after the start is seen, not the next.
    for rate, seen in (("90", 1.0), ("240", 0.75)):
        assert evaluate(*arguments, "--rate", rate, out=rate) == 0
        measures = scores(tmp_path, rate)["static"]["measures"]
        assert measures["frames_seen"]["mean"] == seen  # type: ignore[index]


def test_another_convention_scores_anew_without_another_run(
    evaluate: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate()
    capsys.readouterr()
    assert evaluate("--convention", "invalid_truth=hit") == 0
    assert ran(capsys) == []
    text = (tmp_path / "out" / "scores.json").read_text()
    assert json.loads(text)["groups"][0]["conventions"]["invalid_truth"] == "hit"


def test_restarts_are_run_by_their_protocol(evaluate: Callable[..., int], tmp_path: Path) -> None:
    assert evaluate("--protocol", "vot_reset") == 0
    measures = scores(tmp_path)["static"]["measures"]
    assert set(measures) == {"accuracy", "failures", "eao"}  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--layout", "coco"], "No layout is called 'coco'"),
        (["--peer", "goturn"], "No peer is called 'goturn'"),
        (["--peer", "static"], "Two contenders are called 'static'"),
        (["--bundle", "none"], "neither a shipped bundle nor a folder"),
        (["--protocol", "ope"], "No protocol is called 'ope'"),
        (["--max-frames", "-1"], "max_frames is -1"),
        (["--threads", "0"], "--threads is 0"),
        (["--workers", "0"], "--workers is 0"),
        (["--rate", "60"], "have no meaning in the protocol short"),
        (["--protocol", "real_time", "--workers", "2"], "can't be measured while several"),
        (["--convention", "bounded=maybe"], "bounded is 'maybe', expected bool"),
        (["--shard", "3/2"], "The shard is '3/2'"),
        (["--results", "nowhere"], "The results nowhere are not a folder"),
        (["--protocol", "real_time", "--latency", "none.csv"], "none.csv can't be read"),
        (["--protocol", "real_time", "--rate", "inf"], "rate_hz is inf"),
        (["--convention", "precision_px=inf"], "precision_px is inf"),
        (["--merge", "nowhere"], "The results to merge nowhere are not a folder"),
        (["--results", "static=."], "Two trackers are called 'static'"),
        (["--results", "A=.", "--results", "A=."], "Two trackers are called 'A'"),
    ],
)
def test_what_can_not_be_is_refused_before_anything_runs(
    evaluate: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    complaint: str,
) -> None:
    assert evaluate(*arguments) == 2
    captured = capsys.readouterr()
    assert complaint in captured.err
    assert "fix: " in captured.err
    assert not (tmp_path / "out" / "scores.json").exists()


def test_other_settings_do_not_mix_with_kept_results(
    evaluate: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate()
    assert evaluate("--max-frames", "2") == 2
    assert "holds results with protocol" in capsys.readouterr().err


def test_results_of_another_engine_are_not_gone_on_with(
    evaluate: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("openvino")
    assert evaluate("--max-frames", "2", peer="") == 0
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    assert evaluate("--max-frames", "2", peer="") == 2
    assert "holds results with backend 'openvino', now it is 'ort'" in capsys.readouterr().err


def test_a_clip_whose_first_picture_is_broken_is_an_error_of_that_clip(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vot = tmp_path / "vot"
    for name in ("a", "b"):
        (vot / name / "ir").mkdir(parents=True)
        for number in range(4):
            picture = np.full((24, 32), 50, np.uint8)
            assert cv2.imwrite(str(vot / name / "ir" / f"{number}.png"), picture)
        (vot / name / "groundtruth.txt").write_text(BOX * 4)
    (vot / "list.txt").write_text("a\nb\n")
    (vot / "b" / "ir" / "0.png").write_bytes(b"no picture")
    (tmp_path / "dimp").mkdir()
    for name in ("a", "b"):
        (tmp_path / "dimp" / f"{name}.txt").write_text(BOX * 4)
    common = ["evaluate", "--data", str(vot), "--out", str(tmp_path / "out"), "--json"]
    assert main([*common, "--peer", "static"]) == 1
    (group,) = json.loads(capsys.readouterr().out)["groups"]
    assert group["trackers"][0]["scored"] == 2
    assert group["trackers"][0]["sequences"]["a"]["failures"] == 0
    assert group["trackers"][0]["sequences"]["b"]["failures"] == 1
    one_pass = ["--protocol", "one_pass", "--results", str(tmp_path / "dimp")]
    assert main([*common, *one_pass]) == 1
    values = json.loads(capsys.readouterr().out)
    assert len(values["errors"]) == 1
    assert "/vot/b: dimp: SourceError" in values["errors"][0]


def test_data_sets_of_one_name_or_of_two_protocols_are_refused(
    evaluate: Callable[..., int], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("--data", str(data)) == 2
    assert "Two data sets are called 'set/val'" in capsys.readouterr().err
    for name in ("img/0001.png", "groundtruth_rect.txt"):
        (tmp_path / "otb" / "Car" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "otb" / "Car" / name).write_text(BOX)
    assert evaluate("--data", str(tmp_path / "otb")) == 2
    assert "own protocols differ: one_pass, short" in capsys.readouterr().err


def test_a_folder_that_can_not_be_made_is_named(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    status = main(
        ["evaluate", "--data", str(data), "--peer", "static", "-o", str(tmp_path / "file" / "x")]
    )
    assert status == 2
    assert "can't be made" in capsys.readouterr().err
