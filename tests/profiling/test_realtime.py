from pathlib import Path

import cv2
import numpy as np
import pytest

from thermedge.errors import DatasetError
from thermedge.evaluation.datasets.layout import DataSet
from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.profiling import realtime
from thermedge.profiling.realtime import RATES_HZ, AtRate, Scenes
from thermedge.runtime.track import Track


class Brightest:
    """Finds a bright square of 20 px, wherever it is."""

    def init(self, frame: Frame, box: Box) -> Track:
        return self.update(frame)

    def update(self, frame: Frame) -> Track:
        rows, columns = np.nonzero(frame.counts > 200)
        box = Box(float(columns.min()), float(rows.min()), 20.0, 20.0)
        return Track(box, 1.0, "tracking", frame.index, frame.timestamp_ns, 0, {})

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    """One clip: a bright square that moves 2 px per frame."""
    folder = tmp_path_factory.mktemp("set") / "clip"
    folder.mkdir()
    for number in range(30):
        picture = np.full((64, 128), 60, np.uint8)
        picture[20:40, 10 + 2 * number : 30 + 2 * number] = 220
        assert cv2.imwrite(str(folder / f"{number:02}.png"), picture)
    lines = [f"{10 + 2 * number},20,20,20\n" for number in range(30)]
    (folder / "groundtruth.txt").write_text("".join(lines))
    return realtime.read(folder.parent)


def measured(data: DataSet, latency_ms: float) -> list[AtRate]:
    return realtime.measure(Brightest(), [latency_ms], data=data)


def test_a_tracker_that_is_in_time_is_as_good_as_at_once(data: DataSet) -> None:
    found = measured(data, 1.0)
    assert [one.rate_hz for one in found] == [*RATES_HZ]
    assert [one.frames_seen for one in found] == [1] * 4
    assert [one.success_auc.mean for one in found] == [one.at_once for one in found]


def test_a_slow_tracker_sees_less_and_is_late_the_faster_the_camera(data: DataSet) -> None:
    slow, at_9, at_60 = measured(data, 100.0), 0, 3
    assert slow[at_9].frames_seen == 1
    assert slow[at_60].frames_seen < 0.25
    seen = [one.frames_seen for one in slow]
    assert seen == sorted(seen, reverse=True)
    assert slow[at_60].success_auc.mean < slow[at_60].at_once - 0.2
    assert slow[at_60].at_once == pytest.approx(measured(data, 1.0)[at_60].at_once)


def test_what_runs_is_told(data: DataSet) -> None:
    told: list[str] = []
    realtime.measure(Brightest(), [1.0], data=data, max_frames=3, watch=told.append)
    assert told == [f"accuracy at {rate:g} Hz" for rate in RATES_HZ]


def test_a_scene_lasts_as_long_at_every_rate() -> None:
    slow, fast = (Scenes(3, rate_hz).clip for rate_hz in (10.0, 30.0))
    assert (len(slow.truth), len(fast.truth)) == (30, 90)
    with Scenes(3, 10.0).open(0, None) as source:
        assert source.start_box is not None
        assert tuple(source.start_box) == pytest.approx(tuple(slow.truth[0]))


def test_a_folder_without_recordings_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError):
        realtime.read(tmp_path)


def test_recordings_without_a_label_to_start_on_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "clip"
    folder.mkdir()
    assert cv2.imwrite(str(folder / "00.png"), np.zeros((8, 8), np.uint8))
    (folder / "groundtruth.txt").write_text("nan,nan,nan,nan\n")
    with pytest.raises(DatasetError, match="has a label that a track can start on"):
        realtime.read(tmp_path)
