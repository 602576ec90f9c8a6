"""Facts about reading recorded videos."""

import logging
import os
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from thermedge.errors import SourceError
from thermedge.runtime.sources.video import VideoSource, stored_bits

SEQUENCES = Path(__file__).parents[4] / "shared/data/sequences"
PNG = "PNG "  # every frame as a PNG: colours come back exactly as they went in


def written(
    path: Path, pictures: Sequence[NDArray[Any]], *, codec: str = PNG, rate_hz: float = 25
) -> Path:
    height, width = pictures[0].shape[:2]
    depth = cv2.CV_16U if pictures[0].dtype == np.uint16 else cv2.CV_8U
    writer = cv2.VideoWriter(
        str(path),
        cv2.CAP_FFMPEG,
        cv2.VideoWriter.fourcc(*codec),
        rate_hz,
        (width, height),
        (
            *(cv2.VIDEOWRITER_PROP_DEPTH, depth),
            *(cv2.VIDEOWRITER_PROP_IS_COLOR, int(pictures[0].ndim == 3)),
        ),
    )
    assert writer.isOpened()
    for picture in pictures:
        writer.write(picture)
    writer.release()
    return path


def flat(count: int) -> list[NDArray[np.uint8]]:
    """Pictures whose every pixel is ten times their number."""
    return [np.full((48, 64, 3), 10 * number, np.uint8) for number in range(count)]


def noise(count: int, dtype: type[Any], *shape: int) -> NDArray[Any]:
    shape = shape or (48, 64)
    top = np.iinfo(dtype).max + 1
    return np.random.default_rng(0).integers(0, top, (count, *shape), dtype=dtype)


def test_frames_tell_their_place_time_and_depth(tmp_path: Path) -> None:
    with VideoSource(written(tmp_path / "a.avi", flat(3), rate_hz=9)) as source:
        frames = [(frame.index, frame.timestamp_ns, frame.bits) for frame in source]
    assert frames == [(0, 0, 8), (1, 111111111, 8), (2, 222222222, 8)]
    assert (source.width_px, source.height_px) == (64, 48)
    assert (source.rate_hz, source.num_frames, source.live) == (9, 3, False)


def test_replicated_grey_gives_exactly_the_grey(tmp_path: Path) -> None:
    every = np.arange(256, dtype=np.uint8).reshape(16, 16)
    path = written(tmp_path / "a.avi", [np.dstack([every] * 3)] * 2)
    for frame in VideoSource(path):
        np.testing.assert_array_equal(frame.counts, every, strict=True)


def test_a_palette_gives_luma(tmp_path: Path) -> None:
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]  # blue, green, red
    path = written(tmp_path / "a.avi", [np.full((16, 16, 3), c, np.uint8) for c in colours])
    lumas = [int(frame.counts[0, 0]) for frame in VideoSource(path)]
    assert lumas == [29, 150, 76]  # ITU-R BT.601: 0.114, 0.587, 0.299 of 255


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", [".mkv", ".avi"])
def test_stored_grey_arrives_bit_by_bit(tmp_path: Path, dtype: type[Any], suffix: str) -> None:
    pictures = noise(4, dtype)
    path = written(tmp_path / f"a{suffix}", list(pictures), codec="FFV1")
    source = VideoSource(path)
    for picture, frame in zip(pictures, source, strict=True):
        np.testing.assert_array_equal(frame.counts, picture, strict=True)
        assert frame.bits == 8 * picture.itemsize


def test_the_counts_of_all_frames_share_one_memory(tmp_path: Path) -> None:
    for codec, pictures in ((PNG, flat(4)), ("FFV1", list(noise(4, np.uint16)))):
        path = written(tmp_path / f"{codec.strip()}.avi", pictures, codec=codec)
        addresses = {frame.counts.ctypes.data for frame in VideoSource(path)}
        assert len(addresses) == 1


def test_no_picture_is_allocated_after_the_first_frame(tmp_path: Path) -> None:
    path = written(tmp_path / "a.avi", list(noise(20, np.uint8, 48, 64, 3)), codec="MJPG")
    frames = iter(VideoSource(path))
    next(frames)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        assert sum(1 for _ in frames) == 19
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert peak < 48 * 64


def test_iterating_continues_where_it_stopped(tmp_path: Path) -> None:
    source = VideoSource(written(tmp_path / "a.avi", flat(4)))
    assert next(iter(source)).index == 0
    assert [(f.index, int(f.counts[0, 0])) for f in source] == [(1, 10), (2, 20), (3, 30)]
    assert list(source) == []


def test_closing_ends_the_iteration_and_may_be_done_twice(tmp_path: Path) -> None:
    source = VideoSource(written(tmp_path / "a.avi", flat(4)))
    assert next(iter(source)).index == 0
    source.close()
    source.close()
    assert list(source) == []


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "mp4v"), ("a.avi", "MJPG")])
def test_a_start_frame_is_exact(tmp_path: Path, name: str, codec: str) -> None:
    source = VideoSource(written(tmp_path / name, flat(20), codec=codec), start_frame=13)
    assert source.num_frames == 7
    frames = [(frame.index, round(float(frame.counts.mean()), -1)) for frame in source]
    assert frames == [(number, 10 * number) for number in range(13, 20)]


def test_a_start_frame_keeps_times(tmp_path: Path) -> None:
    source = VideoSource(written(tmp_path / "a.avi", flat(3)), rate_hz=10, start_frame=2)
    assert [frame.timestamp_ns for frame in source] == [200_000_000]


@pytest.mark.parametrize("start", [4, 400])
def test_a_start_frame_past_the_end_is_told_the_end(tmp_path: Path, start: int) -> None:
    with pytest.raises(SourceError, match=f"start at frame {start}: it holds 4 frames") as caught:
        VideoSource(written(tmp_path / "a.avi", flat(4)), start_frame=start)
    assert "0 to 3" in caught.value.remedy


def test_a_video_that_was_cut_off_ends_early_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = written(tmp_path / "a.avi", list(noise(20, np.uint8, 48, 64, 3)), codec="MJPG")
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with caplog.at_level(logging.WARNING):
        source = VideoSource(cut)
        indices = [frame.index for frame in source]
        assert list(source) == []
    assert 5 < len(indices) < 15
    assert [record.getMessage() for record in caplog.records] == [
        f"{cut} ends early: it promises 20 frames, {len(indices)} could be read."
    ]


def stamped(path: Path, stamps: Sequence[int]) -> Path:
    """Write flat pictures at the given periods of 25 Hz."""
    plain = written(path.with_suffix(".mp4"), flat(len(stamps)), codec="mp4v")
    packets = cv2.VideoCapture(str(plain), cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1])
    codec, size = cv2.VideoWriter.fourcc(*"mp4v"), (64, 48)
    raw = [cv2.VIDEOWRITER_PROP_RAW_VIDEO, 1]
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, codec, 25, size, raw)
    assert writer.isOpened()
    for stamp in stamps:
        assert writer.set(cv2.VIDEOWRITER_PROP_PTS, stamp)
        writer.write(packets.read()[1])
    writer.release()
    return path


@pytest.mark.skipif(not hasattr(cv2, "VIDEOWRITER_PROP_PTS"), reason="this OpenCV writes no stamps")
def test_frames_that_are_not_evenly_spaced_keep_their_times(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stamps = [0, 1, 2, 3, 9, 10, 15, 16, 17, 24]
    path = stamped(tmp_path / "a.mkv", stamps)
    with VideoSource(path) as source:
        frames = [(frame.index, frame.timestamp_ns // 10**6) for frame in source]
    assert frames == [(index, 40 * stamp) for index, stamp in enumerate(stamps)]
    assert "some are lost, or its rate varies" in caplog.text
    assert "ends early" not in caplog.text
    with VideoSource(path, start_frame=5) as source:
        assert next(iter(source)).timestamp_ns == 400_000_000
    with VideoSource(path, rate_hz=10) as source:
        assert [frame.timestamp_ns // 10**8 for frame in source] == list(range(10))


def test_a_whole_video_ends_without_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name, codec in (("a.mp4", "mp4v"), ("a.mkv", "FFV1"), ("a.avi", "MJPG")):
        path = written(tmp_path / name, flat(7), codec=codec, rate_hz=8.7)
        assert len(list(VideoSource(path))) == 7
    assert not caplog.records


@pytest.mark.parametrize("channels", [(), (3,)])
def test_every_frame_has_the_size_of_the_first(tmp_path: Path, channels: tuple[int, ...]) -> None:
    path = tmp_path / "a.mjpeg"  # JPEGs one after the other; nothing tells how many
    sizes = [(48, 64), (32, 40), (96, 128)]
    pictures = [np.full((*size, *channels), 50, np.uint8) for size in sizes]
    path.write_bytes(b"".join(cv2.imencode(".jpg", p)[1].tobytes() for p in pictures))
    source = VideoSource(path)
    assert source.num_frames is None
    assert [frame.counts.shape for frame in source] == [(48, 64)] * 3


def test_a_video_without_a_frame_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48)).release()
    with pytest.raises(SourceError, match="has no frame that can be read"):
        VideoSource(path)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.mp4", b"", "is an empty file"),
        ("a.mp4", b"not a video" * 50, "is not a video that can be decoded"),
        ("a.txt", b"1,2,3,4\n", "is not a video that can be decoded"),
        ("1.png", b"\x89PNG", "is a single picture, expected a video"),
    ],
)
def test_what_is_no_video_is_one_clear_error(
    tmp_path: Path, name: str, content: bytes, problem: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SourceError) as caught:
        VideoSource(path)
    assert caught.value.problem.startswith(f"{path} {problem}")


def test_a_single_picture_is_pointed_to_its_folder(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        VideoSource(tmp_path / "000001.png")
    assert str(tmp_path) in caught.value.remedy


def test_a_name_that_is_not_utf_8_is_an_error_and_no_crash(tmp_path: Path) -> None:
    path = written(tmp_path / "a.avi", flat(3)).rename(tmp_path / os.fsdecode(b"w\xe4rme.avi"))
    link = tmp_path / "link.avi"
    link.symlink_to(path)
    for name in (path, link):
        with pytest.raises(SourceError, match="has a name that is not UTF-8"):
            VideoSource(name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"a\.mp4 can't be read: No such file"):
        VideoSource(tmp_path / "a.mp4")


def test_a_name_is_never_taken_for_a_protocol_or_a_pattern(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = written(tmp_path / "a.avi", flat(3))
    for name in ("concat:a.avi", "shot%03d.avi", "-i.avi"):
        Path(name).write_bytes(whole.read_bytes())
        assert len(list(VideoSource(Path(name)))) == 3


@pytest.mark.parametrize(
    ("tag", "bits"),
    [
        (b"Y800", 8),
        (b"Y1\x00\x10", 16),
        (b"\x10\x001Y", 16),  # high byte first
        (b"Y1\x00\x0c", 12),
        (b"I420", None),
        (b"\xff\xff\xff\xff", None),
    ],
)
def test_the_depth_of_grey_is_read_from_its_tag(tag: bytes, bits: int | None) -> None:
    assert stored_bits(tag) == bits


@pytest.mark.parametrize("bits", [10, 12])
def test_counts_that_would_lose_bits_are_refused(tmp_path: Path, bits: int) -> None:
    path = tmp_path / "a.y4m"
    header = f"YUV4MPEG2 W64 H48 F9:1 Ip A1:1 Cmono{bits}\nFRAME\n"
    path.write_bytes(header.encode() + bytes(2 * 64 * 48))
    with pytest.raises(SourceError, match=f"{bits} bits, of which OpenCV delivers 8") as error:
        VideoSource(path)
    assert "gray16le" in error.value.remedy


@pytest.mark.parametrize(
    ("pattern", "size"),
    [("drone_ir/val/*/video.mp4", (320, 256)), ("anti_uav_ir/val/*/video.avi", (640, 512))],
)
def test_a_real_recording_has_one_frame_per_label(pattern: str, size: tuple[int, int]) -> None:
    paths = sorted(SEQUENCES.glob(pattern))
    if not paths:
        pytest.skip("needs the recordings beside the checkout")
    labels = (paths[0].parent / "groundtruth.txt").read_text().splitlines()
    start = len(labels) - 10
    with VideoSource(paths[0], start_frame=start) as source:
        indices = [frame.index for frame in source]
    assert (source.width_px, source.height_px) == size
    assert indices == list(range(start, len(labels)))
