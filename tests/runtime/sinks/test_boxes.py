"""Facts about results as bare boxes."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.runtime.sinks.boxes import open_boxes
from thermedge.runtime.track import Track


def test_each_frame_is_four_numbers_and_nothing_else(
    tmp_path: Path, frame: Frame, track: Track
) -> None:
    sink = open_boxes(tmp_path / "a.txt")
    sink.write(frame, track)
    sink.write(frame, replace(track, box=Box(-3.5, 0, 1, 2), state="lost"))
    sink.close()
    assert (tmp_path / "a.txt").read_text() == (
        "12.3457,20.5000,9.8765,7.0000\n-3.5000,0.0000,1.0000,2.0000\n"
    )


def test_the_smallest_targets_keep_their_overlap(
    tmp_path: Path, frame: Frame, track: Track
) -> None:
    rng = np.random.default_rng(0)
    boxes = [Box(*row) for row in rng.uniform((0, 0, 3, 3), (640, 512, 9, 9), (50, 4)).tolist()]
    sink = open_boxes(tmp_path / "a.txt")
    for box in boxes:
        sink.write(frame, replace(track, box=box))
    sink.close()
    again = np.loadtxt(tmp_path / "a.txt", delimiter=",")
    overlaps = [box.iou(Box(*row)) for box, row in zip(boxes, again.tolist(), strict=True)]
    assert min(overlaps) > 0.9999
