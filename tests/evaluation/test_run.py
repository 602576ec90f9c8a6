"""Facts about one pass over a sequence."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thermedge.evaluation import datasets, run
from thermedge.evaluation.metrics import OTB, Conventions
from thermedge.evaluation.peers import StaticTracker
from thermedge.evaluation.results import Result, Row
from thermedge.evaluation.sequences import Sequence
from thermedge.frame import Frame
from thermedge.geometry import Box

Make = Callable[..., Sequence]
NAN = (math.nan,) * 4
BOX = (10.0, 10.0, 8.0, 6.0)


def test_a_pass_starts_on_the_first_label_and_sees_every_frame_after_it(
    make_sequence: Make, scripted: Any
) -> None:
    tracker = scripted([BOX] * 6)
    result = run.one_pass(tracker, make_sequence([NAN, NAN, BOX, NAN, BOX, NAN]))
    assert tracker.starts == [(2, Box(*BOX))]
    assert tracker.seen == [3, 4, 5]
    assert [row.event for row in result.rows] == ["start", "tracked", "tracked", "tracked"]
    assert (result.start, result.error) == (2, "")
    assert all(row.ms >= 0 for row in result.rows)


def test_a_pass_ends_after_max_frames_from_the_start(make_sequence: Make, scripted: Any) -> None:
    sequence = make_sequence([NAN, *[BOX] * 8])
    assert len(run.one_pass(scripted([BOX] * 9), sequence, max_frames=3).rows) == 3
    assert len(run.one_pass(scripted([BOX] * 9), sequence, max_frames=300).rows) == 8


def test_a_sequence_without_labels_is_not_run(make_sequence: Make, scripted: Any) -> None:
    tracker = scripted([])
    result = run.one_pass(tracker, make_sequence([NAN, NAN]))
    assert (result.rows, result.error, tracker.starts) == ((), "", [])
    assert run.scored(result, make_sequence([NAN, NAN])).frames == 0


def test_labels_beyond_the_recording_are_not_scored(make_sequence: Make, scripted: Any) -> None:
    sequence = make_sequence([BOX] * 9, frames=4)
    result = run.one_pass(scripted([BOX] * 4), sequence)
    assert run.scored(result, sequence).frames == 4


def test_coordinates_from_1_reach_the_tracker_from_0_and_come_back(
    make_sequence: Make, scripted: Any
) -> None:
    sequence = make_sequence([BOX, BOX], origin_px=1.0)
    tracker = scripted([None, (9, 9, 8, 6)])
    result = run.one_pass(tracker, sequence)
    assert tracker.starts == [(0, Box(9, 9, 8, 6))]
    assert result.boxes.tolist() == [list(BOX), list(BOX)]


def test_a_tracker_that_throws_ends_its_sequence_and_misses_the_rest(
    make_sequence: Make, scripted: Any
) -> None:
    sequence = make_sequence([BOX] * 10)
    result = run.one_pass(scripted([BOX] * 4 + [None] * 6), sequence)
    assert result.error == "RuntimeError: the engine\nfell over"
    assert len(result.rows) == 4
    found = run.scored(result, sequence)
    assert found.frames == 10
    assert found.success[0] == 0.4


def test_also_where_a_prediction_is_repeated_a_crash_gains_nothing(
    make_sequence: Make, make_result: Callable[..., Result]
) -> None:
    sequence = make_sequence([BOX] * 10)
    crashed = make_result([BOX] * 4, error="RuntimeError: fell over")
    assert run.scored(crashed, sequence, OTB).success[0] == 0.4


def test_a_tracker_that_throws_on_its_start_scores_its_frames_as_missed(
    make_sequence: Make, make_result: Callable[..., Result]
) -> None:
    sequence = make_sequence([NAN, BOX, BOX, BOX, BOX])
    crashed = make_result([], error="TargetError: no")
    found = run.scored(crashed, sequence, Conventions(), max_frames=3)
    assert (found.frames, found.success[0]) == (3, 0.0)


def test_an_interrupt_is_no_tracker_that_throws(make_sequence: Make, scripted: Any) -> None:
    recorder = run.Recorder(scripted([]), make_sequence([BOX]))
    with pytest.raises(KeyboardInterrupt), recorder:
        raise KeyboardInterrupt
    assert recorder.result.error == ""


def test_the_truth_of_a_second_camera_counts_where_it_is_met_better(
    make_sequence: Make, make_result: Callable[..., Result]
) -> None:
    shifted = np.array([(10, 10, 8, 6), (14, 10, 8, 6)], float)
    sequence = make_sequence([BOX, BOX], second_truth=shifted)
    result = make_result([BOX, (14, 10, 8, 6)])
    assert run.frame_errors(result, sequence, Conventions()).iou.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("invalid_truth", ["skip", "hit"])
def test_a_frame_that_one_camera_labels_counts_with_that_label(
    make_sequence: Make, make_result: Callable[..., Result], invalid_truth: Any
) -> None:
    # One frame is labelled by both, one by each, and one by none.
    first, second = [BOX, BOX, NAN, NAN], [BOX, NAN, BOX, NAN]
    sequence = make_sequence(first, second_truth=np.array(second))
    errors = run.frame_errors(
        make_result([BOX, (30, 10, 8, 6), BOX, BOX]),
        sequence,
        Conventions(invalid_truth=invalid_truth),
    )
    unlabelled = [-1.0] if invalid_truth == "hit" else []
    assert errors.iou.tolist() == [1.0, 0.0, 1.0, *unlabelled]
    assert errors.error_px.tolist() == [0.0, 20.0, 0.0, *unlabelled]
    assert errors.relative_error.tolist() == [0.0, 2.5, 0.0, *unlabelled]


def test_cameras_may_label_different_numbers_of_frames(
    make_sequence: Make, make_result: Callable[..., Result]
) -> None:
    sequence = make_sequence([BOX, BOX, BOX], second_truth=np.array([BOX, NAN, BOX]))
    assert run.scored(make_result([BOX] * 3), sequence, Conventions()).frames == 3


def test_hidden_frames_are_counted_from_the_start_of_the_sequence(
    make_sequence: Make, make_result: Callable[..., Result]
) -> None:
    visible = np.array([True, True, False])
    sequence = make_sequence([NAN, BOX, BOX], visible=visible)
    assert len(run.frame_errors(make_result([BOX, BOX], start=1), sequence)) == 1


REFERENCE = {"v04": 0.007, "v05": 0.011, "v07": 0.210, "v09": 0.047}  # a box that never moves


def test_a_static_box_scores_what_is_known_of_the_recordings(shared: Path) -> None:
    data = datasets.read(shared / "sequences" / "anti_uav_ir" / "val")
    found = {}
    for sequence in data.sequences:
        # The pictures do not matter to it: without decoding them the test is quick.
        truth = sequence.truth[:300]
        first = StaticTracker().init(_frame(), sequence.box(0)).box
        result = Result(tuple(_rows(first, len(truth))))
        found[sequence.name] = round(run.scored(result, sequence).success_auc, 3)
    assert found == REFERENCE


def _frame() -> Any:
    return Frame(np.zeros((512, 640), np.uint8), 0, 0, 8)


def _rows(box: Box, count: int) -> Any:
    for number in range(count):
        yield Row(number, *box, 1.0, 0.0, "tracked" if number else "start", "tracking")
