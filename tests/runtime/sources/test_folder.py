"""Facts about reading folders of numbered pictures."""

import os
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from thermedge.errors import SourceError
from thermedge.runtime.sources.folder import SUFFIXES, FolderSource

RECORDINGS = Path(__file__).parents[4] / "shared/data/recordings/lepton_16bit"


def written(path: Path, picture: NDArray[Any]) -> Path:
    assert cv2.imwrite(str(path), picture)
    return path


def numbered(folder: Path, count: int, suffix: str = ".png", dtype: type = np.uint16) -> Path:
    for number in range(count):
        written(folder / f"{number}{suffix}", np.full((6, 8), 10 * number, dtype))
    return folder


def test_pictures_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (10, 9, 1, 100, 2):
        written(tmp_path / f"shot_{number}.png", np.full((6, 8), number, np.uint8))
    source = FolderSource(tmp_path)
    assert [int(frame.counts[0, 0]) for frame in source] == [1, 2, 9, 10, 100]


def test_names_with_and_without_leading_zeros_mix(tmp_path: Path) -> None:
    for name in ("02", "2", "010", "x1", "1x1"):
        written(tmp_path / f"{name}.png", np.zeros((6, 8), np.uint8))
    assert len(list(FolderSource(tmp_path))) == 5


def test_frames_tell_their_place_time_and_depth(tmp_path: Path) -> None:
    with FolderSource(numbered(tmp_path, 3), rate_hz=9) as source:
        frames = [(frame.index, frame.timestamp_ns, frame.bits) for frame in source]
    assert frames == [(0, 0, 16), (1, 111111111, 16), (2, 222222222, 16)]
    assert (source.width_px, source.height_px, source.num_frames) == (8, 6, 3)
    assert not source.live


def test_16_bit_counts_arrive_as_they_are_stored(tmp_path: Path) -> None:
    counts = np.random.default_rng(0).integers(0, 65536, (20, 30), dtype=np.uint16)
    for suffix in (".png", ".tif", ".pgm"):
        folder = tmp_path / suffix
        folder.mkdir()
        written(folder / f"1{suffix}", counts)
        (frame,) = FolderSource(folder)
        np.testing.assert_array_equal(frame.counts, counts, strict=True)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_8_bit_pictures_of_every_kind_are_read(tmp_path: Path, suffix: str) -> None:
    (frame, _) = FolderSource(numbered(tmp_path, 2, suffix, np.uint8))
    assert frame.counts.dtype == np.uint8
    assert frame.bits == 8


def test_a_suffix_may_be_in_capitals(tmp_path: Path) -> None:
    written(tmp_path / "1.png", np.zeros((6, 8), np.uint8)).rename(tmp_path / "1.PNG")
    assert len(list(FolderSource(tmp_path))) == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [3, 4])
def test_replicated_grey_gives_exactly_the_grey(
    tmp_path: Path, dtype: type[Any], channels: int
) -> None:
    grey = np.arange(256, dtype=dtype).reshape(16, 16) * (np.iinfo(dtype).max // 255)
    picture = np.full((16, 16, channels), np.iinfo(dtype).max, dtype)
    picture[..., :3] = grey[..., None]
    written(tmp_path / "1.png", picture)
    (frame,) = FolderSource(tmp_path)
    np.testing.assert_array_equal(frame.counts, grey, strict=True)


def test_a_coloured_picture_gives_luma(tmp_path: Path) -> None:
    written(tmp_path / "1.png", np.full((6, 8, 3), (0, 0, 255), np.uint8))  # red
    (frame,) = FolderSource(tmp_path)
    assert int(frame.counts[0, 0]) == 76  # 0.299 of 255, ITU-R BT.601


def test_other_files_and_hidden_ones_are_ignored(tmp_path: Path) -> None:
    numbered(tmp_path, 2)
    (tmp_path / "groundtruth.txt").write_text("1,2,3,4\n")
    (tmp_path / "._0.png").write_bytes(b"what some systems leave behind")
    (tmp_path / "notes").mkdir()
    assert len(list(FolderSource(tmp_path))) == 2


def test_iterating_continues_where_it_stopped(tmp_path: Path) -> None:
    source = FolderSource(numbered(tmp_path, 4))
    assert next(iter(source)).index == 0
    assert [frame.index for frame in source] == [1, 2, 3]
    assert list(source) == []


def test_closing_ends_the_iteration_and_may_be_done_twice(tmp_path: Path) -> None:
    source = FolderSource(numbered(tmp_path, 3))
    iterator = iter(source)
    next(iterator)
    source.close()
    source.close()
    assert list(iterator) == []


def test_a_start_frame_keeps_places_and_times(tmp_path: Path) -> None:
    source = FolderSource(numbered(tmp_path, 4), rate_hz=10, start_frame=2)
    assert source.num_frames == 2
    assert [(f.index, f.timestamp_ns) for f in source] == [(2, 200_000_000), (3, 300_000_000)]


def test_a_start_frame_past_the_end_is_told_the_end(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds 3 frames") as caught:
        FolderSource(numbered(tmp_path, 3), start_frame=3)
    assert "0 to 2" in caught.value.remedy


def test_a_folder_without_pictures_is_told_what_a_picture_is(tmp_path: Path) -> None:
    (tmp_path / "video.mp4").write_bytes(b"x")
    with pytest.raises(SourceError, match=r"holds no picture \(.*\.png"):
        FolderSource(tmp_path)


def test_pictures_of_two_kinds_are_refused(tmp_path: Path) -> None:
    numbered(tmp_path, 2)
    numbered(tmp_path, 2, ".jpg", np.uint8)
    with pytest.raises(SourceError, match=r"kinds \.jpg \.png, expected one kind"):
        FolderSource(tmp_path)


@pytest.mark.parametrize(
    ("other", "came"),
    [
        (np.zeros((6, 9), np.uint16), "9x6 px uint16"),
        (np.zeros((6, 8), np.uint8), "8x6 px uint8"),
    ],
)
def test_a_picture_unlike_the_others_is_named(
    tmp_path: Path, other: NDArray[Any], came: str
) -> None:
    numbered(tmp_path, 2)
    odd = written(tmp_path / "5.png", other)
    frames = iter(FolderSource(tmp_path))
    assert [next(frames).index, next(frames).index] == [0, 1]
    with pytest.raises(SourceError) as caught:
        next(frames)
    assert caught.value.problem.startswith(f"{odd} is {came}, expected 8x6 px uint16")


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    numbered(tmp_path, 2)
    damaged = tmp_path / "1.png"
    damaged.write_bytes(damaged.read_bytes()[:40])
    with pytest.raises(SourceError, match=r"1\.png is not a readable picture"):
        list(FolderSource(tmp_path))


def test_a_name_that_is_not_utf_8_is_an_error_and_no_crash(tmp_path: Path) -> None:
    folder = numbered(tmp_path, 2)
    shutil.copy(folder / "0.png", folder / os.fsdecode(b"w\xe4rme_2.png"))
    with pytest.raises(SourceError, match="has a name that is not UTF-8"):
        FolderSource(folder)


def test_a_header_that_asks_for_an_absurd_size_is_a_damaged_picture(tmp_path: Path) -> None:
    (tmp_path / "1.pgm").write_bytes(b"P5 100000 100000 255\n")
    with pytest.raises(SourceError, match=r"1\.pgm is not a readable picture"):
        FolderSource(tmp_path)


def test_temperatures_in_floats_are_refused(tmp_path: Path) -> None:
    written(tmp_path / "1.tif", np.zeros((6, 8), np.float32))
    with pytest.raises(SourceError, match="holds float32, expected 8-bit or 16-bit"):
        FolderSource(tmp_path)


def test_a_real_recording_is_16_bits_deep() -> None:
    folder = RECORDINGS / "possum_cp"
    if not folder.is_dir():
        pytest.skip("needs the recordings beside the checkout")
    count = len(list(folder.glob("*.png")))
    with FolderSource(folder, rate_hz=9, start_frame=count - 10) as source:
        frames = [(frame.index, frame.bits, int(frame.counts.max())) for frame in source]
    assert (source.width_px, source.height_px) == (160, 120)
    assert [index for index, _, _ in frames] == list(range(count - 10, count))
    assert {bits for _, bits, _ in frames} == {16}
    assert all(highest > 255 for _, _, highest in frames)
