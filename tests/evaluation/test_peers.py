"""Facts about peers."""

import cv2
import numpy as np
import pytest

from thermedge.errors import MissingDependencyError, ThermedgeError
from thermedge.evaluation import peers
from thermedge.frame import Frame
from thermedge.geometry import Box


def scene(x: int, dtype: type = np.uint8, index: int = 0) -> Frame:
    """A bright textured square on a darker slope, as the sensor's counts."""
    picture = np.add.outer(np.arange(96), np.arange(128)) % 50 + 20
    picture[40:60, x : x + 20] = 150 + 5 * (np.add.outer(np.arange(20), np.arange(20)) % 7)
    counts = picture * (50 if dtype is np.uint16 else 1)
    return Frame(counts.astype(dtype), index, index, 8 * np.dtype(dtype).itemsize)


@pytest.mark.parametrize(
    ("box", "rounding", "expected"),
    [
        (Box(1.4, 1.5, 2.6, 0.2), "round", (1, 2, 3, 1)),
        (Box(1.4, 1.5, 2.6, 0.2), "trunc", (1, 1, 2, 1)),
        (Box(-1.6, -1.4, 5, 5), "round", (-2, -1, 5, 5)),
        (Box(-1.6, -1.4, 5, 5), "trunc", (-1, -1, 5, 5)),
        (Box(2.5, 3.5, 4.5, 5.5), "round", (3, 4, 5, 6)),  # not to the even number
    ],
)
def test_boxes_become_whole_either_way(
    box: Box, rounding: peers.Rounding, expected: tuple[int, ...]
) -> None:
    assert peers.whole(box, rounding) == expected


def test_the_static_peer_stays_on_its_rounded_box() -> None:
    tracker = peers.open_peer("static")
    tracker.init(scene(10), Box(10.4, 40.6, 20, 20))
    track = tracker.update(scene(30, index=7))
    assert track.box == Box(10, 41, 20, 20)
    assert (track.frame_index, track.state) == (7, "tracking")
    tracker.close()


def available(name: str) -> bool:
    return hasattr(cv2, peers.PEERS[name])


@pytest.mark.parametrize("name", ["kcf", "csrt"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_peer_follows_an_easy_target_in_counts_of_any_depth(name: str, dtype: type) -> None:
    if not available(name):
        pytest.skip(f"this OpenCV has no {name}")
    tracker = peers.open_peer(f"{name}-round")
    tracker.init(scene(30, dtype), Box(30, 40, 20, 20))
    for index in range(1, 5):
        track = tracker.update(scene(30 + index, dtype, index))
    assert track.box.iou(Box(34, 40, 20, 20)) > 0.6
    tracker.close()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_mil_wanders_but_keeps_its_size(dtype: type) -> None:
    if not available("mil"):
        pytest.skip("this OpenCV has no mil")
    tracker = peers.open_peer("mil-trunc")
    tracker.init(scene(30, dtype), Box(30, 40, 20.9, 20.9))
    track = tracker.update(scene(31, dtype, 5))
    assert (track.box.w, track.box.h, track.frame_index) == (20, 20, 5)


def test_an_opencv_without_the_peer_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "TrackerKCF_create", raising=False)
    with pytest.raises(MissingDependencyError) as caught:
        peers.open_peer("kcf")
    assert "contributed modules" in caught.value.problem
    assert caught.value.remedy.startswith("Run make bench")


@pytest.mark.parametrize("name", ["goturn", "kcf-floor", "kcf-round-trunc", ""])
def test_an_unknown_peer_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(ThermedgeError, match="No peer is called") as caught:
        peers.open_peer(name)
    assert "static, kcf, csrt, mil" in caught.value.remedy


def test_where_a_peer_loses_its_target_the_last_box_stands() -> None:
    if not available("mil"):
        pytest.skip("this OpenCV has no mil")

    class Losing:
        def init(self, picture: np.ndarray, box: tuple[int, ...]) -> None:
            assert picture.shape == (96, 128, 3)

        def update(self, picture: np.ndarray) -> tuple[bool, tuple[int, ...]]:
            return False, (0, 0, 0, 0)

    tracker = peers.OpenCvTracker("mil", "trunc")
    tracker._create = Losing
    tracker.init(scene(30), Box(30.7, 40, 20, 20))
    track = tracker.update(scene(30, index=1))
    assert (track.box, track.state, track.score) == (Box(30.7, 40, 20, 20), "lost", 0.0)
