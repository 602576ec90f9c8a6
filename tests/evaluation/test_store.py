"""Facts about the folder of results."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from thermedge.errors import DatasetError, ThermedgeError
from thermedge.evaluation import contenders, plan
from thermedge.evaluation.results import Result
from thermedge.evaluation.sequences import Sequence
from thermedge.evaluation.store import Store

SHORT = plan.read("short")
(STATIC,) = contenders.from_peer("static")
(TRUNC,) = contenders.from_peer("static-trunc")
BOX = (10.0, 10.0, 8.0, 6.0)


@pytest.fixture
def sequence(make_sequence: Callable[..., Sequence]) -> Sequence:
    return make_sequence([BOX] * 2)


@pytest.fixture
def result(make_result: Callable[..., Result], sequence: Sequence) -> Result:
    return replace(make_result([BOX] * 2), labels=sequence.digest)


def test_what_is_saved_is_found_again(tmp_path: Path, sequence: Sequence, result: Result) -> None:
    store = Store(tmp_path)
    assert store.load(STATIC, sequence) is None
    assert not store.is_done(STATIC, sequence)
    store.save(STATIC, sequence, result)
    found = store.load(STATIC, sequence)
    assert found is not None
    assert found.boxes.tolist() == [list(BOX)] * 2
    assert store.is_done(STATIC, sequence)
    assert store.load(TRUNC, sequence) is None


def test_a_result_of_other_labels_is_outdated(
    tmp_path: Path, sequence: Sequence, result: Result, make_sequence: Callable[..., Sequence]
) -> None:
    Store(tmp_path).save(STATIC, sequence, result)
    assert Store(tmp_path).load(STATIC, make_sequence([(1, 1, 1, 1)] * 2)) is None


def test_a_sequence_whose_tracker_threw_is_kept_but_not_done(
    tmp_path: Path, sequence: Sequence, result: Result
) -> None:
    store = Store(tmp_path)
    store.save(STATIC, sequence, replace(result, error="RuntimeError: no"))
    assert store.load(STATIC, sequence) is not None
    assert not store.is_done(STATIC, sequence)


def test_shards_of_other_machines_are_read_too(
    tmp_path: Path, sequence: Sequence, result: Result
) -> None:
    Store(tmp_path / "there").save(STATIC, sequence, result)
    here = Store(tmp_path / "here", (tmp_path / "there",))
    assert here.is_done(STATIC, sequence)
    here.save(STATIC, sequence, replace(result, rows=()))
    found = here.load(STATIC, sequence)
    assert found is not None
    assert found.rows == ()  # its own come first


def test_conditions_are_noted_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.prepare(STATIC, SHORT)
    noted = store.conditions(STATIC)
    assert noted["results"]["peer"] == "static"
    assert noted["results"]["protocol_digest"] == SHORT.digest
    assert noted["run"]["thermedge"]
    before = (tmp_path / "static" / "conditions.json").stat().st_mtime_ns
    store.prepare(STATIC, replace(SHORT))
    assert (tmp_path / "static" / "conditions.json").stat().st_mtime_ns == before


def test_results_of_another_protocol_are_not_mixed_in(tmp_path: Path) -> None:
    Store(tmp_path / "old").prepare(STATIC, SHORT)
    longer = replace(SHORT, max_frames=900)
    for store in (Store(tmp_path / "old"), Store(tmp_path / "new", (tmp_path / "old",))):
        with pytest.raises(ThermedgeError, match="holds results with protocol_digest") as caught:
            store.prepare(STATIC, longer)
        assert "--out" in caught.value.remedy


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"run": {}})])
def test_damaged_conditions_are_named(tmp_path: Path, text: str) -> None:
    Store(tmp_path).prepare(STATIC, SHORT)
    (tmp_path / "static" / "conditions.json").write_text(text)
    with pytest.raises(ThermedgeError, match=r"conditions\.json is damaged"):
        Store(tmp_path).prepare(STATIC, SHORT)


def test_a_damaged_result_is_named(tmp_path: Path, sequence: Sequence, result: Result) -> None:
    Store(tmp_path).save(STATIC, sequence, result)
    path = tmp_path / "static" / "made_up" / "clip.csv"
    path.write_text(path.read_text()[:-40])
    with pytest.raises(DatasetError, match=r"clip\.csv is damaged"):
        Store(tmp_path).load(STATIC, sequence)
