"""Facts about clips made of stills."""

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from thermedge.errors import DatasetError
from thermedge.evaluation import zoomed_stills
from thermedge.evaluation.zoomed_stills import Still, ZoomedStill

STILL = Still(name="one", file="one.png", target=(120, 90, 30, 40))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A textured picture with a bright target and a darker look-alike."""
    rng = np.random.default_rng(0)
    picture = cv2.GaussianBlur(rng.integers(30, 90, (300, 500)).astype(np.uint8), (0, 0), 2)
    picture[90:130, 120:150] = 220
    picture[90:130, 300:330] = 160
    assert cv2.imwrite(str(tmp_path / "one.png"), picture)
    return tmp_path


def frames(clip: ZoomedStill) -> list[np.ndarray]:
    with clip.open(0, None) as source:
        return [frame.counts for frame in source]


def test_the_target_comes_twice_as_near_or_goes_as_far(folder: Path) -> None:
    ways = set()
    for name in ("one", "two", "three", "four", "five", "six"):
        truth = ZoomedStill(Still(name=name, file="one.png", target=STILL.target), folder)
        size = np.sqrt(truth.sequence.truth[:, 2:].prod(1))
        assert size.max() / size.min() == pytest.approx(2)
        assert np.all(np.diff(size) > 0) or np.all(np.diff(size) < 0)
        ways.add(bool(size[-1] > size[0]))
    assert ways == {True, False}


def test_the_truth_lies_on_the_target(folder: Path) -> None:
    clip = ZoomedStill(STILL, folder)
    shown = frames(clip)
    assert len(shown) == len(clip.sequence.truth) == 150
    for index in (0, 149):  # the look-alike is far away
        x, y, w, h = clip.sequence.truth[index]
        bright = np.argwhere(cv2.GaussianBlur(shown[index], (0, 0), 1) > 150)
        bright = bright[np.abs(bright - (y + h / 2, x + w / 2)).max(1) < max(w, h)]
        top, left = bright.min(0)
        bottom, right = bright.max(0) + 1
        assert (left, top, right - left, bottom - top) == pytest.approx((x, y, w, h), abs=2)


def test_a_look_alike_passes_the_target(folder: Path) -> None:
    other = Still(name="one", file="one.png", target=STILL.target, other=(300, 90, 30, 40))
    view = ZoomedStill(other, folder)._view
    x, y, w, h = (int(value) for value in STILL.target)
    around = slice(y - h, y + 2 * h), slice(x - w, x + 2 * w)
    changed = [
        (view._passed(share)[around] != view.picture[around]).mean() for share in (0, 0.5, 1)
    ]
    assert changed[1] > 0.1 > max(changed[0], changed[2])


def test_a_clip_is_the_same_whenever_it_is_opened_and_in_another_process(folder: Path) -> None:
    clip = ZoomedStill(STILL, folder)
    again = pickle.loads(pickle.dumps(clip.sequence)).frames
    for one, other in zip(frames(clip), frames(again), strict=True):
        assert one.tobytes() == other.tobytes()


def test_a_missing_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"one\.png is missing, or no picture"):
        _ = ZoomedStill(STILL, tmp_path).sequence


def test_every_boxed_picture_is_there_and_its_target_inside(shared: Path) -> None:
    folder = shared / "pairs" / "roadscene" / "thermal"
    if not folder.is_dir():
        pytest.skip(f"{folder} is missing")
    clips = zoomed_stills.data_set(folder).sequences
    assert len(clips) == len({clip.name for clip in clips}) == 21
    for clip in clips:
        with clip.frames.open(0, None) as source:
            start = source.start_box
            assert start is not None
            assert 10 < start.area**0.5 < min(source.width_px, source.height_px)
