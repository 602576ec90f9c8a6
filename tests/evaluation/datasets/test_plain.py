"""Facts about the plain form."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from thermedge.errors import DatasetError
from thermedge.evaluation import datasets
from thermedge.evaluation.sequences import Recording


def test_a_set_is_named_by_its_last_two_folders(plain: Callable[..., Path]) -> None:
    (sequence,) = datasets.read(plain({"clip": 2})).sequences
    assert (sequence.name, sequence.group) == ("clip", "set/val")


def test_one_sequence_may_be_given_alone(plain: Callable[..., Path]) -> None:
    (sequence,) = datasets.read(plain({"clip": 2, "other": 2}) / "clip").sequences
    assert (sequence.name, sequence.group, len(sequence)) == ("clip", "set/val", 2)


def test_pictures_or_a_video_are_found_beside_the_labels(plain: Callable[..., Path]) -> None:
    folder = plain({"clip": 2})
    assert datasets.read(folder).sequences[0].frames == Recording(folder / "clip")
    for picture in (folder / "clip").glob("*.png"):
        picture.unlink()
    (folder / "clip" / "video.avi").write_bytes(b"not opened here")
    assert datasets.read(folder).sequences[0].frames == Recording(folder / "clip" / "video.avi")


def test_frames_without_a_label_are_kept_as_nan(plain: Callable[..., Path]) -> None:
    folder = plain({"clip": 3})
    (folder / "clip" / "groundtruth.txt").write_text("nan,nan,nan,nan\n1,2,3,4\nnan,nan,nan,nan\n")
    (sequence,) = datasets.read(folder).sequences
    assert sequence.start == 1
    assert np.isnan(sequence.truth[[0, 2]]).all()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda clip: (clip / "groundtruth.txt").write_text(""), "is empty"),
        (lambda clip: [p.unlink() for p in clip.glob("*.png")], "neither a video nor a picture"),
        (
            lambda clip: [(clip / name).write_bytes(b"") for name in ("a.mp4", "b.avi")],
            "holds a.mp4, b.avi, expected one video",
        ),
    ],
)
def test_a_sequence_that_is_not_whole_is_refused(
    plain: Callable[..., Path], change: Callable[[Path], object], complaint: str
) -> None:
    folder = plain({"clip": 2})
    change(folder / "clip")
    with pytest.raises(DatasetError, match=complaint):
        datasets.read(folder)


def test_a_lepton_recording_is_read_in_16_bits(shared: Path) -> None:
    (sequence,) = datasets.read(shared / "recordings" / "lepton_16bit" / "possum_cp").sequences
    assert (sequence.name, sequence.group) == ("possum_cp", "recordings/lepton_16bit")
    with sequence.frames.open(0, 9.0) as frames:
        frame = next(iter(frames))
    assert (frame.counts.dtype, frame.counts.shape) == (np.uint16, (120, 160))
