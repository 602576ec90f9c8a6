import pytest

from thermedge.evaluation.scores import SequenceScore
from thermedge.export import accuracy, int8


def scores(*values):
    return {
        f"clip{i}": SequenceScore(f"clip{i}", {"success_auc": v}, 1.0) for i, v in enumerate(values)
    }


def test_the_mean_is_over_clips():
    assert accuracy.mean(scores(0.2, 0.6)) == pytest.approx(0.4)


def test_what_is_lost_is_paired_so_that_clips_of_different_difficulty_do_not_widen_it():
    lost = accuracy.lost(scores(0.9, 0.1, 0.5), scores(0.89, 0.09, 0.49))
    assert lost.mean == pytest.approx(0.01)
    assert lost.high - lost.low < 1e-9


def test_a_gain_is_a_negative_loss():
    assert accuracy.lost(scores(0.5, 0.5), scores(0.6, 0.6)).mean == pytest.approx(-0.1)


def test_what_one_clip_gains_does_not_make_up_for_what_another_loses():
    before = scores(0.5, 0.7)
    assert accuracy.apart(before, before) == 0
    assert accuracy.apart(before, scores(0.6, 0.6)) == pytest.approx(0.1)
    assert accuracy.lost(before, scores(0.6, 0.6)).mean == pytest.approx(0)


@pytest.mark.parametrize(
    ("faithful", "lively", "budget", "chosen"),
    [
        ((0.49, 0.69), (0.6, 0.7), 0.05, "minmax"),  # the more accurate one differs more
        ((0.39, 0.59), (0.6, 0.7), 0.05, "entropy"),  # the faithful one loses too much
        ((0.39, 0.59), (0.3, 0.5), 0.05, "minmax"),  # both do
    ],
)
def test_ranges_are_taken_by_how_much_clips_are_like_fp32(faithful, lively, budget, chosen):
    found = {"minmax": scores(*faithful), "entropy": scores(*lively)}
    assert int8.chosen_method(scores(0.5, 0.7), found, budget) == chosen
