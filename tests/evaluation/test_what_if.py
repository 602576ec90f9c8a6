"""Facts about scores with parts of a result put right."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from thermedge.evaluation import plan, scores, what_if
from thermedge.evaluation.metrics import OTB, PLAIN, Conventions
from thermedge.evaluation.results import Result
from thermedge.evaluation.sequences import Sequence

Make = Callable[..., Sequence]
Results = Callable[..., Result]
SHORT = plan.read("short")
BEST = 20 / 21  # no IoU is strictly above 1
NAN = (math.nan,) * 4
TRUTH = [(10.0 + 3 * i, 10.0 + i, 8.0, 6.0) for i in range(6)]


def found(sequence: Sequence, result: Result, conventions: Conventions = PLAIN) -> dict[str, float]:
    return dict(scores.of_sequence(result, sequence, conventions, SHORT).what_if)


def test_a_perfect_result_has_nothing_to_put_right(
    make_sequence: Make, make_result: Results
) -> None:
    values = found(make_sequence(TRUTH), make_result(TRUTH))
    assert values.pop("no_overlap") == 0
    assert values == dict.fromkeys(("true_place", "true_size", "one_correction"), BEST)
    assert set(values) | {"no_overlap"} == set(what_if.WHAT_IFS)


def test_a_wrong_place_is_put_right_by_the_true_place_alone(
    make_sequence: Make, make_result: Results
) -> None:
    moves = (0, 3, -3, 2, -2, 0)
    moved = [(x + move, y, w, h) for (x, y, w, h), move in zip(TRUTH, moves, strict=True)]
    values = found(make_sequence(TRUTH), make_result(moved))
    assert values["true_place"] == BEST
    assert values["true_size"] == values["one_correction"] < 0.8


def test_a_wrong_size_is_put_right_by_the_true_size_alone(
    make_sequence: Make, make_result: Results
) -> None:
    grown = [
        (x - w * by, y - h * by, w * (1 + 2 * by), h * (1 + 2 * by))
        for (x, y, w, h), by in zip(TRUTH, (0, 0.2, -0.2, 0.1, -0.1, 0), strict=True)
    ]
    values = found(make_sequence(TRUTH), make_result(grown))
    assert values["true_size"] == pytest.approx(BEST)
    assert values["true_place"] < 0.9


def test_boxes_that_are_all_drawn_otherwise_need_one_correction(
    make_sequence: Make, make_result: Results
) -> None:
    looser = [(x - 1, y + 2, w * 1.5, h * 1.25) for x, y, w, h in TRUTH]
    values = found(make_sequence(TRUTH), make_result(looser))
    assert values["one_correction"] == pytest.approx(BEST)
    assert values["true_place"] < BEST - 0.1
    assert values["true_size"] < BEST - 0.1


def test_one_correction_goes_by_the_size_of_each_box(
    make_sequence: Make, make_result: Results
) -> None:
    truth = [(20.0, 20.0, 8.0 * scale, 6.0 * scale) for scale in (1, 1, 1.5, 2, 3, 4)]
    drawn = [(x - 0.25 * w, y, w, h * 2) for x, y, w, h in truth]
    values = found(make_sequence(truth), make_result(drawn))
    assert values["one_correction"] == pytest.approx(BEST)


def test_lost_frames_are_those_without_overlap_among_the_scored(
    make_sequence: Make, make_result: Results
) -> None:
    truth = [*TRUTH[:4], NAN, TRUTH[5]]
    away = [*TRUTH[:2], (60.0, 40.0, 2.0, 2.0), *TRUTH[3:]]
    values = found(make_sequence(truth), make_result(away))
    assert values["no_overlap"] == pytest.approx(1 / 5)
    assert values["true_place"] < BEST  # its size is wrong too
    hits = found(make_sequence(truth), make_result(away), OTB)
    assert hits["no_overlap"] == pytest.approx(1 / 5)


def test_frames_without_a_box_stay_as_they_are_scored(
    make_sequence: Make, make_result: Results
) -> None:
    missing = replace(PLAIN, invalid_prediction="miss")
    boxes = [*TRUTH[:3], NAN, *TRUTH[4:]]
    values = found(make_sequence(TRUTH), make_result(boxes), missing)
    assert values["no_overlap"] == pytest.approx(1 / 6)
    assert values["true_place"] == values["true_size"] == pytest.approx(BEST * 5 / 6)


def test_a_tracker_that_threw_is_not_put_right_where_it_said_nothing(
    make_sequence: Make, make_result: Results
) -> None:
    values = found(make_sequence(TRUTH), make_result(TRUTH[:3], error="RuntimeError: no"))
    assert values["no_overlap"] == pytest.approx(1 / 2)
    assert values["true_place"] == pytest.approx(BEST / 2)


def test_without_labels_there_is_nothing_to_say(make_sequence: Make, make_result: Results) -> None:
    values = found(make_sequence([NAN] * 3), make_result([]))
    assert all(math.isnan(value) for value in values.values())


def test_averages_are_weighted_as_the_scores_are(make_sequence: Make, make_result: Results) -> None:
    lost = [TRUTH[0], (60.0, 40.0, 2.0, 2.0)]
    both = [
        scores.of_sequence(make_result(boxes), make_sequence(TRUTH[: len(boxes)]), PLAIN, SHORT)
        for boxes in (TRUTH, lost)
    ]
    assert scores.average("t", "g", both).what_if["no_overlap"] == pytest.approx(1 / 4)
    heavier = [replace(both[0], weight=3.0), both[1]]
    assert scores.average("t", "g", heavier).what_if["no_overlap"] == pytest.approx(1 / 8)
    assert scores.average("t", "g", []).what_if == {}


def test_restarts_have_no_part_to_put_right(make_sequence: Make, make_result: Results) -> None:
    reset = plan.read("vot_reset")
    one = scores.of_sequence(make_result(TRUTH), make_sequence(TRUTH), Conventions(), reset)
    assert one.what_if == {}
