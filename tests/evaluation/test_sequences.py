"""Facts about sequences."""

import math
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from thermedge.evaluation.sequences import Recording, Sequence, frame_size
from thermedge.geometry import Box

NAN = (math.nan,) * 4


def test_a_track_can_start_on_the_first_box_with_an_area(
    make_sequence: Callable[..., Sequence],
) -> None:
    assert make_sequence([NAN, (0, 0, 0, 0), (3, 4, 5, 6)]).start == 2
    assert make_sequence([NAN, NAN]).start is None


def test_boxes_for_the_tracker_count_from_the_frames_corner(
    make_sequence: Callable[..., Sequence],
) -> None:
    assert make_sequence([(3, 4, 5, 6)]).box(0) == Box(3, 4, 5, 6)
    assert make_sequence([(3, 4, 5, 6)], origin_px=1.0).box(0) == Box(2, 3, 5, 6)


def test_the_digest_follows_the_labels(make_sequence: Callable[..., Sequence]) -> None:
    one, same = make_sequence([(3, 4, 5, 6)]), make_sequence([(3, 4, 5, 6)], name="other")
    assert one.digest == same.digest
    assert make_sequence([(3, 4, 5, 7)]).digest != one.digest


def test_a_recording_is_opened_anywhere_and_at_any_rate(
    tmp_path: Path, pictures: Callable[..., Path]
) -> None:
    folder = pictures(tmp_path / "clip", 5)
    recording = pickle.loads(pickle.dumps(Recording(folder, first=1)))
    with recording.open(2) as frames:
        assert frames.rate_hz == 30
        assert [int(frame.counts[0, 0]) for frame in frames] == [4, 5]
    with recording.open(0, 8.5) as frames:
        assert frames.rate_hz == 8.5
    with Recording(folder, rate_hz=9.0).open() as frames:
        assert frames.rate_hz == 9


def test_the_frame_size_is_as_labelled_or_as_recorded(
    make_sequence: Callable[..., Sequence],
) -> None:
    assert frame_size(make_sequence([NAN], frame_px=(640, 512))) == (640, 512)
    assert frame_size(make_sequence([NAN])) == (64, 48)


def test_the_frame_size_is_told_by_the_first_frame_that_a_tracker_sees(
    tmp_path: Path, pictures: Callable[..., Path], make_sequence: Callable[..., Sequence]
) -> None:
    folder = pictures(tmp_path / "clip", 3)
    (folder / "0001.png").write_bytes(b"no picture")
    late = make_sequence([NAN, (3, 4, 5, 6), (3, 4, 5, 6)])
    assert frame_size(replace(late, frames=Recording(folder))) == (32, 24)
