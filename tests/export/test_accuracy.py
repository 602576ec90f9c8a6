import pytest

from thermedge.evaluation.scores import SequenceScore
from thermedge.export import accuracy


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
