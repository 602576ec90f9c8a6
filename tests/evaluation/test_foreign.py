"""Facts about the result files of other toolkits."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from thermedge.errors import DatasetError, ThermedgeError
from thermedge.evaluation import foreign
from thermedge.evaluation.foreign import Foreign
from thermedge.evaluation.sequences import Sequence

Make = Callable[..., Sequence]
BOX = (10.0, 8.0, 4.0, 6.0)
NAN = (math.nan,) * 4


@pytest.fixture
def sequence(make_sequence: Make) -> Sequence:
    return make_sequence([BOX] * 3)


def put(root: Path, name: str, text: str) -> Foreign:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return Foreign("dimp", root)


ROWS = {
    "commas": "10,8,4,6\n" * 3,
    "tabs": "10.0\t8.0\t4.0\t6.0\n" * 3,
    "blanks": "1.0e+01 8 4 6\n" * 3,
    "corners": "10,8,14,8,14,14,10,14\n" * 3,
    "json": '{"res": [[10, 8, 4, 6], [10, 8, 4, 6], [10.0, 8, 4, 6]]}',
}


@pytest.mark.parametrize("text", ROWS.values(), ids=ROWS)
@pytest.mark.parametrize(
    "name",
    [
        "clip.txt",
        "clip/clip_001.txt",
        "dimp_clip.txt",
        "clip_IR.txt",
        "clip.json",
        "made_up/clip.txt",
        "baseline/clip/clip_001.txt",
    ],
)
def test_boxes_are_found_wherever_a_toolkit_puts_them(
    tmp_path: Path, sequence: Sequence, name: str, text: str
) -> None:
    result, note = put(tmp_path, name, text).load(sequence)
    assert note == ""
    assert result is not None
    assert result.boxes.tolist() == [list(BOX)] * 3
    assert {row.event for row in result.rows} == {"tracked"}
    assert len(result.update_ms) == 0


def test_got10ks_times_are_read_in_seconds(tmp_path: Path, sequence: Sequence) -> None:
    put(tmp_path, "clip/clip_time.txt", "0.5,0.9\n0.002,0.9\n0.004,0.9\n")
    result, _ = put(tmp_path, "clip/clip_001.txt", ROWS["commas"]).load(sequence)
    assert result is not None
    assert [row.ms for row in result.rows] == [500, 2, 4]


def test_a_long_file_is_cut_and_said_so(tmp_path: Path, sequence: Sequence) -> None:
    result, note = put(tmp_path, "clip.txt", "10,8,4,6\n" * 5).load(sequence)
    assert result is not None
    assert len(result.rows) == 3
    assert note.endswith("clip.txt has 5 boxes for 3 frames: the rest is cut")


@pytest.mark.parametrize("text", ["10,8,4,6\n", ""])
def test_a_short_file_misses_the_rest_and_says_so(
    tmp_path: Path, sequence: Sequence, text: str
) -> None:
    result, note = put(tmp_path, "clip.txt", text).load(sequence)
    assert result is not None
    assert np.isnan(result.boxes[1:]).all()
    assert len(result.rows) == 3
    assert note.endswith("boxes for 3 frames: the missing ones count as misses")


def test_a_box_with_a_nan_is_no_box(tmp_path: Path, sequence: Sequence) -> None:
    result, _ = put(tmp_path, "clip.txt", "10,8,4,6\nnan,8,4,6\n10,8,4,inf\n").load(sequence)
    assert result is not None
    assert np.isnan(result.boxes[1:]).all()


def test_an_empty_box_of_anti_uav_is_no_box(tmp_path: Path, sequence: Sequence) -> None:
    text = '{"res": [[10, 8, 4, 6], [], [0]]}'
    result, _ = put(tmp_path, "clip_IR.txt", text).load(sequence)
    assert result is not None
    assert np.isnan(result.boxes[1:]).all()


def test_frames_before_the_first_label_are_left_out(tmp_path: Path, make_sequence: Make) -> None:
    sequence = make_sequence([NAN, BOX, BOX])
    result, _ = put(tmp_path, "clip.txt", ROWS["commas"]).load(sequence)
    assert result is not None
    assert [row.frame for row in result.rows] == [1, 2]


def test_vots_codes_become_events(tmp_path: Path, sequence: Sequence) -> None:
    text = "1.000\n10,8,14,8,14,14,10,14\n2.000\n"
    result, _ = put(tmp_path, "baseline/clip/clip_001.txt", text).load(sequence)
    assert result is not None
    assert [row.event for row in result.rows] == ["start", "tracked", "failed"]
    assert result.boxes[1].tolist() == list(BOX)


def test_a_missing_file_is_told(tmp_path: Path, sequence: Sequence) -> None:
    assert Foreign("dimp", tmp_path).load(sequence) == (None, "dimp has no result of clip")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("10,8,4,6\n10\t8\t4\t6\n", "line 2 separates numbers by tabs, line 1 by commas"),
        ("10,8,4,6\n10,8,4\n", "line 2 is '10,8,4', expected 4 numbers"),
        ("1\n10,8,4\n", "line 2 is '10,8,4', expected 1, 2, 0, or 4 or 8 numbers"),
        ("1\nx\n", "line 2 is 'x'"),
        ('{"res": 3}', "is not what Anti-UAV's trackers write"),
        ('{"boxes": []}', "is not what Anti-UAV's trackers write"),
    ],
)
def test_a_malformed_file_is_refused(
    tmp_path: Path, sequence: Sequence, text: str, complaint: str
) -> None:
    with pytest.raises(DatasetError, match=complaint):
        put(tmp_path, "clip.txt", text).load(sequence)


def test_results_are_named_or_take_their_folders_name(tmp_path: Path) -> None:
    (tmp_path / "dimp").mkdir()
    assert foreign.parse_named(f"DiMP-50={tmp_path / 'dimp'}") == Foreign(
        "DiMP-50", tmp_path / "dimp"
    )
    assert foreign.parse_named(str(tmp_path / "dimp")).name == "dimp"
    with pytest.raises(DatasetError, match="are not a folder"):
        foreign.parse_named(f"x={tmp_path / 'none'}")


def test_each_tracker_has_a_name_of_its_own(tmp_path: Path) -> None:
    folders = [tmp_path / name / "results" for name in ("siamrpn", "dimp")]
    for folder in folders:
        folder.mkdir(parents=True)
    one, other = (foreign.parse_named(str(folder)) for folder in folders)
    foreign.check_names([one], taken=["default"])
    with pytest.raises(ThermedgeError, match="Two trackers are called 'results'") as caught:
        foreign.check_names([one, other], taken=[])
    assert "NAME=FOLDER" in caught.value.remedy
    named = foreign.parse_named(f"csrt-round={folders[0]}")
    with pytest.raises(ThermedgeError, match="Two trackers are called 'csrt-round'"):
        foreign.check_names([named], taken=["csrt", "csrt-round"])
