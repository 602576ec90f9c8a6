from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from thermedge.bundles import find
from thermedge.errors import SourceError, TargetError
from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.profiling import runs
from thermedge.profiling.latency import COLUMNS
from thermedge.profiling.subjects import Subject
from thermedge.runtime.sources import open_source
from thermedge.runtime.track import Track

BOX = Box(1, 2, 3, 4)


class Scripted:
    """A tracker that notes whose turn it was."""

    def __init__(self, name: str, seen: list[tuple[str, int]]) -> None:
        self.name, self.seen, self.starts = name, seen, 0

    def init(self, frame: Frame, box: Box) -> Track:
        self.starts += 1
        return self.update(frame)

    def update(self, frame: Frame) -> Track:
        self.seen.append((self.name, frame.index))
        return Track(BOX, 1.0, "tracking", frame.index, 0, 0, {"infer": 1.0})

    def close(self) -> None:
        pass


class Clip:
    """A few frames that wait, or a camera."""

    width_px = height_px = 8
    rate_hz, num_frames, start_box, live = 30.0, None, BOX, False
    faults: dict[str, int] = {}

    def __init__(self, count: int, *, live: bool = False) -> None:
        self._count, self.live = count, live

    def __iter__(self) -> Iterator[Frame]:
        counts = np.zeros((8, 8), np.uint16)
        return iter([Frame(counts, index, index) for index in range(self._count)])

    def __enter__(self) -> "Clip":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def close(self) -> None:
        pass


def turns(*names: str, count: int = 40, **options: Any) -> tuple[list[runs.Run], list[Any]]:
    seen: list[tuple[str, int]] = []
    trackers = {name: Scripted(name, seen) for name in names}
    choose = options.pop("choose", lambda source: BOX)
    found = runs.in_turns(trackers, lambda: Clip(count), choose, **options)
    return found, seen


@pytest.mark.parametrize("turn", [1, 7, runs.TURN])
def test_every_tracker_follows_some_frames_before_the_next_come(turn: int) -> None:
    found, seen = turns("a", "b", "c", turn=turn)
    for first in range(0, 40, turn):
        some = range(first, min(first + turn, 40))
        told = seen[3 * first : 3 * (first + len(some))]
        names = [name for name, _ in told[:: len(some)]]
        assert sorted(names) == ["a", "b", "c"]
        assert told == [(name, index) for name in names for index in some]
    assert [run.name for run in found] == ["a", "b", "c"]


def test_frames_of_one_turn_stay_though_the_source_uses_their_memory_again() -> None:
    class Ring(Clip):
        def __iter__(self) -> Iterator[Frame]:
            counts = np.zeros((8, 8), np.uint16)
            for index in range(40):
                counts.fill(index)
                yield Frame(counts, index, index)

    seen: list[int] = []

    class Looking(Scripted):
        def update(self, frame: Frame) -> Track:
            seen.append(int(frame.counts[0, 0]))
            return super().update(frame)

    runs.in_turns({"a": Looking("a", [])}, lambda: Ring(40), lambda source: BOX)
    assert seen == list(range(40))


@pytest.mark.parametrize("names", ["ab", "abc", "abcd"])
def test_nobody_is_always_first(names: str) -> None:
    _, seen = turns(*names, count=60, turn=1)
    firsts = [seen[len(names) * index][0] for index in range(60)]
    assert max(firsts.count(name) for name in names) <= 60 / len(names) * 1.5


def test_rounds_begin_anew_and_add_up() -> None:
    found, seen = turns("a", "b", count=30, rounds=3)
    assert len(seen) == 2 * 90
    rows = found[0].times.rows()
    assert rows[:, COLUMNS.index("start")].sum() == 3
    assert (found[0].passes, found[0].states) == (3, {"tracking": 90})


def test_the_time_of_a_call_is_its_wall_time_whatever_the_tracker_tells() -> None:
    found, _ = turns("a")
    row = found[0].times.rows()[5]
    told = dict(zip(COLUMNS, row.tolist(), strict=True))
    # It says that inference took 1 ms, and came back after some microseconds.
    assert 0 < told["tracker"] < 1
    assert told["infer"] == 1


def test_max_frames_ends_a_round() -> None:
    found, seen = turns("a", max_frames=31)
    assert len(seen) == 31
    assert found[0].figures(0).frames == 30


class Patient:
    """Chooses a target in the fourth frame that it sees, or never."""

    def __init__(self, *, sees: int = 3) -> None:
        self.left = sees

    def choose(self, frame: Frame) -> Box | None:
        self.left -= 1
        return BOX if self.left < 0 else None

    def failed(self) -> TargetError:
        return TargetError("Nothing stood out.", "Give its box.")


def test_all_start_on_the_frame_that_a_chooser_takes_and_anew_in_each_round() -> None:
    seen: list[tuple[str, int]] = []
    trackers = {name: Scripted(name, seen) for name in "ab"}
    found = runs.in_turns(trackers, lambda: Clip(40), lambda source: Patient(), rounds=2)
    assert {index for _, index in seen} == set(range(3, 40))
    for run in found:
        assert run.states == {"idle": 6, "tracking": 74}
        assert run.times.rows()[:, COLUMNS.index("start")].sum() == 2
        assert run.figures(10).frames == 2 * 36 - 10
    assert [tracker.starts for tracker in trackers.values()] == [2, 2]


def test_a_target_that_is_never_chosen_is_the_choosers_error() -> None:
    with pytest.raises(TargetError, match="Nothing stood out"):
        turns("a", choose=lambda source: Patient(sees=99))


def test_a_live_source_is_no_ground_for_a_comparison() -> None:
    with pytest.raises(SourceError, match="two trackers") as error:
        runs.in_turns({"a": Scripted("a", [])}, lambda: Clip(9, live=True), lambda source: BOX)
    assert "--record" in error.value.remedy


def test_a_source_that_ends_early_is_an_error_with_both_numbers() -> None:
    found, _ = turns("a", count=12)
    with pytest.raises(SourceError, match="tracked 1 frames after a warm-up of 10"):
        found[0].figures(10)


@pytest.fixture(scope="module")
def subject() -> Iterator[Any]:
    opened = Subject(find("default"), "ort").open()
    with opened.tracker:
        yield opened


def loop(subject: Any, uri: str, **options: Any) -> runs.Run:
    return runs.in_loop(
        subject.name,
        subject.tracker,
        lambda: open_source(uri),
        lambda source: source.start_box,
        **options,
    )


def test_a_run_in_the_loop_has_all_stages_of_every_frame(subject: Any) -> None:
    run = loop(subject, "synthetic:frames=45,size=128x96")
    figures = run.figures(10)
    assert figures.frames == 45 - 1 - 10
    assert figures.stages["wait"].p50 > 0
    assert figures.stages["infer"].p50 < figures.stages["tracker"].p50
    assert figures.fps > 0
    assert sum(run.states.values()) == 45
    assert len(run.update_ms(10)) == 34


def test_minutes_open_the_source_again_until_they_are_over(subject: Any) -> None:
    run = loop(subject, "synthetic:frames=6,size=128x96", minutes=0.5 / 60)
    assert run.passes >= 2
    assert len(run.times.rows()) >= 7
    assert run.times.rows()[:, COLUMNS.index("start")].sum() == run.passes


def test_max_frames_holds_for_all_passes_together(subject: Any) -> None:
    run = loop(subject, "synthetic:frames=6,size=128x96", minutes=5.0, max_frames=15)
    assert (len(run.times.rows()), run.passes) == (15, 3)


def test_a_source_without_frames_is_an_error_even_for_minutes(subject: Any) -> None:
    with pytest.raises(SourceError, match="no frame"):
        runs.in_loop("x", subject.tracker, lambda: Clip(0), lambda source: BOX, minutes=1.0)


def test_a_track_without_stages_is_timed_too() -> None:
    class Bare(Scripted):
        def update(self, frame: Frame) -> Track:
            return replace(super().update(frame), stage_ms={})

    found = runs.in_turns({"a": Bare("a", [])}, lambda: Clip(40), lambda source: BOX)
    assert found[0].figures(0).stages["tracker"].p50 > 0


def test_a_warm_up_that_was_forgotten_is_not_taken_from_the_frames_that_are_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("thermedge.profiling.latency._BLOCK", 8)
    (run,), _ = turns("a", count=65 * 8)
    assert run.times.forgotten == 8
    assert (run.kept_of(5), run.kept_of(20)) == (0, 12)
    seen = run.figures(5)
    assert (seen.frames, seen.warm_up, len(run.update_ms(5))) == (64 * 8, None, 64 * 8)
