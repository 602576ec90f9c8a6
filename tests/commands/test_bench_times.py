"""Facts about the half of `thermedge bench` that is no accuracy."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from thermedge.commands import bench_times, main
from thermedge.evaluation import datasets
from thermedge.profiling import bench


@pytest.fixture(autouse=True)
def one_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """One process per engine instead of three, of one engine."""
    monkeypatch.setattr(bench, "_STARTS", 1)
    monkeypatch.setattr(bench, "_CPU_BACKENDS", {"ort": "onnxruntime"})
    monkeypatch.setenv("COLUMNS", "200")


def data(folder: Path, *, clips: int = 1, frames: int = 48) -> Path:
    """Return a set of clips of a bright square that moves a px per frame."""
    for name in range(clips):
        clip = folder / "set" / f"clip{name}"
        clip.mkdir(parents=True)
        for number in range(frames):
            picture = np.full((96, 128), 60, np.uint8)
            picture[40:56, 40 + number : 60 + number] = 220
            assert cv2.imwrite(str(clip / f"{number:02}.png"), picture)
        lines = [f"{40 + number},40,20,16\n" for number in range(frames)]
        (clip / "groundtruth.txt").write_text("".join(lines))
    return folder / "set"


def timed(folder: Path) -> int:
    return main(["bench", "--only", "time", "--peer", "static", "--data", str(folder)])


def test_times_starts_capture_and_conditions_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert timed(data(tmp_path)) == 0
    out = capsys.readouterr().out
    rows = [line for line in out.splitlines() if line.startswith(("│ default ", "│ static "))]
    ours, static, start = ([cell.strip() for cell in row.strip("│").split("│")] for row in rows)
    assert (ours[0], static[0], start[0]) == ("default ort fp32", "static", "default ort fp32")
    assert float(ours[4]) > 1
    assert static[4:6] == ["1", "-"]
    assert ours[6] == static[6] == "37"
    assert float(start[1]) > 0
    assert "capture of a 640x512 frame" in out
    assert "board samples" in out


def test_too_few_frames_are_told_and_the_rest_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert timed(data(tmp_path, frames=12)) == 0
    out = capsys.readouterr().out
    assert "no times: default ort fp32 tracked 1 frames after a warm-up of 10" in out
    assert "first box s" in out


def test_a_few_clips_come_from_all_over_the_set(tmp_path: Path) -> None:
    found = datasets.read(data(tmp_path, clips=9, frames=2))
    names = [clip.name for clip in bench_times._some(found)]
    assert names == ["clip0", "clip2", "clip4", "clip6"]
    few = datasets.read(data(tmp_path / "few", clips=3, frames=2))
    assert len(bench_times._some(few)) == 3
