import numpy as np
import pytest

from thermedge.errors import SourceError
from thermedge.geometry import Box
from thermedge.profiling.compare import ratio
from thermedge.profiling.latency import FrameTimes
from thermedge.profiling.runs import Run
from thermedge.runtime.track import Track


def run(name: str, times_ms: list[float], states: list[str] | None = None) -> Run:
    found = FrameTimes()
    for index, spent in enumerate(times_ms):
        state = states[index] if states else "tracking"
        stages = {"update": float(spent)}
        found.add(Track(Box(1, 2, 3, 4), 1.0, state, index, 0, 0, stages))
    return Run(name, found, in_loop=False)


def test_drift_of_the_machine_cancels() -> None:
    random = np.random.default_rng(1)
    drift = np.linspace(5, 15, 400)
    one = run("one", (drift * 0.5 * random.uniform(0.95, 1.05, 400)).tolist())
    other = run("other", drift.tolist())
    found = ratio(one, other, warm_up=20)
    assert found.ratio == pytest.approx(0.5, abs=0.01)
    assert found.low < 0.5 < found.high
    assert found.high - found.low < 0.05


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(30):
        random = np.random.default_rng(seed)
        one, other = (random.gamma(9, 1, 300).tolist() for _ in range(2))
        found = ratio(run("a", one), run("b", other), warm_up=0, seed=seed)
        hits += found.low <= 1 <= found.high
    assert hits >= 25


def test_frames_in_which_one_of_them_searches_do_not_count() -> None:
    states = ["tracking", "lost"] * 100
    one = run("a", [2.0, 50.0] * 100, states)
    found = ratio(one, run("b", [1.0] * 200), warm_up=0)
    assert (found.ratio, found.frames) == (2.0, 100)


def test_the_warm_up_does_not_count() -> None:
    one = run("a", [90.0] * 20 + [3.0] * 60)
    found = ratio(one, run("b", [1.0] * 80), warm_up=20)
    assert (found.ratio, found.low, found.high) == (3.0, 3.0, 3.0)


def test_the_warm_up_counts_updates_and_no_idle_frames() -> None:
    states = ["idle"] * 30 + ["tracking"] * 80
    one = run("a", [0.0] * 30 + [90.0] * 20 + [3.0] * 60, states)
    other = run("b", [0.0] * 30 + [1.0] * 80, states)
    found = ratio(one, other, warm_up=20)
    assert (found.ratio, found.low, found.high, found.frames) == (3.0, 3.0, 3.0, 60)


def test_frames_that_start_a_track_are_no_part_of_the_warm_up() -> None:
    runs = []
    for name in "ab":
        found = FrameTimes()
        for index in range(101):
            start = Box(1, 2, 3, 4) if index == 0 else None
            stages = {"update": 1.0}
            box = Box(1, 2, 3, 4)
            found.add(Track(box, 1.0, "tracking", index, 0, 0, stages, start=start))
        runs.append(Run(name, found, in_loop=False))
    assert ratio(*runs, warm_up=20).frames == runs[0].figures(20).frames == 80


def test_the_same_runs_have_the_same_interval() -> None:
    random = np.random.default_rng(2)
    one, other = (run(n, random.gamma(9, 1, 200).tolist()) for n in "ab")
    assert ratio(one, other, warm_up=0) == ratio(one, other, warm_up=0)


def test_too_few_common_frames_are_an_error() -> None:
    states = ["lost"] * 100
    with pytest.raises(SourceError, match="in sight in 0 frames"):
        ratio(run("a", [1.0] * 100, states), run("b", [1.0] * 100), warm_up=0)
