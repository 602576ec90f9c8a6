"""Facts about frames that do not wait."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from thermedge.errors import DatasetError
from thermedge.evaluation import plan, realtime, run
from thermedge.evaluation.results import Result
from thermedge.evaluation.sequences import Sequence

Make = Callable[..., Sequence]
PLAN = plan.read("real_time")


def moving(count: int) -> list[tuple[float, float, float, float]]:
    return [(float(number), 10.0, 8.0, 6.0) for number in range(count)]


def in_time(*latencies_ms: float, rate_hz: float = 10.0) -> plan.Plan:
    """Frames every 100 ms."""
    return replace(PLAN, rate_hz=rate_hz, latencies_ms=latencies_ms)


def shown(result: Result) -> list[int]:
    """Which frame's box each frame is scored by."""
    return [int(row.x) for row in result.rows]


@pytest.fixture
def follow(make_sequence: Make, scripted: Any) -> Callable[..., tuple[Result, list[int]]]:
    def follow(chosen: plan.Plan, count: int = 8) -> tuple[Result, list[int]]:
        tracker = scripted(moving(count))
        result = realtime.run_in_real_time(tracker, make_sequence(moving(count)), chosen)
        return result, tracker.seen

    return follow


@pytest.mark.parametrize("latency_ms", [1.0, 99.0, 100.0])
def test_a_tracker_within_the_frame_time_is_scored_as_in_one_pass(
    follow: Any, make_sequence: Make, scripted: Any, latency_ms: float
) -> None:
    result, seen = follow(in_time(latency_ms))
    assert seen == [1, 2, 3, 4, 5, 6, 7]
    once = run.one_pass(scripted(moving(8)), make_sequence(moving(8)))
    assert shown(result) == shown(once)
    assert [row.event for row in result.rows] == [row.event for row in once.rows]
    assert {row.ms for row in result.rows[1:]} == {latency_ms}


def test_a_tracker_of_one_and_a_half_frames_falls_behind_and_misses_every_third(
    follow: Any,
) -> None:
    # It takes frame 1 at 1.0, has it at 2.5, takes 2 (waiting since 2.0) until 4.0, then 4.
    result, seen = follow(in_time(150.0))
    assert seen == [1, 2, 4, 5, 7]
    # Frame 1's box exists at 2.5: in time for frame 2, whose deadline is 3.0.
    assert shown(result) == [0, 0, 1, 2, 2, 4, 5, 5]
    assert [row.event for row in result.rows[1:]] == ["held"] * 7


def test_a_very_slow_tracker_keeps_its_first_box(follow: Any) -> None:
    result, seen = follow(in_time(10_000.0))
    assert seen == [1]
    assert shown(result) == [0] * 8
    assert math.isnan(result.rows[5].ms)


def test_a_single_hiccup_costs_only_the_frames_it_lasts(
    follow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(realtime.zlib, "crc32", lambda name: 0)
    result, seen = follow(in_time(10.0, 10.0, 350.0, 10.0, 10.0, 10.0, 10.0))
    assert seen == [1, 2, 3, 6, 7]
    assert shown(result) == [0, 1, 2, 2, 2, 2, 6, 7]


quick = settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@quick
@given(st.lists(st.integers(1, 400), min_size=1, max_size=6), st.integers(2, 12))
def test_the_clock_agrees_with_a_simulation_millisecond_by_millisecond(
    follow: Any, latencies: list[int], count: int
) -> None:
    result, seen = follow(in_time(*map(float, latencies)), count)
    begin = realtime.zlib.crc32(b"clip")
    expected_seen: list[int] = []
    done_at: dict[int, int] = {0: 0}  # frame -> when its box exists
    busy_until = 0
    for now in range(100 * count):
        newest = now // 100
        if newest > 0 and now >= busy_until and newest not in done_at:
            latency = latencies[(begin + len(expected_seen)) % len(latencies)]
            expected_seen.append(newest)
            busy_until = done_at[newest] = now + latency
    assert seen == expected_seen
    for number, frame in enumerate(shown(result)):
        known = [f for f, done in done_at.items() if done <= 100 * (number + 1) and f <= number]
        assert frame == max(known)


def test_without_latencies_the_tracker_is_timed_as_it_runs(follow: Any) -> None:
    result, seen = follow(replace(PLAN, rate_hz=0.01))
    assert seen == [1, 2, 3, 4, 5, 6, 7]
    assert all(0 <= row.ms < 100_000 for row in result.rows)


def test_the_recordings_own_rate_is_the_default(make_sequence: Make, scripted: Any) -> None:
    tracker = scripted(moving(6))
    chosen = replace(PLAN, latencies_ms=(66.0,))
    realtime.run_in_real_time(tracker, make_sequence(moving(6)), chosen)  # 30 Hz: 33.3 ms
    assert tracker.seen == [1, 2, 4]  # free again at 2.98, 4.96 and 6.94 frames


def test_a_crash_in_real_time_is_recorded(make_sequence: Make, scripted: Any) -> None:
    boxes = [*moving(3), None, None]
    result = realtime.run_in_real_time(scripted(boxes), make_sequence(moving(5)), in_time(1.0))
    assert (len(result.rows), result.error[:13]) == (3, "RuntimeError:")
    unlabelled = make_sequence([(math.nan,) * 4])
    assert realtime.run_in_real_time(scripted([]), unlabelled, in_time(1.0)).rows == ()


@pytest.mark.parametrize(
    "text",
    [
        "12.5\n8\n",
        "frame,latency_ms\n1,12.5\n2,8\n",
        "# labels: abc\nframe,x,y,w,h,score,ms,event,state\n"
        "0,1,1,1,1,1,99,start,tracking\n1,1,1,1,1,1,12.5,tracked,tracking\n"
        "2,1,1,1,1,1,8,held,tracking\n3,1,1,1,1,1,nan,held,tracking\n",
        '{"frame":1,"stage_ms":{"wait":30.0,"infer":12.0,"update":0.5}}\n{"latency_ms":8}\n',
    ],
)
def test_latencies_are_read_in_any_form_that_a_board_writes(tmp_path: Path, text: str) -> None:
    path = tmp_path / "board.csv"
    path.write_text(text)
    assert realtime.read_latencies(path) == (12.5, 8.0)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a,b\n1,2\n", "holds no latencies"),
        ("fast\n", "holds no latencies"),
        ('{"frame": 1}\n', "holds no latencies"),
        ("", "holds no latency above 0 ms"),
        ("0\n0\n", "holds no latency above 0 ms"),
        ("frame,latency_ms\n1,12.5\n2", "row 2 has 1 cells, expected 2"),
        ("frame,ms,event\n0,9,start\n1,12.5,tracked\n2,8\n", "row 3 has 2 cells, expected 3"),
        (
            "run,frame,event,update_ms\na fp32,1,tracked,2\nb int8,1,tracked,3\n",
            "times of a fp32 and b int8, expected one tracker's",
        ),
    ],
)
def test_a_file_without_latencies_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "board.csv"
    path.write_text(text)
    with pytest.raises(DatasetError, match=complaint):
        realtime.read_latencies(path)
