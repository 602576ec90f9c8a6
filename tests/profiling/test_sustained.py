from dataclasses import replace

import pytest

from thermedge.geometry import Box
from thermedge.profiling.board_watch import Moment
from thermedge.profiling.latency import COLUMNS, Floats, FrameTimes
from thermedge.profiling.sustained import parts
from thermedge.runtime.board_state import BoardState
from thermedge.runtime.track import Track


def rows(count: int, *, every_s: float = 0.5, idle: int = 0) -> Floats:
    """Updates that take 2 ms in the first half and 4 ms in the second one, after idle frames."""
    now = iter(1000 + every_s * index for index in range(-idle, count))
    found = FrameTimes(lambda: next(now))
    for index in range(-idle, 0):
        found.add(Track(Box(1, 2, 3, 4), 0.0, "idle", index, 0, 0, {}))
    for index in range(count):
        spent = {"infer": 2.0 if index < count // 2 else 4.0}
        found.add(Track(Box(1, 2, 3, 4), 1.0, "tracking", index, 0, 0, spent))
    return found.rows()


def moment(at_s: float, state: BoardState, celsius: float, mhz: float) -> Moment:
    return Moment(
        at_s, replace(state, temperatures_c={"cpu": celsius, "gpu": 20.0}, clocks_mhz={"cpu0": mhz})
    )


def test_a_run_that_slows_down_shows_it(board_state: BoardState) -> None:
    found = parts(rows(241), [], warm_up=0, count=4)
    assert [part.minute for part in found] == pytest.approx([0, 0.5, 1, 1.5])
    assert [part.figures.stages["tracker"].p50 for part in found] == [2, 2, 4, 4]
    assert sum(part.figures.frames for part in found) == 241
    assert found[0].figures.fps == pytest.approx(2)


def test_each_part_has_its_own_heat_and_clocks(board_state: BoardState) -> None:
    cool = [moment(1000 + second, board_state, 50.0, 1500.0 - second) for second in range(60)]
    hot = [moment(1060 + second, board_state, 90.0, 800.0 + second) for second in range(61)]
    hot.append(Moment(1110, replace(board_state, is_throttled=True)))
    first, second = parts(rows(241), cool + hot, warm_up=0, count=2)
    assert (first.hottest_c, first.slowest_mhz, first.is_throttled) == (50, {"cpu0": 1441}, False)
    assert (second.hottest_c, second.slowest_mhz, second.is_throttled) == (90, {"cpu0": 800}, True)


def test_a_machine_without_sensors_tells_neither(board_state: BoardState) -> None:
    silent = replace(board_state, temperatures_c={}, clocks_mhz={}, is_throttled=None)
    found = parts(rows(241), [Moment(1001, silent)], warm_up=0)
    assert {part.hottest_c for part in found} == {part.is_throttled for part in found} == {None}
    assert [part.slowest_mhz for part in found] == [{}] * 10


def test_the_warm_up_is_in_no_part() -> None:
    found = parts(rows(240), [], warm_up=120)
    assert [part.figures.stages["tracker"].p50 for part in found] == [4] * 10


def test_idle_frames_are_no_part_of_the_warm_up() -> None:
    found = parts(rows(240, idle=150), [], warm_up=120)
    assert [part.figures.stages["tracker"].p50 for part in found] == [4] * 10
    assert sum(part.figures.frames for part in found) == 120


def test_a_clock_that_steps_backwards_leaves_no_parts() -> None:
    found = rows(240)
    found[100:, COLUMNS.index("end_s")] -= 3600
    assert parts(found, [], warm_up=20) == []
    assert len(parts(found, [], warm_up=120)) == 10  # it stepped before


def test_too_few_frames_have_no_parts() -> None:
    assert parts(rows(14), [], warm_up=5) == []
    assert len(parts(rows(15), [], warm_up=5)) == 10


def test_a_part_tells_the_minute_of_the_run_though_its_beginning_was_not_kept() -> None:
    found = parts(rows(241), [], warm_up=0, began_s=1000 - 600, count=4)
    assert [part.minute for part in found] == pytest.approx([10, 10.5, 11, 11.5])
