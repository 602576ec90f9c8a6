from pathlib import Path

import cv2
import numpy as np
import pytest

from thermedge.bundles import find
from thermedge.errors import MissingDependencyError, SourceError
from thermedge.evaluation.peers import open_peer
from thermedge.evaluation.sequences import Recording, Sequence
from thermedge.profiling import bench


@pytest.fixture
def clip(tmp_path: Path) -> Sequence:
    """A square that stays; it is labelled from the third frame on."""
    folder = tmp_path / "clip"
    folder.mkdir()
    picture = np.full((64, 64), 60, np.uint8)
    picture[20:40, 20:40] = 220
    for number in range(48):
        assert cv2.imwrite(str(folder / f"{number:02}.png"), picture)
    truth = np.tile([20.0, 20, 20, 20], (48, 1))
    truth[:2] = np.nan
    return Sequence("clip", "set", Recording(folder), truth)


def test_all_are_timed_on_the_same_frames_against_one(clip: Sequence) -> None:
    trackers = {name: open_peer("static") for name in ("one", "other")}
    seen: list[str] = []
    rows = bench.timed(trackers, [clip, clip], reference="other", watch=seen.append)
    assert [row.name for row in rows] == ["one", "other"]
    assert seen == ["clip", "clip"]
    assert [row.update.count for row in rows] == [2 * 45 - 10] * 2
    assert rows[0].against is not None
    assert (rows[0].against.name, rows[0].against.to) == ("one", "other")
    assert rows[1].against is None


def test_a_clip_without_truth_is_left_out(clip: Sequence) -> None:
    empty = Sequence("empty", "set", clip.frames, np.full((48, 4), np.nan))
    seen: list[str] = []
    rows = bench.timed({"one": open_peer("static")}, [empty, clip], watch=seen.append)
    assert seen == ["clip"]
    assert rows[0].against is None


def test_too_few_frames_are_an_error(clip: Sequence) -> None:
    with pytest.raises(SourceError, match="tracked 19 frames|tracked 9 frames"):
        bench.timed({"one": open_peer("static")}, [clip], max_frames=20)


def test_each_bundle_is_opened_in_each_engine_beside_the_peers() -> None:
    found = bench.opened([find("default")], ["static"])
    for tracker in found.values():
        tracker.close()
    precisions = {"ort": "fp32", "openvino": "int8"}
    expected = [f"default {name} {precisions[name]}" for name in bench.cpu_backends()]
    assert [*found] == [*expected, "static"]
    assert "ort" in bench.cpu_backends()


def test_a_peer_that_opencv_lacks_is_no_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "TrackerKCF_create", raising=False)
    assert "kcf" not in bench.known_peers()
    with pytest.raises(MissingDependencyError):
        bench.opened([], ["kcf"])


def test_a_footprint_is_that_of_the_median_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "_STARTS", 1)  # a process each
    found = bench.footprint(find("default"), "ort")
    assert found.name == "default ort fp32"
    assert found.disk_bytes > 100_000
    assert found.start.first_box_s > 0
