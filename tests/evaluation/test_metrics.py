"""Facts about metrics: each against a slow and obvious way to get the same number."""

import math
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from thermedge.evaluation import metrics
from thermedge.evaluation.box_files import read_boxes
from thermedge.evaluation.metrics import OTB, OVERLAPS, PLAIN, Conventions, FrameErrors
from thermedge.geometry import Box

NAN = math.nan
KEPT = Conventions()
quick = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def rows(*boxes: tuple[float, ...]) -> np.ndarray:
    return np.array(boxes, np.float64).reshape(-1, 4)


def of(iou: list[float], px: list[float] | None = None) -> FrameErrors:
    errors = np.array(px if px is not None else [0.0] * len(iou))
    return FrameErrors(np.array(iou), errors, errors / 100)


whole = st.integers(-5, 15).map(float)
values = arrays(np.float64, st.tuples(st.integers(1, 12), st.just(4)), elements=whole)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Predictions with NaN and without area, and truths that may lack a label."""
    prediction = draw(values)
    shape = prediction.shape
    truth = draw(arrays(np.float64, shape, elements=whole))
    for boxes in (prediction, truth):
        gone = draw(arrays(np.bool_, shape[0]))
        boxes[gone] = np.nan
    return prediction, truth


def covered(box: np.ndarray) -> set[tuple[int, int]]:
    """The unit squares that a box with whole coordinates covers."""
    if not np.isfinite(box).all():
        return set()
    x, y, w, h = (int(value) for value in box)
    return {(i, j) for i in range(x, x + w) for j in range(y, y + h)}


def slow_errors(
    prediction: np.ndarray, truth: np.ndarray, conventions: Conventions
) -> list[tuple[float, float, float]]:
    """Frame by frame, as the conventions' comments read."""
    found = []
    previous = None
    for number, (box, meant) in enumerate(zip(prediction, truth, strict=True)):
        if conventions.first_frame == "replaced" and number == 0:
            box = meant
        usable = np.isfinite(box).all() and box[2] > 0 and box[3] > 0
        if conventions.invalid_prediction == "repeat" and not usable and previous is not None:
            box = previous
        previous = box
        labelled = bool(np.isfinite(meant).all() and meant[2] > 0 and meant[3] > 0)
        if conventions.valid_truth == "all_positive":
            labelled = labelled and bool((meant > 0).all())
        if number == 0 and conventions.first_frame == "skipped":
            continue
        if not labelled:
            if conventions.invalid_truth == "hit":
                found.append((-1.0, -1.0, -1.0))
            continue
        is_miss = conventions.invalid_prediction == "miss" and not usable
        if is_miss or not np.isfinite(box).all():
            found.append((0.0, math.inf, math.inf))
            continue
        one, other = covered(box), covered(meant)
        dx = box[0] + box[2] / 2 - meant[0] - meant[2] / 2
        dy = box[1] + box[3] / 2 - meant[1] - meant[3] / 2
        found.append(
            (
                len(one & other) / len(one | other),
                math.hypot(dx, dy),
                math.hypot(dx / meant[2], dy / meant[3]),
            )
        )
    return found


@quick
@given(
    pairs(),
    st.sampled_from(["kept", "replaced", "skipped"]),
    st.sampled_from(["miss", "kept", "repeat"]),
    st.sampled_from(["skip", "hit"]),
    st.sampled_from(["has_area", "all_positive"]),
)
def test_frame_errors_are_what_counting_squares_gives(
    pair: tuple[np.ndarray, np.ndarray], first: str, wrong: str, unlabelled: str, valid: str
) -> None:
    conventions = Conventions(first, wrong, unlabelled, valid)  # type: ignore[arg-type]
    expected = slow_errors(*pair, conventions)
    found = metrics.measure(*pair, conventions)
    assert len(found) == len(expected)
    for column, got in enumerate((found.iou, found.error_px, found.relative_error)):
        assert got.tolist() == pytest.approx([row[column] for row in expected], abs=1e-12)


@quick
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=20), st.sampled_from(["mean", "trapezoid"]))
def test_curves_and_areas_are_what_counting_gives(overlaps: list[float], area: str) -> None:
    conventions = replace(KEPT, area=area)  # type: ignore[arg-type]
    found = metrics.score(of(overlaps), conventions)
    success = [sum(iou > t / 20 for iou in overlaps) / len(overlaps) for t in range(21)]
    assert found.success.tolist() == pytest.approx(success)
    mean = sum(success) / 21
    by_trapezoids = sum((a + b) / 2 * 0.05 for a, b in zip(success, success[1:], strict=False))
    assert found.success_auc == pytest.approx(mean if area == "mean" else by_trapezoids)
    assert found.success_50 == sum(iou > 0.5 for iou in overlaps) / len(overlaps)
    assert found.success_75 == sum(iou > 0.75 for iou in overlaps) / len(overlaps)
    assert found.average_overlap == pytest.approx(
        sum(max(iou, 0) for iou in overlaps) / len(overlaps)
    )


@quick
@given(st.lists(st.integers(-1, 60), min_size=1, max_size=20))
def test_precision_counts_the_errors_within_each_threshold(errors: list[int]) -> None:
    found = metrics.score(of([0.0] * len(errors), [float(error) for error in errors]))
    curve = [sum(error <= t for error in errors) / len(errors) for t in range(51)]
    assert found.precision.tolist() == pytest.approx(curve)
    assert found.precision_at == curve[20]
    assert found.norm_precision.tolist() == pytest.approx(curve)  # of() divides by 100
    assert found.norm_precision_at == curve[20]
    assert found.norm_precision_auc == pytest.approx(sum(curve) / 51)


def test_an_overlap_equal_to_a_threshold_is_not_above_it() -> None:
    # 3 of 20 squares: 0.15 as a sum of steps of 0.05 would be a little more than 3/20.
    found = metrics.measure(rows((0, 0, 3, 1)), rows((0, 0, 20, 1)), KEPT)
    assert metrics.score(found).success.tolist() == [1.0] * 3 + [0.0] * 18
    assert OVERLAPS[3] == 3 / 20


def test_matlabs_thresholds_take_13_of_20_squares_as_above_and_3_of_20_as_below() -> None:
    matlab = replace(KEPT, overlaps="matlab")
    thirteen = metrics.score(of([13 / 20]), matlab)
    assert thirteen.success.sum() == metrics.score(of([13 / 20]), KEPT).success.sum() + 1
    assert metrics.MATLAB_OVERLAPS[13] < 13 / 20
    np.testing.assert_allclose(metrics.MATLAB_OVERLAPS, OVERLAPS, atol=1e-15)


def parts(errors: FrameErrors) -> list[list[float]]:
    return [errors.iou.tolist(), errors.error_px.tolist(), errors.relative_error.tolist()]


def test_gtot_counts_errors_below_5_px_in_steps_of_half_a_px() -> None:
    gtot = Conventions(precision_px=5.0, precision_step_px=0.5, precision_within="<")
    found = metrics.score(of([0.0] * 4, [4.5, 5.0, 0.0, 0.4]), gtot)
    assert found.precision_at == 3 / 4
    assert found.precision[:2].tolist() == [0.0, 2 / 4]
    assert gtot.errors_px[[0, 10, 50]].tolist() == [0, 5, 25]


def test_a_hit_without_truth_counts_for_precision_and_against_success() -> None:
    truth = rows((10, 10, 5, 5), (NAN, NAN, NAN, NAN), (0, 10, 5, 5))
    prediction = rows((0, 0, 1, 1), (10, 10, 5, 5), (0, 10, 5, 5))
    found = metrics.score(metrics.measure(prediction, truth, OTB), OTB)
    assert (found.frames, found.precision_at, found.norm_precision_at) == (3, 1.0, 1.0)
    assert found.success[0] == 1 / 3  # of OTB's: x = 0 is no valid truth either
    plain = metrics.score(metrics.measure(prediction, truth, PLAIN))
    assert (plain.frames, plain.success[0]) == (2, 1.0)


def test_a_repeated_prediction_is_the_last_usable_one() -> None:
    boxes = rows((1, 1, 2, 2), (NAN, 1, 2, 2), (5, 5, 0, 3), (7, 7, 1, 1), (7, 7, 1, -1))
    kept = rows((1, 1, 2, 2), (1, 1, 2, 2), (1, 1, 2, 2), (7, 7, 1, 1), (7, 7, 1, 1))
    assert metrics.repeated(boxes).tolist() == kept.tolist()


def test_a_box_without_area_is_a_miss_or_as_far_off_as_its_middle() -> None:
    point, truth = rows((12, 12, 0, 0)), rows((10, 10, 4, 4))
    missed = metrics.measure(point, truth, replace(KEPT, invalid_prediction="miss"))
    assert parts(missed) == [[0.0], [math.inf], [math.inf]]
    assert metrics.score(missed).precision_at == 0
    kept = metrics.measure(point, truth, replace(KEPT, invalid_prediction="kept"))
    assert parts(kept) == [[0.0], [0.0], [0.0]]


def test_without_frames_every_number_is_nan() -> None:
    found = metrics.score(metrics.measure(rows(), rows()))
    assert found.frames == 0
    assert np.isnan(found.success).all()
    assert np.isnan([found.success_auc, found.precision_at, found.average_overlap]).all()


def test_a_sequence_without_labels_scores_nothing() -> None:
    found = metrics.measure(rows((1, 1, 2, 2)), rows((NAN, NAN, NAN, NAN)))
    assert len(found) == 0


def test_hidden_frames_do_not_count() -> None:
    truth = rows((1, 1, 2, 2), (1, 1, 2, 2), (1, 1, 2, 2))
    visible = np.array([True, False, True])
    assert len(metrics.measure(truth, truth, visible=visible)) == 2


def test_bounded_overlap_cuts_both_boxes_to_the_frame() -> None:
    bounded = Conventions(bounded=True)
    prediction, truth = rows((-10, 0, 20, 10)), rows((-5, 0, 15, 10))
    assert metrics.measure(prediction, truth, bounded, frame_px=(100, 100)).iou.tolist() == [1.0]
    assert metrics.measure(prediction, truth, KEPT).iou.tolist() == pytest.approx([0.75])


@quick
@given(values, values)
def test_iou_of_arrays_is_that_of_boxes(one: np.ndarray, other: np.ndarray) -> None:
    count = min(len(one), len(other))
    for a, b, iou in zip(one, other, metrics.iou(one[:count], other[:count]), strict=False):
        if (a[2:] > 0).all() and (b[2:] > 0).all():
            assert iou == pytest.approx(Box(*a).iou(Box(*b)))
        else:
            assert iou == 0


def test_the_better_of_two_truths_is_chosen_frame_by_frame() -> None:
    one = FrameErrors(np.array([0.5, 0.1]), np.array([3.0, 9.0]), np.array([0.3, 0.9]))
    other = FrameErrors(np.array([0.2, 0.4]), np.array([4.0, 2.0]), np.array([0.1, 0.2]))
    best = metrics.better_of(one, other)
    assert parts(best) == [[0.5, 0.4], [3.0, 2.0], [0.1, 0.2]]


def test_a_missing_truth_leaves_its_frame_to_the_other_one() -> None:
    nothing, known = of([-1.0] * 2, [-1.0] * 2), of([-1.0, 0.5], [-1.0, 3.0])
    nothing.relative_error[:] = -1
    known.relative_error[0] = -1
    for best in (metrics.better_of(nothing, known), metrics.better_of(known, nothing)):
        assert parts(best) == [[-1.0, 0.5], [-1.0, 3.0], [-1.0, 0.03]]


@quick
@given(pairs(), st.data())
def test_state_accuracy_is_what_its_sentence_says(
    pair: tuple[np.ndarray, np.ndarray], data: st.DataObject
) -> None:
    prediction, truth = pair
    flags = arrays(np.bool_, len(truth))
    absent, says = data.draw(flags), data.draw(flags)
    gained = []
    for number, box in enumerate(truth):
        if absent[number]:
            gained.append(float(says[number]))
        elif metrics.has_area(truth)[number]:
            there = not says[number] and metrics.has_area(prediction)[number]
            gained.append(Box(*prediction[number]).iou(Box(*box)) if there else 0.0)
    expected = sum(gained) / len(gained) if gained else math.nan
    found = metrics.state_accuracy(prediction, truth, absent, says)
    assert found == pytest.approx(expected, nan_ok=True)


PUBLISHED = {  # success AUC, precision at 20 px, normalised precision at 0.2
    "APFNet": (0.362, 0.500, 0.439),
    "mfDiMP": (0.343, 0.447, 0.395),
    "CAT": (0.314, 0.450, 0.395),
    "SGT": (0.232, 0.327, 0.283),
}


def unpacked(packed: Path, folder: Path) -> Path:
    with tarfile.open(packed) as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content is not None:
                path = folder / member.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())
    return folder / "lasher"


def test_the_published_lasher_numbers_come_out_to_three_decimals(
    shared: Path, tmp_path: Path
) -> None:
    folder = unpacked(shared / "metrics" / "lasher.tar.xz", tmp_path)
    scores: dict[str, list[metrics.Score]] = {tracker: [] for tracker in PUBLISHED}
    for name in (folder / "sequences.txt").read_text().split():
        truth = read_boxes(folder / "groundtruth" / f"{name}.txt")
        for tracker, found in scores.items():
            boxes = read_boxes(folder / "results" / tracker / f"{name}.txt")[: len(truth)]
            found.append(metrics.score(metrics.measure(boxes, truth, OTB), OTB))
    measures = ("success_auc", "precision_at", "norm_precision_at")
    for tracker, found in scores.items():
        assert len(found) == 245
        means = [np.mean([getattr(one, measure) for one in found]) for measure in measures]
        assert tuple(round(float(mean), 3) for mean in means) == PUBLISHED[tracker]
