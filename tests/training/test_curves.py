"""Facts about the drawing of a run."""

from xml.etree import ElementTree

import pytest

from thermedge.training import curves


def step(number, **figures):
    own = {"score": 1 / number, "hit": 1 - 1 / number, "iou": 0.8 - 0.8 / number}
    clock = {"step": 50 * number, "samples": 400 * number, "minutes": 0.5 * number}
    return {**clock, "total": 3 / number, **own, "rate": 1e-3, "samples_per_s": 13.3, **figures}


def tried(number, **scores):
    clock = {"step": 50 * number, "samples": 400 * number, "minutes": 0.5 * number}
    return {**clock, "success_auc": scores}


def texts(drawing):
    return [element.text for element in ElementTree.fromstring(drawing).iter() if element.text]


def test_every_part_of_the_loss_has_a_panel_and_the_rate_has_none():
    told = texts(curves.draw("mine", [step(n) for n in range(1, 30)]))
    assert [text for text in told if text.startswith("loss: ")] == ["loss: total", "loss: score"]
    assert told[0] == "mine: 11,600 samples in 14.5 minutes of training"
    assert "found 0.966" in told
    assert "IoU 0.772" in told
    assert not any("rate" in text or "success" in text for text in told)


def test_minutes_stand_above_the_samples_of_that_moment():
    told = texts(curves.draw("mine", [step(n) for n in range(1, 21)]))
    assert "10 min" in told
    assert told[told.index("10 min") + 1] == "8k"


def test_validation_is_drawn_per_folder_with_its_interval():
    log = [
        step(1),
        step(2),
        tried(2, val=[0.4, 0.3, 0.5]),
        step(3),
        tried(3, val=[0.6, 0.5, 0.7], other=[0.2, 0.1, 0.3]),
    ]
    drawing = curves.draw("mine", log)
    assert "val 0.600" in texts(drawing)
    assert "other 0.200" in texts(drawing)
    assert drawing.count("<polygon") == 2


@pytest.mark.parametrize("length", [0, 1, 2, 1000])
def test_a_log_of_any_length_is_drawn_small(length):
    log = [step(n) for n in range(1, length + 1)]
    drawing = curves.draw("a < b", log)
    ElementTree.fromstring(drawing)
    assert "nan" not in drawing
    assert len(drawing) < 40_000


def test_a_loss_that_does_not_change_and_one_that_was_not_logged_are_drawn():
    log = [step(1, total=2.0), {**step(2, total=2.0), "mask": 0.3}, step(3, total=2.0, mask=0.2)]
    drawing = curves.draw("mine", log)
    assert "loss: mask" in texts(drawing)
    assert "nan" not in drawing


def test_lines_stay_within_their_panels():
    drawing = curves.draw("mine", [step(1, total=1e6), *(step(n) for n in range(2, 60))])
    for line in ElementTree.fromstring(drawing).iter("{http://www.w3.org/2000/svg}polyline"):
        for point in (line.get("points") or "").split():
            x, y = (float(part) for part in point.split(","))
            assert 0 <= x <= 300
            assert 0 <= y <= 190
