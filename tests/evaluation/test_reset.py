"""Facts about VOT's protocol: accuracy, failures and EAO against slow ways to get them."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from thermedge.evaluation import plan, reset
from thermedge.evaluation.reset import Fragment, OverlapCurves
from thermedge.evaluation.results import Result
from thermedge.evaluation.sequences import Sequence
from thermedge.geometry import Box

Make = Callable[..., Sequence]
VOT = plan.read("vot_reset")
NAN = (math.nan,) * 4
BOX, HALF, AWAY = (10.0, 10.0, 8.0, 6.0), (14.0, 10.0, 8.0, 6.0), (40.0, 30.0, 8.0, 6.0)
quick = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


def events(result: Result) -> str:
    marks = {"start": "S", "tracked": ".", "failed": "X", "skipped": "-"}
    return "".join(marks[row.event] for row in result.rows)


def test_a_lost_target_is_started_anew_five_frames_later(
    make_sequence: Make, scripted: Any
) -> None:
    tracker = scripted([BOX] * 3 + [AWAY] + [BOX] * 8)
    result = reset.run_with_resets(tracker, make_sequence([BOX] * 12), VOT)
    assert events(result) == "S..X----S..."
    assert tracker.starts == [(0, Box(*BOX)), (8, Box(*BOX))]
    assert tracker.seen == [1, 2, 3, 9, 10, 11]


def test_a_start_waits_for_a_frame_with_a_truth(make_sequence: Make, scripted: Any) -> None:
    truth = [NAN, BOX, BOX, *[NAN] * 7, BOX, BOX]
    result = reset.run_with_resets(
        scripted([BOX, BOX, AWAY, *[BOX] * 9]), make_sequence(truth), VOT
    )
    assert (result.start, events(result)) == (1, "SX-------S.")


def test_a_frame_without_truth_is_no_failure(make_sequence: Make, scripted: Any) -> None:
    sequence = make_sequence([BOX, BOX, NAN, BOX])
    result = reset.run_with_resets(scripted([BOX, BOX, AWAY, BOX]), sequence, VOT)
    assert events(result) == "S..."


def test_a_failure_near_the_end_leaves_nothing_to_start(make_sequence: Make, scripted: Any) -> None:
    result = reset.run_with_resets(scripted([BOX, BOX, AWAY, BOX]), make_sequence([BOX] * 4), VOT)
    assert events(result) == "S.X-"
    score = reset.scored(result, make_sequence([BOX] * 4), VOT, frame_px=None)
    assert (score.failures, len(score.fragments)) == (1, 1)


def test_accuracy_leaves_out_the_burn_in_after_every_start(
    make_sequence: Make, scripted: Any
) -> None:
    # Ten frames after each start the box is perfect, later it is half beside the target.
    boxes = [BOX] * 10 + [HALF] * 5 + [AWAY] + [BOX] * 4 + [BOX] * 10 + [HALF] * 6
    sequence = make_sequence([BOX] * len(boxes))
    result = reset.run_with_resets(scripted(boxes), sequence, VOT)
    score = reset.scored(result, sequence, VOT, frame_px=None)
    assert score.failures == 1
    assert score.accuracy == pytest.approx(1 / 3)
    without = reset.scored(result, sequence, replace(VOT, burn_in_frames=0), frame_px=None)
    assert without.accuracy == pytest.approx((9 + 9 + 11 / 3) / 29)  # starts are never counted


def test_a_crash_is_a_failure_to_the_end(make_sequence: Make, scripted: Any) -> None:
    sequence = make_sequence([BOX] * 20)
    result = reset.run_with_resets(scripted([BOX] * 4 + [None] * 16), sequence, VOT)
    score = reset.scored(result, sequence, VOT, frame_px=None)
    assert (score.failures, score.frames) == (1, 20)
    assert [fragment.failed for fragment in score.fragments] == [True]
    at_once = reset.scored(Result((), "no engine"), sequence, VOT, frame_px=None)
    assert (at_once.failures, at_once.frames) == (1, 20)
    assert [fragment.failed for fragment in at_once.fragments] == [True]


def test_without_a_truth_nothing_is_run(make_sequence: Make, scripted: Any) -> None:
    sequence = make_sequence([NAN])
    result = reset.run_with_resets(scripted([]), sequence, VOT)
    score = reset.scored(result, sequence, VOT, frame_px=None)
    assert (result.rows, score.frames, score.failures) == ((), 0, 0)


def test_overlap_is_with_the_polygon_where_there_is_one(make_sequence: Make) -> None:
    diamond = np.array([[10, 6, 14, 10, 10, 14, 6, 10]], float)
    sequence = make_sequence([(6, 6, 8, 8)], polygons=diamond)
    assert reset.overlap(np.array([6.0, 6, 8, 8]), sequence, 0) == pytest.approx(0.5)
    assert reset.overlap(np.array(NAN), sequence, 0) == 0
    plain = make_sequence([(-4, 0, 8, 8)])
    bounds = np.array([64.0, 48.0])
    assert reset.overlap(np.array([0.0, 0, 4, 8]), plain, 0) == 0.5
    assert reset.overlap(np.array([0.0, 0, 4, 8]), plain, 0, bounds) == 1


fragments = st.lists(
    st.lists(
        st.builds(
            lambda overlaps, failed: Fragment(np.array([1.0, *overlaps]), failed),
            st.lists(st.floats(0.01, 1), max_size=12),
            st.booleans(),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
    min_size=1,
    max_size=5,
)


def slow_curve(flat: list[Fragment], length: int) -> float:
    """The expected overlap of a run of `length` frames, as its sentence reads."""
    means = []
    for fragment in flat:
        overlaps = fragment.overlaps.tolist()
        if fragment.failed:
            overlaps += [0.0] * length
        if len(overlaps) >= length:
            means.append(sum(overlaps[1:length]) / (length - 1))
    return sum(means) / len(means) if means else math.nan


@quick
@given(fragments, st.tuples(st.integers(2, 8), st.integers(0, 6)))
def test_eao_is_the_mean_of_the_expected_overlaps(
    owned: list[tuple[Fragment, ...]], interval: tuple[int, int]
) -> None:
    low, high = interval[0], interval[0] + interval[1]
    flat = [fragment for few in owned for fragment in few]
    curve = [slow_curve(flat, length) for length in range(low, high + 1)]
    known = [value for value in curve if not math.isnan(value)]
    expected = sum(known) / len(known) if known else math.nan
    assert OverlapCurves(owned, (low, high)).eao() == pytest.approx(expected, nan_ok=True)


@quick
@given(fragments)
def test_a_sequence_that_counts_twice_is_there_twice(owned: list[tuple[Fragment, ...]]) -> None:
    times = np.ones(len(owned), np.int64)
    times[0] = 2
    doubled = OverlapCurves([*owned, owned[0]], (2, 9)).eao()
    assert OverlapCurves(owned, (2, 9)).eao(times) == pytest.approx(doubled, nan_ok=True)


def slow_kernel_width(lengths: list[int]) -> float:
    """Wand and Jones: the width that the curvature of a first, rough density asks for."""
    count = len(lengths)
    mean = sum(lengths) / count
    spread = math.sqrt(sum((length - mean) ** 2 for length in lengths) / count)
    rough = math.sqrt((4 / (3 * count)) ** (2 / 5))  # of the standardised lengths
    curvature = 0.0
    for one in lengths:
        for other in lengths:
            u = (one - other) / spread / rough
            gauss = math.exp(-u * u / 2) / math.sqrt(2 * math.pi)
            curvature += (u**4 - 6 * u**2 + 3) * gauss / rough**5 / count**2
    return spread * (1 / (2 * math.sqrt(math.pi) * curvature * count)) ** (1 / 5)


@quick
@given(st.lists(st.integers(2, 400), min_size=2, max_size=12).filter(lambda x: len(set(x)) > 1))
def test_typical_lengths_hold_half_of_the_smoothed_lengths(lengths: list[int]) -> None:
    low, high = reset.typical_lengths(lengths)
    assert 2 <= low <= high <= max(lengths)
    width = slow_kernel_width(lengths)
    density = [
        sum(math.exp(-(((x - length) / width) ** 2) / 2) for length in lengths)
        for x in range(1, max(lengths) + 1)
    ]
    held = sum(density[low - 1 : high]) + (density[0] if low == 2 else 0)
    assert held >= 0.5 * sum(density) * (1 - 1e-9)
    shorter = held - max(density[low - 1], density[high - 1])
    assert shorter <= 0.5 * sum(density) or low == 2


def test_lengths_around_a_mode_are_chosen_around_it() -> None:
    low, high = reset.typical_lengths([200, 210, 190, 205, 195, 230, 170])
    assert 170 < low < 200 < high < 230
    assert reset.typical_lengths([300, 300]) == (2, 300)
    assert reset.typical_lengths([1, 1]) == (1, 1)
