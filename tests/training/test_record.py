"""Facts about the log of a run: its minutes go on, and what was done twice counts once."""

import json
import time

import pytest

from thermedge.evaluation.scores import Interval
from thermedge.training import record
from thermedge.training.record import Record, entries, minutes_at
from thermedge.training.validate import Tried


@pytest.fixture
def clock(monkeypatch):
    """Seconds that only move when the test moves them."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_minutes_are_those_of_training_and_go_on_after_a_stop(tmp_path, clock):
    with Record(tmp_path, "mine", 0) as log:
        clock[0] += 60
        log.write(50, 200, {"total": 2.0})
        with log.paused():
            clock[0] += 6000
        clock[0] += 60
        log.write(100, 400, {"total": 1.0})
        assert log.seconds == 120
    clock[0] += 6000
    with Record(tmp_path, "mine", 120) as log:  # the last checkpoint was later than the log
        clock[0] += 30
        log.write(150, 600, {"total": 0.5})
    assert [entry["minutes"] for entry in entries(tmp_path / record.LOG)] == [1, 2, 2.9]


def test_steps_that_were_done_twice_count_once(tmp_path):
    lines = [
        {"step": 50, "samples": 200, "minutes": 1.0, "total": 3},
        {"step": 100, "samples": 400, "minutes": 2.0, "total": 2},
        {"step": 100, "samples": 400, "minutes": 2.0, "success_auc": {"val": [0.5, 0.4, 0.6]}},
        {"step": 150, "samples": 600, "minutes": 3.0, "total": 1},  # killed; resumed at 60
        {"step": 100, "samples": 400, "minutes": 2.1, "total": 2.5},
    ]
    path = tmp_path / record.LOG
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    log = entries(path)
    assert [(entry["step"], entry.get("total")) for entry in log] == [
        (50, 3),
        (100, 2.5),
        (100, None),
        (150, 1),
    ]
    assert minutes_at(50, log) == 1
    assert minutes_at(125, log) == pytest.approx(2.5)
    assert minutes_at(25, log) == pytest.approx(0.5)  # by the pace up to the first entry
    assert minutes_at(0, log) == 0
    assert minutes_at(7, []) == 0


def test_a_log_without_minutes_has_those_that_its_speed_tells(tmp_path):
    path = tmp_path / record.LOG
    path.write_text('{"step": 50, "samples": 6000, "samples_per_s": 50.0}\n')
    assert entries(path)[0]["minutes"] == 2


def test_scores_are_logged_with_their_interval(tmp_path):
    with Record(tmp_path, "mine", 0) as log:
        clips = {"one": 0.61234, "two": 0.8}
        log.validated(10, 40, {"drone_ir/val": Tried(Interval(0.71234, 0.6, 0.8), clips)})
    (entry,) = entries(tmp_path / record.LOG)
    assert entry["success_auc"] == {"drone_ir/val": [0.7123, 0.6, 0.8]}
    assert entry["clips"] == {"drone_ir/val": {"one": 0.6123, "two": 0.8}}
    assert (entry["step"], entry["samples"]) == (10, 40)


def test_the_curves_are_drawn_beside_the_log(tmp_path):
    with Record(tmp_path, "mine", 0) as log:
        log.draw()
        assert (tmp_path / record.CURVES).read_text().startswith("<svg")
        log.write(50, 200, {"total": 2.0, "hit": 0.5, "iou": 0.4, "rate": 0.1})
        log.draw()
    assert "loss: total" in (tmp_path / record.CURVES).read_text()


def test_half_a_line_is_skipped_and_the_next_entry_begins_its_own(tmp_path):
    path = tmp_path / record.LOG
    path.write_text('{"step": 50, "samples": 4, "minutes": 1}\n{"step": 1')
    with Record(tmp_path, "mine", 50) as log:
        log.write(100, 8, {"total": 1.0})
    assert [entry["step"] for entry in entries(path)] == [50, 100]
    assert len(path.read_text().splitlines()) == 3


def test_a_run_from_its_beginning_starts_with_an_empty_log(tmp_path):
    with Record(tmp_path, "mine", 0) as log:
        log.write(50, 200, {"total": 2.0})
    with Record(tmp_path, "mine", 0) as log:
        log.write(25, 100, {"total": 1.0})
    assert [entry["step"] for entry in entries(tmp_path / record.LOG)] == [25]
