"""Facts about the cache of frames and boxes."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from thermedge.errors import RecipeError
from thermedge.training import pack, pictures
from thermedge.training.recipe import DataSpec

CLIPS = DataSpec(name="clips", kind="sequences", licence="", credit="", path="clips")
SCENES = DataSpec(name="made", kind="synthetic", licence="", credit="", scenes=2, frames=3)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("THERMEDGE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "packs"


@pytest.fixture
def root(tmp_path, data_folder):
    """A copy of the clips that a test may change."""
    shutil.copytree(data_folder, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def reads(monkeypatch):
    """Count how often the recordings are read."""
    seen = []
    original = pictures.from_sequences

    def counted(folder, every):
        seen.append(folder)
        return original(folder, every)

    monkeypatch.setattr(pictures, "from_sequences", counted)
    return seen


def test_a_pack_holds_pictures_of_any_size_and_the_moments_of_each_target(cache, monkeypatch):
    rng = np.random.default_rng(0)
    made = [rng.integers(0, 255, shape, np.uint8) for shape in ((5, 7), (6, 4), (3, 9))]
    boxes = [(1.5, 2.0, 3.0, 4.25), (2, 2, 3, 3), (5, 5, 5, 5), (6, 6, 6, 6)]
    labelled = [
        (made[0], [("a", boxes[0]), ("b", boxes[1])]),
        (made[1][:, ::-1], []),  # not contiguous, and no target
        (made[2], [("b", boxes[2]), ("a", boxes[3])]),
    ]
    monkeypatch.setattr(pack, "_labelled", lambda spec, root: iter(labelled))

    opened = pack.opened(SCENES, Path())

    for index, (picture, _) in enumerate(labelled):
        np.testing.assert_array_equal(opened.picture(index), picture)
    assert opened.tracks.tolist() == [[0, 2], [2, 2]]
    assert opened.box_picture.tolist() == [0, 2, 0, 2]
    np.testing.assert_array_equal(opened.boxes, np.float32([boxes[i] for i in (0, 3, 1, 2)]))
    assert not opened.picture(0).flags.writeable


def test_a_second_opening_reads_no_recording(cache, root, reads):
    first = pack.opened(CLIPS, root)
    second = pack.opened(CLIPS, root)
    assert len(reads) == 1
    np.testing.assert_array_equal(first.pixels, second.pixels)
    np.testing.assert_array_equal(first.boxes, second.boxes)
    assert len(first.pictures) == 10


@pytest.mark.parametrize("change", ["recipe", "labels", "more"])
def test_what_changes_the_content_makes_a_new_pack(cache, root, reads, write_clip, change):
    before = pack.opened(CLIPS, root)
    spec = CLIPS
    if change == "recipe":
        spec = replace(CLIPS, every=2)
    elif change == "labels":
        (root / "clips/square0/groundtruth.txt").write_text("1,2,30,40\n" * 5)
    else:
        pixels = np.full((1, 60, 60), 9, np.uint8)
        write_clip(root / "clips/square2", pixels, [(5, 5, 9, 9)])
    after = pack.opened(spec, root)
    assert len(reads) == 2
    assert after.boxes.tolist() != before.boxes.tolist()


def test_a_video_under_the_same_name_makes_a_new_pack(cache, root, reads):
    before = pack.opened(CLIPS, root).picture(0).copy()
    ours, other = (root / f"clips/square{n}/video.mkv" for n in range(2))
    shutil.copyfile(other, ours)
    after = pack.opened(CLIPS, root).picture(0)
    assert len(reads) == 2
    assert (after != before).any()


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("sequences", ["one/video.avi"]),
        ("stills", ["images/hill_1.jpg", "images/day/hill_2.jpg"]),
        ("pairs", ["thermal/1.png", "visible/1.png"]),
    ],
)
def test_size_and_time_of_every_picture_decide_over_the_pack(tmp_path, kind, names):
    spec = replace(CLIPS, kind=kind, path="road")
    files = [tmp_path / "road" / name for name in names]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"before")
    keys = [pack._key(spec, tmp_path)]
    for file in files:
        seconds = file.stat().st_mtime
        file.write_bytes(b"afterwards")
        os.utime(file, (seconds, seconds))
        keys.append(pack._key(spec, tmp_path))
        os.utime(file, (seconds, seconds + 1))
        keys.append(pack._key(spec, tmp_path))
    assert len(set(keys)) == 1 + 2 * len(files)
    assert pack._key(spec, tmp_path) == keys[-1]


def test_a_link_to_a_picture_that_is_gone_is_left_to_the_reader(cache, tmp_path):
    spec = replace(CLIPS, kind="pairs", path="road")
    for name in ("thermal", "visible"):
        (tmp_path / "road" / name).mkdir(parents=True)
        (tmp_path / "road" / name / "1.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(RecipeError, match="1.png is not a readable picture"):
        pack.opened(spec, tmp_path)


@pytest.mark.parametrize("file", ["pixels.u8", "index.npz"])
@pytest.mark.parametrize("kept", [None, 0, 1, 40, 0.5, -1])
def test_a_damaged_pack_is_made_again(cache, root, reads, file, kept):
    before = pack.opened(CLIPS, root)
    pixels, boxes = before.pixels.copy(), before.boxes
    (folder,) = cache.iterdir()
    content = (folder / file).read_bytes()
    (folder / file).unlink()
    if kept is not None:
        end = int(kept * len(content)) if isinstance(kept, float) else kept
        (folder / file).write_bytes(content[:end])
    after = pack.opened(CLIPS, root)
    np.testing.assert_array_equal(after.pixels, pixels)
    np.testing.assert_array_equal(after.boxes, boxes)
    pack.opened(CLIPS, root)
    assert len(reads) == 2


@pytest.mark.parametrize("file", ["scene.py", "scene_outlines.py", "sensor_model.py", "scaling.py"])
def test_another_scene_generator_makes_a_new_pack(tmp_path, monkeypatch, file):
    code = tmp_path / "runtime"
    shutil.copytree(Path(pack.runtime.__path__[0]), code, ignore=shutil.ignore_patterns("*.pyc"))
    before = pack._key(SCENES, tmp_path)
    monkeypatch.setattr(pack.runtime, "__path__", [str(code)])
    assert pack._key(SCENES, tmp_path) == before  # where the code lies does not matter

    with (code / file).open("a") as source:
        source.write("\n# another generator\n")

    assert pack._key(SCENES, tmp_path) != before


def test_the_scene_generator_does_not_matter_to_recordings(tmp_path, monkeypatch, root):
    before = pack._key(CLIPS, root)
    monkeypatch.setattr(pack.runtime, "__path__", [str(tmp_path)])
    assert pack._key(CLIPS, root) == before


def test_a_failed_packing_leaves_nothing(cache, root, monkeypatch):
    def breaks(spec, root):
        yield np.zeros((4, 4), np.uint8), [("a", (0, 0, 4, 4))]
        raise RecipeError("The second picture is damaged.", "Copy it again.")

    with monkeypatch.context() as patch:
        patch.setattr(pack, "_labelled", breaks)
        with pytest.raises(RecipeError, match="second picture"):
            pack.opened(CLIPS, root)
    assert list(cache.iterdir()) == []
    assert len(pack.opened(CLIPS, root).pictures) == 10


def test_a_killed_packing_leaves_no_half_pack(cache, root):
    code = """
import os, sys, numpy
from pathlib import Path
from thermedge.training import pack
from thermedge.training.recipe import DataSpec
def labelled(spec, root):
    yield numpy.zeros((4, 4), numpy.uint8), [("a", (0, 0, 4, 4))]
    os.kill(os.getpid(), 9)
pack._labelled = labelled
spec = DataSpec(name="clips", kind="sequences", licence="", credit="", path="clips")
pack.opened(spec, Path(sys.argv[1]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(root)],
        env={**os.environ, "THERMEDGE_CACHE": str(cache.parent)},
        check=False,
        timeout=120,
    )
    assert done.returncode == -9
    assert not [path for path in cache.iterdir() if not path.name.startswith(".")]
    assert len(pack.opened(CLIPS, root).pictures) == 10


def test_a_missing_folder_is_named(cache, tmp_path):
    with pytest.raises(RecipeError, match="data 'clips' are not in .*clips") as caught:
        pack.opened(CLIPS, tmp_path / "nowhere")
    assert "--data" in caught.value.remedy


def test_data_without_a_label_are_refused_every_time(cache, root):
    for truth in root.rglob("groundtruth.txt"):
        truth.write_text("nan,nan,nan,nan\n" * 5)
    for _ in range(2):
        with pytest.raises(RecipeError, match="'clips' hold no labelled target"):
            pack.opened(CLIPS, root)


def test_a_cache_that_cannot_be_written_is_named(root, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("THERMEDGE_CACHE", str(tmp_path / "file"))
    with pytest.raises(RecipeError, match="can't be written") as caught:
        pack.opened(CLIPS, root)
    assert "THERMEDGE_CACHE" in caught.value.remedy


def test_packs_lie_below_the_home_folder_unless_told_otherwise(monkeypatch, tmp_path):
    monkeypatch.delenv("THERMEDGE_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert pack.cache_folder() == tmp_path / ".cache" / "thermedge"


# --- pairs ---


def test_a_visible_picture_lies_behind_its_thermal_one(cache, monkeypatch):
    rng = np.random.default_rng(0)
    made = [rng.integers(0, 255, (2, *shape), np.uint8) for shape in ((5, 7), (6, 4))]
    labelled = [(both, [(str(number), (1, 1, 3, 3))]) for number, both in enumerate(made)]
    monkeypatch.setattr(pack, "_labelled", lambda spec, root: iter(labelled))

    opened = pack.opened(SCENES, Path())

    for index, (thermal, visible) in enumerate(made):
        np.testing.assert_array_equal(opened.picture(index), thermal)
        np.testing.assert_array_equal(opened.visible(index), visible)


def test_a_thermal_recording_has_no_visible_picture(cache, root):
    assert pack.opened(CLIPS, root).visible(0) is None


def test_another_pair_makes_a_new_pack(cache, tmp_path):
    spec = replace(CLIPS, kind="pairs", path="road")
    for name in ("thermal", "visible"):
        (tmp_path / "road" / name).mkdir(parents=True)
    keys = set()
    for number in range(3):
        for name in ("thermal", "visible"):
            (tmp_path / "road" / name / f"{number}.png").touch()
        keys.add(pack._key(spec, tmp_path))
    assert len(keys) == 3
