"""Facts about replaying: the same boxes, and what is left of a damaged recording."""

import errno
import io
import json
import shutil
import zlib
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thermedge import bundle
from thermedge.bundles import find
from thermedge.errors import SourceError
from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.manifest import ConfidenceSpec
from thermedge.runtime.control import Asked, Start, Stop
from thermedge.runtime.loop import follow
from thermedge.runtime.recording import Quota, RecordingSink
from thermedge.runtime.sources import open_source
from thermedge.runtime.sources.replay import ReplaySource
from thermedge.runtime.track import Track
from thermedge.runtime.tracker import open_tracker

BOX = Box(1, 2, 3, 4)
SURENESS = ConfidenceSpec(
    knots=((0.1, 0.2), (0.9, 0.95)),
    coasting=0.3,
    clips=2,
    frames=200,
    error_before=0.2,
    error_after=0.1,
    source="a test",
)


def recording(folder, *, is_live=False):
    return RecordingSink(folder, quota=Quota(), source="test:", rate_hz=30.0, is_live=is_live)


class Kept:
    """A sink that keeps every track."""

    def __init__(self):
        self.tracks = []

    def write(self, frame, track):
        self.tracks.append(track)

    def close(self):
        pass


class Changes:
    """Orders of a run whose target is let go and chosen anew."""

    def __init__(self, source):
        self.source = source

    def take(self, frame):
        if frame.index == 12:
            return [Asked(Stop())]
        if frame.index in (20, 31):
            return [Asked(Start(self.source.truth(frame.index)))]
        return []


def decided(track):
    """What must be the same in a replay: all but the times."""
    box = None if track.state == "idle" else tuple(track.box)
    numbers = (box, track.score, track.confidence)
    return (track.frame_index, track.timestamp_ns, *numbers, track.state, track.dropped)


def test_a_replay_of_a_camera_that_dropped_frames_gives_the_same_boxes_bit_for_bit(tmp_path):
    shipped = bundle.read(find("default"))
    shipped = replace(shipped, manifest=replace(shipped.manifest, confidence=SURENESS))
    first, second = Kept(), Kept()
    with (
        open_source("synthetic:frames=45,seed=5,realtime=1,rate=60,bits=14,size=160x120") as source,
        open_tracker(shipped) as tracker,
        closing(recording(tmp_path, is_live=True)) as sink,
    ):
        follow(
            source,
            tracker,
            source.start_box,
            sinks=lambda frame: [first, sink],
            orders=[Changes(source)],
        )
        assert sink.faults == {"frames not recorded": 0}
    with open_source(tmp_path) as source, open_tracker(shipped) as tracker:
        assert isinstance(source, ReplaySource)
        follow(source, tracker, None, sinks=lambda frame: [second], orders=[source])
    assert len(first.tracks) > 5
    assert any(track.confidence is not None for track in first.tracks)
    assert [decided(track) for track in first.tracks] == [decided(t) for t in second.tracks]
    assert [t.start for t in first.tracks] == [t.start for t in second.tracks]
    assert [t.events for t in first.tracks] == [t.events for t in second.tracks]


@pytest.fixture(scope="module")
def ten(tmp_path_factory):
    """Ten frames; the track starts on the third, and the target is let go on the eighth."""
    folder = tmp_path_factory.mktemp("ten")
    with closing(recording(folder)) as sink:
        for index in range(10):
            frame = Frame(np.full((12, 16), 100 + index, np.uint16), index, index * 10**7)
            state = "tracking" if 2 <= index < 7 else "idle"
            start = BOX if index == 2 else None
            sink.write(frame, Track(BOX, 1.0, state, index, 0, 0, {}, start=start))
    return folder / "run-0001"


@pytest.fixture
def copy(ten, tmp_path):
    return Path(shutil.copytree(ten, tmp_path / "run-0001"))


def seen_and_asked(folder, **options):
    with ReplaySource(folder, **options) as source:
        found = [(int(frame.counts[0, 0]) - 100, source.take(frame)) for frame in source]
        return [index for index, _ in found], {i: asked[0].order for i, asked in found if asked}


def test_orders_come_on_the_frames_they_were_carried_out_on(ten):
    indices, orders = seen_and_asked(ten)
    assert indices == list(range(10))
    assert orders == {2: Start(BOX), 7: Stop()}


def test_a_replay_can_begin_later_and_starts_from_the_recorded_box(ten, caplog):
    indices, orders = seen_and_asked(ten, start_frame=4)
    assert indices == list(range(4, 10))
    assert orders == {4: Start(BOX), 7: Stop()}
    assert "boxes will differ" in caplog.text


def test_a_recording_whose_beginning_made_room_starts_from_the_recorded_box(copy, caplog):
    lines = (copy / "000000.jsonl").read_text().splitlines(keepends=True)
    (copy / "000000.jsonl").write_text("".join([lines[0], *lines[5:]]))
    indices, orders = seen_and_asked(copy)
    assert indices == list(range(4, 10))
    assert orders == {4: Start(BOX), 7: Stop()}


def test_the_folder_of_a_single_run_stands_for_it(ten):
    with ReplaySource(ten.parent) as source:
        assert (source.width_px, source.height_px, source.rate_hz) == (16, 12, 30.0)
        assert (source.num_frames, source.live) == (10, False)


def test_of_several_runs_one_must_be_named(ten, tmp_path):
    for number in (1, 2):
        shutil.copytree(ten, tmp_path / f"run-000{number}")
    with pytest.raises(SourceError, match="holds 2 runs, from run-0001 to run-0002"):
        ReplaySource(tmp_path)
    assert len(seen_and_asked(tmp_path / "run-0002")[0]) == 10


@settings(max_examples=60)
@given(name=st.sampled_from(["000000.frames", "000000.jsonl"]), share=st.floats(0, 1))
def test_a_recording_cut_off_anywhere_is_read_up_to_there(ten, tmp_path_factory, name, share):
    folder = Path(shutil.copytree(ten, tmp_path_factory.mktemp("cut") / "run-0001"))
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(share * len(content))])
    try:
        indices, _ = seen_and_asked(folder)
    except SourceError:
        assert name == "000000.jsonl"
    else:
        assert indices == list(range(len(indices)))
        if name == "000000.frames":
            assert len(indices) == int(share * len(content)) // (12 * 16 * 2)


@settings(max_examples=150)
@given(data=st.data())
def test_flipped_bytes_cost_the_frames_they_are_in_and_no_more(ten, tmp_path_factory, data):
    folder = Path(shutil.copytree(ten, tmp_path_factory.mktemp("flip") / "run-0001"))
    name = data.draw(st.sampled_from(["000000.frames", "000000.jsonl", "recording.json"]))
    content = bytearray((folder / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (folder / name).write_bytes(content)
    try:
        indices, _ = seen_and_asked(folder)
    except SourceError:
        assert name != "000000.frames"
    else:
        assert indices == sorted(set(indices) & set(range(10)))
        assert len(indices) >= 4  # a lost line feed costs two frames


def test_what_can_t_be_read_is_counted_and_told(copy, caplog):
    frames = bytearray((copy / "000000.frames").read_bytes())
    frames[12 * 16 * 2 * 3 + 5] ^= 1
    (copy / "000000.frames").write_bytes(frames[:-7])
    with ReplaySource(copy) as source:
        indices = [frame.index for frame in source]
        assert source.faults == {"frames unreadable": 2}
    assert indices == [0, 1, 2, 4, 5, 6, 7, 8]
    assert "2 frames can't be read" in caplog.text


def test_a_lost_file_costs_its_segment(copy):
    for suffix in (".frames", ".jsonl"):
        shutil.copy(copy / f"000000{suffix}", copy / f"000001{suffix}")
    (copy / "000000.frames").unlink()
    with ReplaySource(copy) as source:
        assert len(list(source)) == 10
        assert source.faults == {"segments unreadable": 1}


def test_a_segment_that_makes_room_while_it_is_replayed_costs_no_other(copy, caplog):
    for suffix in (".frames", ".jsonl"):
        shutil.copy(copy / f"000000{suffix}", copy / f"000001{suffix}")
    with ReplaySource(copy) as source:
        for suffix in (".frames", ".jsonl"):
            (copy / f"000000{suffix}").unlink()
        assert len(list(source)) == 10
        assert source.faults == {"segments unreadable": 1}
    assert "No such file" in caplog.text


def test_a_block_that_the_disk_refuses_costs_its_frame_alone(copy, monkeypatch):
    class Damaged(io.FileIO):
        def readinto(self, buffer):
            if self.tell() == 3 * len(buffer):
                raise OSError(errno.EIO, "Input/output error")
            return super().readinto(buffer)

    def opened(path, mode, *more, **options):
        if path.suffix == ".frames":
            return Damaged(path)
        return io.open(path, mode, *more, **options)  # noqa: UP020 - Path.open is replaced

    monkeypatch.setattr(Path, "open", opened)
    with ReplaySource(copy) as source:
        assert [frame.index for frame in source] == [0, 1, 2, 4, 5, 6, 7, 8, 9]
        assert source.faults == {"frames unreadable": 1}


def test_frames_that_were_not_recorded_are_told(copy):
    lines = (copy / "000000.jsonl").read_text().splitlines()
    head, _, crc = lines[3].replace('"missing":0', '"missing":5').rpartition(',"crc":')
    counts = np.full((12, 16), 102, np.uint16)
    lines[3] = f'{head},"crc":{zlib.crc32(counts.data, zlib.crc32(head.encode()))}}}'
    (copy / "000000.jsonl").write_text("\n".join(lines) + "\n")
    with ReplaySource(copy) as source:
        assert len(list(source)) == 10
        assert source.faults == {"frames not recorded": 5}


def test_a_recording_from_before_there_was_confidence_is_read(copy):
    lines = (copy / "000000.jsonl").read_text().splitlines()
    for index, line in enumerate(lines[1:]):
        head, _, _ = line.replace(',"confidence":null', "").rpartition(',"crc":')
        counts = np.full((12, 16), 100 + index, np.uint16)
        lines[1 + index] = f'{head},"crc":{zlib.crc32(counts.data, zlib.crc32(head.encode()))}}}'
    (copy / "000000.jsonl").write_text("\n".join(lines) + "\n")
    assert '"confidence"' not in (copy / "000000.jsonl").read_text()
    with ReplaySource(copy) as source:
        assert [source.record.confidence for _ in source] == [None] * 10


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": 2}, "has format 2"),
        ({"rate_hz": 0.0}, "0 Hz"),
        ({"color": "red"}, "color"),
        ({"format": "x"}, "format"),
    ],
)
def test_a_header_of_another_kind_is_an_error(copy, change, told):
    path = copy / "recording.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(SourceError, match=told):
        ReplaySource(copy)


@pytest.mark.parametrize(
    "change",
    [{"width_px": 10**9}, {"height_px": 0}, {"dtype": "O"}, {"visible_px": [3]}],
)
def test_a_segment_that_promises_the_impossible_is_not_read(copy, change):
    path = copy / "000000.jsonl"
    header, *lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([json.dumps(json.loads(header) | change) + "\n", *lines]))
    with pytest.raises(SourceError, match="holds no frame"):
        ReplaySource(copy)


def test_a_start_beyond_the_end_is_an_error(ten):
    with pytest.raises(SourceError, match="can't start at frame 10: it holds 10 frames"):
        ReplaySource(ten, start_frame=10)


def test_closing_ends_the_frames(ten):
    source = ReplaySource(ten)
    frames = iter(source)
    next(frames)
    source.close()
    assert list(frames) == []


def test_a_recording_has_time_stamps_of_its_own_and_takes_no_rate(ten):
    with pytest.raises(SourceError, match="time stamps of its own"):
        open_source(f"{ten}?rate=9")


def test_a_folder_of_pictures_is_no_recording(tmp_path):
    with pytest.raises(SourceError) as caught:
        open_source(tmp_path)
    assert "recording" not in caught.value.problem


def test_a_replay_is_recorded_like_any_run(ten, tmp_path):
    with ReplaySource(ten) as source, closing(recording(tmp_path)) as sink:
        for frame in source:
            again = replace(frame, index=frame.index)
            sink.write(again, Track(BOX, 1.0, "tracking", frame.index, 0, 0, {}))
    frames = (tmp_path / "run-0001" / "000000.frames").read_bytes()
    assert frames == (ten / "000000.frames").read_bytes()
