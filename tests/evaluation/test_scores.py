"""Facts about averages and how sure they are."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from thermedge.errors import SourceError
from thermedge.evaluation import plan, reset, scores
from thermedge.evaluation.datasets.got10k import GOT10K
from thermedge.evaluation.datasets.layout import DataSet
from thermedge.evaluation.datasets.vot import VOT
from thermedge.evaluation.metrics import PLAIN, Conventions
from thermedge.evaluation.results import Result, Row
from thermedge.evaluation.scores import Interval, SequenceScore, average
from thermedge.evaluation.sequences import Sequence

Make = Callable[..., Sequence]
SHORT = plan.read("short")
NAN = math.nan
BOX, HALF = (10.0, 10.0, 8.0, 6.0), (14.0, 10.0, 8.0, 6.0)  # they overlap by a third
quick = settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])


def score(value: float, weight: float = 1.0, **fields: object) -> SequenceScore:
    return SequenceScore("clip", {"success_auc": value}, weight, **fields)  # type: ignore[arg-type]


@quick
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 50)), min_size=1, max_size=8))
def test_a_mean_is_weighted_and_lies_in_its_interval(known: list[tuple[float, int]]) -> None:
    found = average("t", "g", [score(value, weight) for value, weight in known])
    interval = found.measures["success_auc"]
    total = sum(weight for _, weight in known)
    assert interval.mean == pytest.approx(sum(v * w for v, w in known) / total)
    values = [value for value, _ in known]
    assert min(values) - 1e-9 <= interval.low <= interval.high <= max(values) + 1e-9
    assert found.num_scored == len(known)


def test_the_interval_is_that_of_redrawing_the_sequences_by_hand() -> None:
    values = np.random.default_rng(3).uniform(0, 1, 30)
    interval = average("t", "g", [score(value) for value in values]).measures["success_auc"]
    random = np.random.default_rng(4)
    means = sorted(random.choice(values, 30).mean() for _ in range(4000))
    assert interval.low == pytest.approx(means[100], abs=0.01)
    assert interval.high == pytest.approx(means[3900], abs=0.01)


def test_the_same_scores_have_the_same_interval() -> None:
    known = [score(value) for value in (0.1, 0.5, 0.9)]
    assert average("t", "g", known) == average("t", "g", known)


def test_sequences_with_nothing_to_score_are_left_out() -> None:
    found = average("t", "g", [score(0.5), score(NAN, weight=0.0), score(0.7, error="threw")])
    assert found.measures["success_auc"].mean == pytest.approx(0.6)
    assert (found.num_scored, found.num_failed) == (2, 1)
    nothing = average("t", "g", [score(NAN, weight=0.0)])
    assert (nothing.num_scored, dict(nothing.measures), nothing.curves) == (0, {}, {})


def test_a_measure_that_a_sequence_does_not_have_is_the_mean_of_the_others() -> None:
    found = average("t", "g", [score(0.5), score(NAN)])
    assert found.measures["success_auc"].mean == 0.5
    none = average("t", "g", [score(NAN)]).measures["success_auc"]
    assert math.isnan(none.mean)
    assert math.isnan(none.high)


def test_times_are_the_median_over_all_frames() -> None:
    found = average(
        "t", "g", [score(1, update_ms=np.array([1.0, 9.0])), score(1, update_ms=np.array([2.0]))]
    )
    assert found.update_ms == 2.0


def test_a_difference_is_paired_by_sequence() -> None:
    one = {name: score(value) for name, value in (("a", 0.9), ("b", 0.4), ("c", 0.1))}
    other = {name: score(value) for name, value in (("a", 0.8), ("b", 0.3), ("d", 0.9))}
    interval, count = scores.difference(one, other, "success_auc")
    assert count == 2
    assert interval == Interval(*[pytest.approx(0.1)] * 3)  # type: ignore[arg-type]
    nothing, count = scores.difference(one, {}, "success_auc")
    assert (math.isnan(nothing.mean), count) == (True, 0)


def test_one_pass_fills_its_measures(
    make_sequence: Make, make_result: Callable[..., Result]
) -> None:
    found = scores.of_sequence(
        make_result([BOX, BOX, HALF], ms=2.0), make_sequence([BOX] * 3), PLAIN, SHORT
    )
    assert found.weight == 1
    assert found.measures["success_50"] == pytest.approx(2 / 3)
    assert found.measures["average_overlap"] == pytest.approx((1 + 1 + 1 / 3) / 3)
    assert set(found.measures) <= set(scores.MEASURES)
    assert "state_accuracy" not in found.measures
    assert found.curves["precision"].shape == (51,)
    assert found.update_ms.tolist() == [2.0, 2.0]


def test_frames_are_the_weight_where_the_benchmark_pools_them(
    make_sequence: Make, make_result: Callable[..., Result]
) -> None:
    pooled = GOT10K.conventions
    found = scores.of_sequence(make_result([BOX] * 3), make_sequence([BOX] * 3), pooled, SHORT)
    assert found.weight == 2  # the first frame does not count
    assert found.measures["average_overlap"] == 1.0


def test_state_accuracy_comes_from_lost_tracks(make_sequence: Make) -> None:
    rows = tuple(
        Row(number, *BOX, 0.5, 1.0, "tracked" if number else "start", state)
        for number, state in enumerate(["tracking", "lost", "tracking", "lost"])
    )
    absent = np.array([False, True, True, False])
    truth = [BOX, (NAN,) * 4, (NAN,) * 4, BOX]
    sequence = make_sequence(truth, absent=absent)
    found = scores.of_sequence(Result(rows), sequence, Conventions(), SHORT)
    assert found.measures["state_accuracy"] == 2 / 4


def test_real_time_tells_how_many_frames_were_seen(make_sequence: Make) -> None:
    rows = (
        Row(0, *BOX, 0.5, 1.0, "start", "tracking"),
        Row(1, *BOX, 0.5, 50.0, "held", "tracking"),
        Row(2, *BOX, 0.5, NAN, "held", "tracking"),
        Row(3, *BOX, 0.5, 10.0, "tracked", "tracking"),
    )
    real_time = plan.read("real_time")
    found = scores.of_sequence(Result(rows), make_sequence([BOX] * 4), PLAIN, real_time)
    assert found.measures["frames_seen"] == 3 / 4


def test_resets_are_averaged_by_frames_and_have_an_eao(make_sequence: Make) -> None:
    rows = tuple(Row(i, *BOX, 0.5, 1.0, "tracked" if i else "start", "") for i in range(30))
    sequence = make_sequence([BOX] * 30)
    chosen = plan.read("vot_reset")
    perfect = scores.of_sequence(Result(rows), sequence, Conventions(), chosen)
    lengths = scores.eao_lengths(DataSet(VOT, (sequence, sequence)), chosen)
    assert lengths == (2, 30)
    found = average("t", "g", [perfect], lengths)
    assert found.measures["eao"] == Interval(1.0, 1.0, 1.0)
    assert (found.measures["accuracy"].mean, found.measures["failures"].mean) == (1.0, 0.0)
    assert perfect.weight == 30


def test_the_eao_of_runs_that_are_all_too_short_is_unknown() -> None:
    short = reset.Fragment(np.ones(3), failed=False)
    found = average("t", "g", [score(1.0, fragments=(short,))], (10, 20))
    assert math.isnan(found.measures["eao"].mean)


def test_the_lengths_are_the_protocols_where_it_names_them(make_sequence: Make) -> None:
    data = DataSet(VOT, (make_sequence([BOX]),))
    assert scores.eao_lengths(data, plan.read("vot2016_reset")) == (108, 371)
    assert scores.eao_lengths(data, SHORT) is None


def test_the_lengths_are_those_of_the_runs_and_not_of_the_recordings(make_sequence: Make) -> None:
    nothing = (NAN,) * 4
    data = DataSet(VOT, (make_sequence([nothing] * 10 + [BOX] * 30), make_sequence([nothing] * 90)))
    reset_plan = plan.read("vot_reset")
    assert scores.eao_lengths(data, reset_plan) == (2, 30)
    assert scores.eao_lengths(data, replace(reset_plan, max_frames=20)) == (2, 20)
    unlabelled = DataSet(VOT, (make_sequence([nothing] * 9),))
    assert scores.eao_lengths(unlabelled, reset_plan) is None


def test_runs_that_end_before_the_protocols_lengths_have_no_eao(make_sequence: Make) -> None:
    data = DataSet(VOT, (make_sequence([BOX] * 400),))
    vot2016 = plan.read("vot2016_reset")
    assert scores.eao_lengths(data, replace(vot2016, max_frames=370)) is None
    assert scores.eao_lengths(data, replace(vot2016, max_frames=371)) == (108, 371)


def test_an_average_leaves_out_what_is_unknown_of_a_sequence() -> None:
    known = [score(0.5, what_if={"no_overlap": value}) for value in (0.2, NAN, 0.4)]
    assert average("t", "g", known).what_if["no_overlap"] == pytest.approx(0.3)
    none = average("t", "g", [score(0.5, what_if={"no_overlap": NAN})])
    assert math.isnan(none.what_if["no_overlap"])


class Unreadable:
    """The frames of a recording whose pictures are broken."""

    def open(self, start_frame: int, rate_hz: float | None) -> NoReturn:
        raise SourceError("The picture is damaged.", "Copy it again.")


@pytest.mark.parametrize("protocol", ["short", "vot_reset"])
@pytest.mark.parametrize("threw", ["", "RuntimeError: no"])
def test_a_clip_whose_frames_have_no_known_size_is_missed_altogether(
    make_sequence: Make, make_result: Callable[..., Result], protocol: str, threw: str
) -> None:
    sequence = replace(make_sequence([BOX] * 5), frames=Unreadable())
    bounded, chosen = Conventions(bounded=True), plan.read(protocol)
    result = make_result([BOX] * 5, error=threw)
    found = scores.of_sequence(result, sequence, bounded, chosen)
    assert found.error == (threw or "SourceError: The picture is damaged.")
    assert found.is_scored
    if protocol == "short":
        assert found.measures["success_auc"] == 0
    else:
        assert found.measures["failures"] == 1
    # Without a box there is nothing to cut.
    crashed = make_result([], error="TargetError: no")
    assert scores.of_sequence(crashed, sequence, bounded, chosen).error == "TargetError: no"
    unlabelled = replace(make_sequence([(NAN,) * 4]), frames=Unreadable())
    assert scores.of_sequence(make_result([]), unlabelled, bounded, chosen).error == ""
