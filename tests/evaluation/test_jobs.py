"""Facts about running many sequences."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from thermedge.errors import ThermedgeError
from thermedge.evaluation import contenders, datasets, jobs, plan
from thermedge.evaluation.results import Result
from thermedge.evaluation.sequences import Sequence

SHORT = plan.read("short")
BOX, AWAY = (10.0, 8.0, 8.0, 6.0), (40.0, 30.0, 8.0, 6.0)


def boxes(results: dict[str, Result]) -> list[list[float]]:
    return results["static"].boxes.tolist()


@pytest.fixture
def todo(plain: Callable[..., Path]) -> list[jobs.Job]:
    data = datasets.read(plain({"a": 3, "b": 5}))
    rivals = tuple(contenders.from_peer("static"))
    return [jobs.Job(sequence, rivals, SHORT) for sequence in data.sequences]


def test_every_job_is_done_once_and_in_order(todo: list[jobs.Job]) -> None:
    done = list(jobs.run_all(todo))
    assert [one.job.sequence.name for one in done] == ["a", "b"]
    assert boxes(done[0].results) == [list(BOX)] * 3


def test_processes_say_the_same_as_this_one(todo: list[jobs.Job]) -> None:
    alone = {one.job.sequence.name: boxes(one.results) for one in jobs.run_all(todo)}
    together = {one.job.sequence.name: boxes(one.results) for one in jobs.run_all(todo, workers=2)}
    assert together == alone


def test_more_workers_than_jobs_and_more_jobs_than_workers_are_both_done(
    plain: Callable[..., Path],
) -> None:
    data = datasets.read(plain(dict.fromkeys("abcde", 2)))
    rivals = tuple(contenders.from_peer("static"))
    todo = [jobs.Job(sequence, rivals, SHORT) for sequence in data.sequences]
    for few, workers in ((todo, 2), (todo[:1], 3)):
        names = sorted(one.job.sequence.name for one in jobs.run_all(few, workers=workers))
        assert names == [job.sequence.name for job in few]


def test_a_sequence_that_can_not_be_read_does_not_end_the_others(todo: list[jobs.Job]) -> None:
    for picture in Path(todo[0].sequence.frames.path).glob("*.png"):  # type: ignore[attr-defined]
        picture.write_bytes(b"no picture")
    bad, good = jobs.run_all(todo)
    assert bad.results["static"].error.startswith("SourceError: ")
    assert good.results["static"].error == ""


@pytest.mark.parametrize(
    ("kind", "events"),
    [
        ("one_pass", ["start", "tracked", "tracked", "tracked"]),
        ("reset", ["start", "failed", "skipped", "skipped"]),
        ("real_time", ["start", "held", "held", "held"]),
    ],
)
def test_the_protocols_kind_decides_how_a_tracker_is_run(
    make_sequence: Callable[..., Sequence], scripted: Any, kind: Any, events: list[str]
) -> None:
    chosen = replace(SHORT, kind=kind, skip_frames=5, latencies_ms=(1e6,))
    result = jobs.follow(scripted([AWAY] * 4), make_sequence([BOX] * 4), chosen)
    assert [row.event for row in result.rows] == events


@pytest.mark.parametrize(
    ("text", "environment", "expected"),
    [
        (None, {}, (0, 1)),
        ("1/1", {}, (0, 1)),
        ("3/4", {"RANK": "0", "WORLD_SIZE": "2"}, (2, 4)),
        (None, {"RANK": "1", "WORLD_SIZE": "2"}, (1, 2)),
    ],
)
def test_a_shard_is_told_or_taken_from_torchrun(
    text: str | None, environment: dict[str, str], expected: tuple[int, int]
) -> None:
    assert jobs.shard_of(text, environment) == expected


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "a/b", "1/0", ""])
def test_a_shard_that_can_not_be_is_refused(text: str) -> None:
    with pytest.raises(ThermedgeError, match="expected i/n"):
        jobs.shard_of(text, {})
    with pytest.raises(ThermedgeError, match="expected i/n"):
        jobs.shard_of(None, {"RANK": "x", "WORLD_SIZE": "2"})
