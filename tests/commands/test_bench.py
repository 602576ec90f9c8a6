"""Facts about `thermedge bench`."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from thermedge.commands import bench, main
from thermedge.evaluation import loop_cost

SHORT = "synthetic:frames=20,size=320x256"  # ends in the warm-up


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """One clip: a bright square that moves a px per frame."""
    folder = tmp_path / "set" / "val" / "clip"
    folder.mkdir(parents=True)
    for number in range(6):
        picture = np.full((96, 128), 60, np.uint8)
        picture[40:56, 40 + number : 60 + number] = 220
        assert cv2.imwrite(str(folder / f"{number}.png"), picture)
    lines = [f"{40 + number},40,20,16\n" for number in range(6)]
    (folder / "groundtruth.txt").write_text("".join(lines))
    return folder.parent


def cells(out: str, tracker: str) -> list[str]:
    row = next(line for line in out.splitlines() if line.startswith(f"│ {tracker} "))
    return [cell.strip() for cell in row.strip("│").split("│")]


@pytest.fixture(autouse=True)
def few_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the scoring of a million boxes short."""
    monkeypatch.setattr(bench, "_MILLION", 1000)
    monkeypatch.setenv("COLUMNS", "120")


def test_the_shipped_tracker_and_its_peers_share_a_table(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "--data", str(data), "--peer", "static", "--max-frames", "5"]) == 0
    out = capsys.readouterr().out
    assert "one pass over the first 5 frames" in out
    ours, static = cells(out, "default"), cells(out, "static")
    assert (ours[1], ours[4], static[4]) == ("set/val", "1", "1")
    assert float(ours[2]) > float(static[2]) > 0.5
    assert float(ours[5]) > float(static[5]) >= 0
    assert "scoring 1,000 boxes: " in out
    assert "default is ahead of static by +" in out
    assert "on the 1 recorded clips together" in out


def test_recordings_that_are_not_there_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "_BESIDE", tmp_path)
    assert main(["bench", "--peer", "static"]) == 2
    err = capsys.readouterr().err
    assert f"{tmp_path}/drone_ir/val is missing" in err
    assert "--data FOLDER" in err


def test_the_recordings_beside_the_checkout_are_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "anti_uav_ir" / "val").mkdir(parents=True)
    monkeypatch.setattr(bench, "_BESIDE", tmp_path)
    assert bench._recordings() == [tmp_path / "anti_uav_ir" / "val"]


def test_a_tracker_that_throws_tells_by_the_exit_status(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "clip" / "3.png").write_bytes(b"no picture")
    assert main(["bench", "--data", str(data), "--peer", "static"]) == 1
    out = capsys.readouterr().out
    assert "threw: set/val/clip: static: SourceError" in out
    assert "1, 1 threw" in out


def test_data_sets_of_one_name_are_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(data, tmp_path / "again" / "set" / "val")
    folders = ["--data", str(data), "--data", str(tmp_path / "again" / "set" / "val")]
    assert main(["bench", *folders, "--peer", "static"]) == 2
    assert "Two data sets are called 'set/val'" in capsys.readouterr().err


def test_a_loop_that_followed_nothing_is_told_and_the_rest_goes_on(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(loop_cost.measure, "__kwdefaults__", {"backend": "auto", "scene": SHORT})
    bench = ["bench", "--only", "accuracy", "--data", str(data), "--peer", "static"]
    assert main([*bench, "--backend", "ort"]) == 0
    out = capsys.readouterr().out
    assert "no cost of the loop: default followed the target in none of the frames" in out


def test_the_help_tells_the_peers_of_both_halves(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["bench", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert "default: kcf for accuracy, all that this OpenCV has for time" in told


def test_a_missing_peer_says_how_to_get_it(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delattr(cv2, "TrackerKCF_create", raising=False)
    assert main(["bench", "--data", str(data)]) == 2
    assert "fix: Run make bench" in capsys.readouterr().err


@pytest.mark.parametrize(("flag", "value"), [("--max-frames", "-3"), ("--workers", "0")])
def test_an_impossible_count_is_refused(
    data: Path, capsys: pytest.CaptureFixture[str], flag: str, value: str
) -> None:
    assert main(["bench", "--data", str(data), "--peer", "static", flag, value]) == 2
    assert f"{flag} is {value}" in capsys.readouterr().err
