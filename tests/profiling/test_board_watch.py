import time
from dataclasses import replace

import pytest

from thermedge.profiling.board_watch import BoardWatch, Moment, told, total_rails
from thermedge.runtime.board_state import BoardState

COLD = BoardState(
    "25W", {"tj": 40.0}, {"VDD_IN": 5.0}, {"gpu": 1020.0}, False, {"oc3": 7}, {}, True
)
HOT = replace(
    COLD, temperatures_c={"tj": 90.0}, rails_w={"VDD_IN": 25.0}, clocks_mhz={"gpu": 306.0}
)
NOTHING = BoardState(None, {}, {}, {}, None, {}, {}, None)


def moments(*states: BoardState, every_s: float = 1.0) -> list[Moment]:
    return [Moment(index * every_s, state) for index, state in enumerate(states)]


def test_the_sensors_are_read_from_entering_to_leaving() -> None:
    states = iter([COLD] * 2 + [HOT] * 10_000)
    with BoardWatch(every_s=0.01, read=lambda: next(states)) as watch:
        time.sleep(0.1)
    run = told(watch.moments)
    assert run.samples >= 3
    assert (run.temperatures_c["tj"].first, run.temperatures_c["tj"].last) == (40.0, 90.0)
    assert (run.clocks_mhz["gpu"].low, run.clocks_mhz["gpu"].high) == (306.0, 1020.0)
    assert (run.power_mode, run.are_clocks_locked) == ("25W", True)


def test_a_short_run_has_its_begin_and_its_end() -> None:
    states = iter([COLD, HOT])
    with BoardWatch(read=lambda: next(states)) as watch:
        pass
    assert [moment.state for moment in watch.moments] == [COLD, HOT]


def test_a_long_run_keeps_its_first_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thermedge.profiling.board_watch._KEPT", 4)
    states = iter([COLD] + [HOT] * 10_000)
    with BoardWatch(every_s=0.001, read=lambda: next(states)) as watch:
        time.sleep(0.1)
    assert len(watch.moments) <= 4
    assert watch.moments[0].state is COLD


def test_a_long_run_forgets_no_hour_and_no_throttling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thermedge.profiling.board_watch._KEPT", 16)
    clock = iter(range(1000))
    monkeypatch.setattr("thermedge.profiling.board_watch.time.perf_counter", lambda: next(clock))
    throttled = replace(HOT, is_throttled=True)
    states = iter([HOT] * 9 + [throttled] + [HOT] * 490 + [COLD] * 500)
    watch = BoardWatch(read=lambda: next(states))
    for _ in range(1000):
        watch.look()
    run = told(watch.moments)
    assert run.samples <= 16
    assert run.is_throttled
    assert run.total_w == pytest.approx((25 + 5) / 2, rel=0.2)
    assert watch.moments[-1].at_s == 999


def test_power_is_averaged_over_time_not_over_samples() -> None:
    seen = [Moment(0.0, COLD), Moment(1.0, COLD), Moment(1.0, HOT), Moment(11.0, HOT)]
    assert told(seen).total_w == pytest.approx((5 * 1 + 25 * 10) / 11)
    assert told(seen).total_of == ("VDD_IN",)


def test_a_clock_that_steps_backwards_adds_no_energy() -> None:
    seen = [Moment(0.0, COLD), Moment(2.0, COLD), Moment(-3600.0, HOT), Moment(-3599.0, COLD)]
    assert told(seen).total_w == pytest.approx((5 * 2 + 15 * 1) / 3)


def test_a_machine_without_sensors_says_nothing() -> None:
    run = told(moments(NOTHING, NOTHING))
    assert (run.total_w, run.is_throttled, run.temperatures_c) == (None, None, {})


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (COLD, False),
        (replace(COLD, throttle_counts={"oc3": 9}), True),
        (replace(COLD, is_throttled=True), True),
    ],
)
def test_a_sign_or_an_event_is_a_throttled_run(after: BoardState, expected: bool) -> None:
    assert told(moments(COLD, after)).is_throttled is expected


def test_only_events_of_the_run_count() -> None:
    after = replace(COLD, throttle_counts={"oc3": 9, "oc2": 4})  # oc2 was not there before
    assert told(moments(COLD, after)).throttle_events == {"oc3": 2}


def test_a_sign_in_the_middle_is_not_forgotten() -> None:
    assert told(moments(COLD, replace(COLD, is_throttled=True), COLD)).is_throttled is True


@pytest.mark.parametrize(
    ("rails", "total"),
    [
        (("POM_5V_IN", "POM_5V_GPU", "POM_5V_CPU"), ("POM_5V_IN",)),
        (("VDD_SYS_GPU", "VDD_IN"), ("VDD_IN",)),
        (("VDD_GPU", "VIN_SYS_5V0", "VIN"), ("VIN",)),
        (
            ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0", "VDDQ_VDD2_1V8AO"),
            ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"),
        ),
        (
            ("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"),
            ("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"),
        ),
        (("VDD_GPU_SOC",), ()),
        ((), ()),
    ],
)
def test_the_total_is_the_input_rail_or_the_sum_of_all_parts(
    rails: tuple[str, ...], total: tuple[str, ...]
) -> None:
    assert total_rails(rails) == total
