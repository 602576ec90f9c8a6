"""Facts about VOT's form."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from thermedge.errors import DatasetError
from thermedge.evaluation import datasets

Write = Callable[..., Path]
POLYGON = "4,4,12,4,12,10,4,10"


@pytest.mark.parametrize("channel", ["", "color", "ir"])
def test_pictures_lie_beside_the_labels_or_in_a_channel(
    tmp_path: Path, pictures: Write, label: Write, channel: str
) -> None:
    label(tmp_path / "list.txt", "birds", "")
    pictures(tmp_path / "birds" / channel, 2, "{:08d}.png")
    label(tmp_path / "birds" / "groundtruth.txt", "4,4,8,6", "4,4,8,6")
    label(tmp_path / "birds" / "occlusion.tag", "0", "1")
    label(tmp_path / "birds" / "empty.tag", "0", "0")
    data = datasets.read(tmp_path)
    (sequence,) = data.sequences
    assert (data.layout.name, data.layout.protocol) == ("vot", "vot_reset")
    assert sequence.polygons is None
    assert sequence.attributes == ("occlusion",)
    with sequence.frames.open(0, None) as frames:
        assert len(list(frames)) == 2


def test_polygons_are_kept_beside_the_boxes_around_them(
    tmp_path: Path, pictures: Write, label: Write
) -> None:
    label(tmp_path / "list.txt", "birds")
    pictures(tmp_path / "birds", 1)
    label(tmp_path / "birds" / "groundtruth.txt", POLYGON)
    (sequence,) = datasets.read(tmp_path).sequences
    assert sequence.truth.tolist() == [[4, 4, 8, 6]]
    assert sequence.polygons is not None
    np.testing.assert_array_equal(sequence.polygons[0], [float(v) for v in POLYGON.split(",")])


def test_2015_does_not_cut_boxes_to_the_frame(
    tmp_path: Path, pictures: Write, label: Write
) -> None:
    label(tmp_path / "list.txt", "birds")
    pictures(tmp_path / "birds", 1)
    label(tmp_path / "birds" / "groundtruth.txt", POLYGON)
    bounded = {
        layout: datasets.read(tmp_path, layout).layout.conventions.bounded
        for layout in ("auto", "vot_tir2015")
    }
    assert bounded == {"auto": True, "vot_tir2015": False}


def test_a_listed_sequence_that_is_missing_is_named(
    tmp_path: Path, pictures: Write, label: Write
) -> None:
    label(tmp_path / "list.txt", "birds", "boxing")
    pictures(tmp_path / "birds", 1)
    label(tmp_path / "birds" / "groundtruth.txt", POLYGON)
    with pytest.raises(DatasetError, match=r"lists 'boxing', which is not there; .* birds/"):
        datasets.read(tmp_path)
