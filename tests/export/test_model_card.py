"""Facts about the model card: its sections, and what a run's log says of a step."""

import json

import pytest

from thermedge import bundle
from thermedge.evaluation.scores import Average, Interval
from thermedge.export import model_card


def average(group, mean, low, high, count):
    measures = {"success_auc": Interval(mean, low, high)}
    return Average("", group, count, 0, measures, {}, 1.0)


@pytest.fixture
def card(tmp_path):
    path = tmp_path / bundle.MODEL_CARD
    path.write_text("# Name\n\n## Accuracy\n\noutdated\n\n## Limits\n\nMany.\n")
    return path


def test_a_section_takes_the_place_of_the_older_one_and_leaves_the_others(card):
    model_card.put(card.parent, "## Accuracy\n\nnewest\n")
    assert card.read_text() == "# Name\n\n## Limits\n\nMany.\n\n## Accuracy\n\nnewest\n"


def test_a_section_put_twice_is_there_once(card):
    model_card.put(card.parent, "## Accuracy\n\nnewest\n")
    before = card.read_text()
    model_card.put(card.parent, "## Accuracy\n\nnewest\n")
    assert card.read_text() == before


def test_a_title_is_not_found_inside_another(card):
    model_card.put(card.parent, "## Acc\n\nshort\n")
    assert "outdated" in card.read_text()
    assert card.read_text().endswith("\n\n## Acc\n\nshort\n")


def test_accuracy_is_a_row_for_each_data_set():
    measured = [average("a/val", 0.71234, 0.6, 0.8, 27), average("b/val", 0.5, 0.25, 0.75, 4)]
    text = model_card.accuracy(measured, "one pass; int8 by ONNX Runtime")
    assert text.startswith("## Accuracy\n\n")
    assert "(one pass; int8 by ONNX Runtime)" in text
    assert "\n| a/val | 27 | 0.712 | 0.600 to 0.800 |\n" in text
    assert text.endswith("\n| b/val | 4 | 0.500 | 0.250 to 0.750 |\n")


def test_a_log_tells_the_scores_of_the_step_that_was_written_last(tmp_path):
    log = tmp_path / "log.jsonl"
    lines = [
        {"step": 2, "success_auc": {"a": [0.1, 0.1, 0.1]}},
        {"step": 4, "success_auc": {"a": [0.9, 0.9, 0.9]}},
        {"step": 2, "success_auc": {"a": [0.5, 0.4, 0.6]}},
        {"step": 2, "total": 1.0},
    ]
    half = '{"step": 2, "success_auc": {"a'
    log.write_text("\n".join([*map(json.dumps, lines), half]))
    assert model_card.validated(log, 2) == {"a": [0.5, 0.4, 0.6]}
    assert model_card.validated(log, 3) == {}


def test_no_log_tells_no_scores(tmp_path):
    assert model_card.validated(tmp_path / "log.jsonl", 2) == {}
