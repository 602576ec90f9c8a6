"""Facts about recording: every count and decision, a bound on the disk, and no waiting."""

import json
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from thermedge.errors import SinkError
from thermedge.events import Event
from thermedge.frame import Frame, Kelvin
from thermedge.geometry import Box
from thermedge.runtime.recording import Quota, RecordingSink, parse_record
from thermedge.runtime.recording_files import SegmentWriter
from thermedge.runtime.sources.replay import ReplaySource
from thermedge.runtime.track import NO_BOX, Track

BOX = Box(1.25, 2.5, 30.000000001, 4)
RNG = np.random.default_rng(3)


def frame(index, *, size=(48, 64), **changes):
    counts = RNG.integers(0, 65535, size, np.uint16)
    return Frame(counts, index, 10**9 + index * 33_333_333, **changes)


def track(of, state="tracking", **changes):
    box = NO_BOX if state == "idle" else BOX
    return Track(box, 0.75, state, of.index, of.timestamp_ns, 0, {}, **changes)


def recorder(folder, *, is_live=False, most_bytes=10**9, segment_s=60.0):
    quota = Quota(most_bytes=most_bytes, segment_s=segment_s)
    return closing(
        RecordingSink(folder, quota=quota, source="test:", rate_hz=30.0, is_live=is_live)
    )


def replayed(folder):
    """Everything that a recording delivers, pictures copied."""
    with ReplaySource(folder) as source:
        return [
            (
                replace(
                    seen,
                    counts=seen.counts.copy(),
                    visible=None if seen.visible is None else seen.visible.copy(),
                ),
                source.record,
            )
            for seen in source
        ]


def same(one, other):
    plain = replace(one, counts=None, visible=None) == replace(other, counts=None, visible=None)
    is_bare = one.visible is None and other.visible is None
    pictures = np.array_equal(one.counts, other.counts) and one.counts.dtype == other.counts.dtype
    return plain and pictures and (is_bare or np.array_equal(one.visible, other.visible))


def test_a_frame_comes_back_with_all_that_it_said(tmp_path):
    events = (Event("range_changed", 12, 3, 'High "gain" → low.'),)
    visible = RNG.integers(0, 255, (96, 128), np.uint8)
    frames = [
        frame(3, bits=14),
        frame(4, kelvin=Kelvin(0.01, -1 / 3), shutter="imminent", sensor_c=31.4159265358979),
        frame(7, shutter="closed", events=events),
        frame(8, visible=visible),
        frame(9),
        frame(10, visible=visible[::-1].copy()),
    ]
    with recorder(tmp_path) as sink:
        for seen in frames:
            sink.write(seen, track(seen))
    found = [seen for seen, _ in replayed(tmp_path)]
    assert len(found) == len(frames)
    assert all(same(one, other) for one, other in zip(frames, found, strict=True))


def test_eight_bit_frames_and_strided_views_come_back(tmp_path):
    counts = RNG.integers(0, 255, (96, 128), np.uint8)[::2, ::2]
    with recorder(tmp_path) as sink:
        seen = Frame(counts, 0, 0, bits=8)
        sink.write(seen, track(seen))
    assert same(replayed(tmp_path)[0][0], seen)


def test_decisions_are_recorded_to_the_last_digit(tmp_path):
    with recorder(tmp_path) as sink:
        for index, state in enumerate(("idle", "tracking", "tracking", "idle")):
            seen = frame(index)
            start, confidence = (BOX, 1 / 3) if index == 1 else (None, None)
            sink.write(seen, track(seen, state, start=start, confidence=confidence))
    records = [record for _, record in replayed(tmp_path)]
    assert [record.state for record in records] == ["idle", "tracking", "tracking", "idle"]
    assert [record.start for record in records] == [None, BOX, None, None]
    assert [record.box for record in records] == [None, BOX, BOX, None]
    assert records[1].score == 0.75
    assert [record.confidence for record in records] == [None, 1 / 3, None, None]


def test_another_size_of_frames_begins_another_file(tmp_path):
    frames = [frame(0), frame(1, size=(24, 32)), frame(2)]
    with recorder(tmp_path) as sink:
        for seen in frames:
            sink.write(seen, track(seen))
    found = [seen for seen, _ in replayed(tmp_path)]
    assert all(same(one, other) for one, other in zip(frames, found, strict=True))
    assert len(list(tmp_path.rglob("*.frames"))) == 3


def test_every_run_has_a_folder_of_its_own(tmp_path):
    for _ in range(2):
        with recorder(tmp_path / "rec") as sink:
            seen = frame(0)
            sink.write(seen, track(seen))
    assert sorted(path.name for path in (tmp_path / "rec").iterdir()) == ["run-0001", "run-0002"]
    header = json.loads((tmp_path / "rec" / "run-0002" / "recording.json").read_text())
    assert (header["format"], header["source"], header["rate_hz"]) == (1, "test:", 30.0)


def used_bytes(folder):
    """Return what recordings take; the writer may delete files and folders while this looks."""
    while True:
        with suppress(FileNotFoundError):
            return sum(path.stat().st_size for path in folder.rglob("*.frames"))


def test_the_quota_holds_over_all_runs_and_the_newest_frames_stay(tmp_path):
    size, most = 200_000, 2_000_000
    for run in range(2):
        with recorder(tmp_path, most_bytes=most) as sink:
            for index in range(25):
                seen = frame(100 * run + index, size=(250, 400))
                sink.write(seen, track(seen))
                assert used_bytes(tmp_path) <= most
    assert [path.name for path in tmp_path.iterdir()] == ["run-0002"]
    found = [seen.index for seen, _ in replayed(tmp_path)]
    assert found == list(range(found[0], 125))
    assert len(found) >= 0.7 * most / size


def test_files_are_as_long_as_asked(tmp_path):
    with recorder(tmp_path, segment_s=0.05) as sink:
        for index in range(12):
            seen = frame(index)
            sink.write(seen, track(seen))
            time.sleep(0.02)
    files = list(tmp_path.rglob("*.frames"))
    assert 3 <= len(files) <= 8
    assert [seen.index for seen, _ in replayed(tmp_path)] == list(range(12))


@contextmanager
def disk_full_beyond(size):
    """Refuse files that grow beyond `size` bytes, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("is_live", [True, False])
def test_a_full_disk_ends_the_recording_once_and_nothing_else(tmp_path, caplog, is_live):
    with disk_full_beyond(50_000), recorder(tmp_path, is_live=is_live) as sink:
        for index in range(300):
            seen = frame(index)
            sink.write(seen, track(seen))
            time.sleep(0.0005)
    told = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(told) == 1
    assert "recording ended after 8 frames: File too large; tracking goes on" in told[0]
    assert [seen.index for seen, _ in replayed(tmp_path)] == list(range(8))
    assert sink.has_failed
    assert sink.faults == {"frames not recorded": 292}
    opened = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
    assert not any(path.startswith(str(tmp_path)) for path in opened)


class SlowDisk:
    """Stops the writing thread at its first frame until it may go on."""

    def __init__(self, monkeypatch):
        self.go_on = threading.Event()
        append = SegmentWriter.append

        def slow(writer, *arguments):
            self.go_on.wait(20)
            append(writer, *arguments)

        monkeypatch.setattr(SegmentWriter, "append", slow)
        monkeypatch.setattr("thermedge.runtime.recording._WAITING_BYTES", 0)  # eight frames


def test_a_disk_too_slow_for_a_camera_costs_frames_that_are_counted_and_told(
    tmp_path, monkeypatch, caplog
):
    disk = SlowDisk(monkeypatch)
    with recorder(tmp_path, is_live=True) as sink:
        for index in range(20):
            seen = frame(index)
            began = time.perf_counter()
            sink.write(seen, track(seen))
            assert time.perf_counter() - began < 0.5
        disk.go_on.set()
        deadline = time.monotonic() + 20
        while sink._work.qsize():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(0.05)
        seen = frame(20)
        sink.write(seen, track(seen))
        assert sink.faults == {"frames not recorded": 12}
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert told == [
        "frame 8: the disk is too slow; frames are left out",
        "frame 20: recorded again; 12 are missing",
    ]
    found = replayed(tmp_path)
    assert [seen.index for seen, _ in found] == [*range(8), 20]
    assert found[-1][1].missing == 12


def test_a_source_that_can_wait_waits_for_the_disk(tmp_path, monkeypatch):
    disk = SlowDisk(monkeypatch)
    threading.Timer(0.3, disk.go_on.set).start()
    with recorder(tmp_path, is_live=False) as sink:
        for index in range(20):
            seen = frame(index)
            sink.write(seen, track(seen))
    assert sink.faults == {"frames not recorded": 0}
    assert len(replayed(tmp_path)) == 20


def test_a_killed_process_loses_no_more_than_a_second(tmp_path):
    code = f"""
import sys, time
import numpy as np
from pathlib import Path
from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.runtime.recording import Quota, RecordingSink
from thermedge.runtime.track import Track
sink = RecordingSink(Path({str(tmp_path)!r}), quota=Quota(), source="", rate_hz=30, is_live=True)
for index in range(10**6):
    frame = Frame(np.full((120, 160), index, np.uint16), index, time.monotonic_ns())
    sink.write(frame, Track(Box(1, 2, 3, 4), 1.0, "tracking", index, 0, 0, {{}}))
    print(index, flush=True)
    time.sleep(0.002)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    while (last := int(process.stdout.readline())) < 200:
        pass
    os.kill(process.pid, signal.SIGKILL)
    rest = process.communicate()[0].split()
    last = int(rest[-1]) if rest else last
    found = [seen for seen, _ in replayed(tmp_path)]
    assert [seen.index for seen in found] == list(range(len(found)))
    assert all(np.all(seen.counts == seen.index) for seen in found)
    stamps = {seen.index: seen.timestamp_ns for seen in found}
    assert last - found[-1].index < 1.0 / 0.002
    assert len(stamps) > 100


def test_an_unwritable_folder_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="can't hold a recording"):
        recorder(tmp_path / "file" / "rec")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rec", (Path("rec"), Quota())),
        ("rec?max=8G", (Path("rec"), Quota(most_bytes=8 * 10**9))),
        ("rec?max=20.5M&rotate=5m", (Path("rec"), Quota(most_bytes=20_500_000, segment_s=300))),
        ("a/b?rotate=30", (Path("a/b"), Quota(segment_s=30))),
    ],
)
def test_what_record_means(text, expected):
    assert parse_record(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "?max=2G", "rec?", "rec?size=3", "rec?max", "rec?max=", "rec?max=two"),
        *("rec?max=-2G", "rec?max=2X", "rec?max=100", "rec?max=nan", "rec?rotate=0"),
        "rec?rotate=5d",
    ],
)
def test_what_record_can_t_mean_is_an_error(text):
    with pytest.raises(SinkError, match="--record"):
        parse_record(text)


def test_writing_takes_no_time_of_the_loop_worth_mentioning(tmp_path, caplog):
    caplog.set_level(logging.ERROR)
    times = []
    with recorder(tmp_path) as sink:
        seen = frame(0, size=(512, 640))
        for _ in range(60):
            began = time.thread_time()
            sink.write(seen, track(seen))
            times.append(time.thread_time() - began)
            time.sleep(0.005)
    assert np.median(times) < 0.002
