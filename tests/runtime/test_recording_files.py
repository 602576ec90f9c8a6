"""Facts about the files of a recording: order, room, and what is left of half a frame."""

import json

import numpy as np
import pytest

from thermedge.frame import Frame
from thermedge.runtime.recording_files import (
    FORMAT,
    RunHeader,
    SegmentHeader,
    SegmentWriter,
    runs_of,
    segments_of,
)

HEADER = RunHeader(FORMAT, "thermedge", "test:", 30.0, "2026-01-01T00:00:00+00:00")


def writer(root, *, most_bytes=10**9, segment_s=60.0):
    return SegmentWriter(root, HEADER, most_bytes=most_bytes, segment_s=segment_s)


def frame(size=(48, 64), visible=None):
    return Frame(np.ones(size, np.uint16), 0, 0, visible=visible)


def append(files, seen):
    files.begin(seen)
    visible = None if seen.visible is None else seen.visible.data
    files.append(b"{}\n", seen.counts.data, visible)


def test_a_segment_holds_raw_counts_that_numpy_reads_at_once(tmp_path):
    files = writer(tmp_path)
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 65535, (48, 64), np.uint16) for _ in range(3)]
    for counts in frames:
        append(files, Frame(counts, 0, 0))
    files.close()
    files.close()
    (segment,) = segments_of(tmp_path)
    raw = np.memmap(segment.with_suffix(".frames"), "<u2", "r").reshape(-1, 48, 64)
    assert np.array_equal(raw, frames)
    first = json.loads(segment.with_suffix(".jsonl").read_text().splitlines()[0])
    assert first == {"width_px": 64, "height_px": 48, "dtype": "<u2", "visible_px": []}


def test_runs_and_segments_are_in_the_order_they_were_made(tmp_path):
    for _ in range(2):
        files = writer(tmp_path, segment_s=-1)
        for _ in range(12):
            append(files, frame())
        files.close()
    (tmp_path / "run-0001").rename(tmp_path / "run-9999")
    third = writer(tmp_path)
    third.close()
    assert [run.name for run in runs_of(tmp_path)] == ["run-0002", "run-9999", "run-10000"]
    assert [path.name for path in segments_of(tmp_path)][:12] == [f"{n:06d}" for n in range(12)]


def test_folders_that_are_no_runs_are_left_alone(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "recording.json").write_text("{}")
    (tmp_path / "run-0007").mkdir()  # without a header
    (tmp_path / "run-0007" / "000000.frames").write_bytes(bytes(10**6))
    files = writer(tmp_path, most_bytes=20_000)
    for _ in range(10):
        append(files, frame())
    files.close()
    assert files.folder.name == "run-0008"
    assert (tmp_path / "run-0007" / "000000.frames").exists()


def test_a_run_whose_frames_are_all_gone_goes_too_unless_it_holds_other_files(tmp_path):
    for _ in range(2):
        first = writer(tmp_path)
        append(first, frame())
        first.close()
    (tmp_path / "run-0001" / "note.txt").write_text("mine")
    files = writer(tmp_path, most_bytes=20_000)
    for _ in range(20):
        append(files, frame())
    assert files.num_removed > 2
    files.close()
    assert (tmp_path / "run-0001" / "note.txt").exists()
    assert not (tmp_path / "run-0002").exists()


def test_two_trackers_in_one_folder_share_its_room_and_leave_each_other_alone(tmp_path):
    one = writer(tmp_path, most_bytes=200_000)
    for _ in range(60):
        append(one, frame())
    other = writer(tmp_path, most_bytes=200_000)
    for _ in range(60):
        append(other, frame())
        append(one, frame())
    for files in (one, other):
        held = sum(path.stat().st_size for path in files.folder.iterdir())
        assert 80_000 < held <= 100_000
    one.close()
    for _ in range(40):
        append(other, frame())
    other.close()
    assert not one.folder.exists()  # nobody writes it any more: it is the oldest


def test_a_frame_that_does_not_go_in_whole_is_cut_off(tmp_path, monkeypatch):
    import os

    files = writer(tmp_path)
    append(files, frame())
    write, room = os.write, [1000]

    def nearly_full(descriptor, data):
        if not room[0]:
            raise OSError(28, "No space left on device")
        part = bytes(data)[: room[0]]
        room[0] -= len(part)
        return write(descriptor, part)

    monkeypatch.setattr("thermedge.runtime.recording_files.os.write", nearly_full)
    with pytest.raises(OSError, match="No space left"):
        append(files, frame())
    monkeypatch.undo()
    files.close()
    (segment,) = segments_of(tmp_path)
    assert segment.with_suffix(".frames").stat().st_size == 48 * 64 * 2
    assert segment.with_suffix(".jsonl").read_text().count("\n") == 2


@pytest.mark.parametrize(
    ("before", "after", "fits"),
    [
        (frame(), frame(), True),
        (frame(), frame((24, 64)), False),
        (frame(), frame(visible=np.ones((9, 9), np.uint8)), False),
        (frame(visible=np.ones((9, 9), np.uint8)), frame(), True),
        (frame(visible=np.ones((9, 9), np.uint8)), frame(visible=np.ones((8, 9), np.uint8)), False),
        (frame(), Frame(np.ones((48, 64), np.uint8), 0, 0), False),
    ],
)
def test_frames_of_one_kind_share_a_segment(before, after, fits):
    assert SegmentHeader.of(before).fits(SegmentHeader.of(after)) is fits
