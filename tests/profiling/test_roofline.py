import math
import sys
from pathlib import Path

import pytest

from thermedge.errors import BackendError
from thermedge.profiling import roofline
from thermedge.profiling.layers import Layer
from thermedge.profiling.roofline import Machine, hint, shares

MACHINE = Machine(50e9, {1 << 20: 80e9, 1 << 26: 20e9})


def layer(ms: float, macs: int, moved_bytes: int) -> Layer:
    return Layer("l", "Conv", ms, macs, moved_bytes)


def test_a_layer_is_bound_by_what_takes_longer_here() -> None:
    busy = layer(1.0, 40_000_000, 1 << 20)  # 0.8 ms of arithmetic, 0.013 ms of traffic
    assert hint(busy, MACHINE).bound == "compute"
    assert hint(busy, MACHINE).reached == pytest.approx(0.8)
    thirsty = layer(2.0, 1000, 1 << 25)  # 1.7 ms of traffic
    assert hint(thirsty, MACHINE).bound == "memory"
    assert hint(thirsty, MACHINE).reached == pytest.approx((1 << 25) / 20e9 / 2e-3)


def test_a_layer_far_from_both_is_bound_by_neither() -> None:
    assert hint(layer(1.0, 400_000, 1 << 16), MACHINE).bound == "overhead"


def test_traffic_within_the_caches_is_held_against_their_rate() -> None:
    assert MACHINE.copy_rate(1000) == MACHINE.copy_rate(1 << 20) == 80e9
    assert MACHINE.copy_rate((1 << 20) + 1) == MACHINE.copy_rate(1 << 30) == 20e9


def test_an_engine_that_beats_numpy_raises_the_bound() -> None:
    fast = layer(1.0, 200_000_000, 1 << 20)
    raised = MACHINE.raised([fast, layer(0.0, 5, 5)])
    assert raised.macs_per_s == 200e9
    assert hint(fast, raised).reached == pytest.approx(1)
    assert MACHINE.raised([]).macs_per_s == 50e9


def test_what_can_not_be_told_is_not() -> None:
    found = hint(layer(1.0, 100, 0), MACHINE)
    assert found.bound == ""
    assert math.isnan(found.reached)


def test_shares_of_time_add_up() -> None:
    layers = [layer(1.0, 40_000_000, 1 << 20), layer(3.0, 400_000, 1 << 16)]
    assert shares(layers, MACHINE) == {"compute": 0.25, "overhead": 0.75}
    assert shares([], MACHINE) == {}


def test_where_a_processor_is_not_measured_its_best_layers_bound_the_others() -> None:
    layers = [layer(1.0, 40_000_000, 1 << 10), layer(1.0, 0, 1 << 20), layer(4.0, 80_000_000, 1)]
    found = roofline.of_layers([*layers, layer(0.0, 5, 5)])
    assert found is not None
    assert (found.macs_per_s, found.copy_rate(1 << 26)) == (40e9, pytest.approx((1 << 20) * 1e3))
    assert [hint(one, found).bound for one in layers] == ["compute", "memory", "compute"]
    assert hint(layers[2], found).reached == pytest.approx(0.5)


def test_layers_without_arithmetic_are_bound_by_memory_or_nothing() -> None:
    found = roofline.of_layers([layer(1.0, 0, 1 << 20)])
    assert found is not None
    assert hint(layer(2.0, 0, 1 << 20), found).bound == "memory"
    assert roofline.of_layers([layer(1.0, 100, 0)]) is None


def test_this_machine_can_be_measured() -> None:
    found = roofline.measure()
    assert 1e8 < found.macs_per_s < 1e13
    assert len(found.bytes_per_s) == 6
    assert all(1e7 < rate < 1e13 for rate in found.bytes_per_s.values())


def test_a_measurement_that_fails_says_how_to_do_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(BackendError) as error:
        roofline.measure()
    assert "--no-layers" in error.value.remedy


def test_a_file_of_the_user_is_not_taken_for_a_part_of_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "random.py").write_text("raise SystemExit('mine')\n")
    monkeypatch.chdir(tmp_path)
    assert roofline.measure().macs_per_s > 0
