import math
from collections.abc import Callable
from dataclasses import replace

from thermedge.evaluation.document import Block, Heading, Table, to_markdown
from thermedge.evaluation.scores import Interval
from thermedge.profiling import report
from thermedge.profiling.compare import ratio
from thermedge.profiling.layers import Layer
from thermedge.profiling.realtime import AtRate
from thermedge.profiling.report import Profile, blocks, shown
from thermedge.profiling.roofline import Machine
from thermedge.profiling.sustained import Part
from thermedge.runtime.board_state import BoardState

Make = Callable[..., Profile]


def under(found: list[Block], heading: str) -> Table:
    place = found.index(Heading(heading))
    return next(one for one in found[place:] if isinstance(one, Table))


def test_a_throttled_run_is_marked(make_profile: Make, board_state: BoardState) -> None:
    hot = make_profile("a", state=replace(board_state, is_throttled=True))
    assert hot.title == "a, THROTTLED"
    assert "was throttled" in to_markdown(blocks(hot))
    assert "throttled" not in to_markdown(blocks(make_profile("a"))).lower()


def test_a_run_in_turns_has_no_rows_of_a_loop(make_profile: Make) -> None:
    alone, turns = make_profile("a"), make_profile("a", "b", in_loop=False)
    names = [row[0] for row in under(blocks(alone), "a: ms per frame").rows]
    assert {"wait", "sinks", "tracker"} <= set(names)
    names = [row[0] for row in under(blocks(turns), "b: ms per frame").rows]
    assert {"wait", "sinks"}.isdisjoint(names)
    assert "results per s with reading" in to_markdown(blocks(alone))
    assert "results per s with reading" not in to_markdown(blocks(turns))


def test_energy_is_told_of_a_run_alone(make_profile: Make) -> None:
    assert report.energy(make_profile("a")).rows == [["a", "6.00", "100.0", "0.0600"]]
    assert report.energy(make_profile("a", "b", in_loop=False)).rows == []


def test_a_board_without_a_rail_has_no_energy(make_profile: Make, board_state: BoardState) -> None:
    found = blocks(make_profile("a", state=replace(board_state, rails_w={})))
    assert Heading("Energy") not in found
    assert Heading("Energy") in blocks(make_profile("a"))


def test_the_slowest_layers_come_first_with_what_bounds_them(make_profile: Make) -> None:
    profile = make_profile("a")
    layers = [Layer(f"conv{ms}", "Conv", float(ms), 1_000_000 * ms, 4000) for ms in range(1, 21)]
    profile.layers = {"a": layers}
    profile.machine = Machine(1e9, {1 << 26: 1e12})
    rows = under(blocks(profile), "a: layers").rows
    assert [row[0] for row in rows] == [f"conv{ms}" for ms in range(20, 5, -1)]
    assert rows[0][2:] == ["20.000", "9.5%", "20.00", "4", "compute", "100%"]


def test_accuracy_a_comparison_and_a_long_run_have_tables(make_profile: Make) -> None:
    profile = make_profile("a", "b")
    profile.ratios = [ratio(profile.runs[1], profile.runs[0], warm_up=0)]
    profile.accuracy = {"a": [AtRate(9.0, Interval(0.5, 0.4, 0.6), 0.75, 0.5)]}
    profile.accuracy_on = "clips"
    part = Part(1.5, profile.figures[0], None, {"cpu0": 800.0}, True)
    profile.parts = [part, replace(part, slowest_mhz={}, is_throttled=None)]
    found = blocks(profile)
    turns = under(found, "Comparison on the same frames, in turns")
    assert turns.rows == [["b", "a", "1.000", "1.000 to 1.000", "60"]]
    rates = under(found, "a: accuracy at this pace")
    assert rates.rows == [["9 Hz", "0.500", "0.400 to 0.600", "0.750", "50%"]]
    trend = under(found, "From the beginning to the end")
    assert trend.rows[0][:2] == ["1.5", "100.00"]
    assert [row[-3:] for row in trend.rows] == [["-", "YES", "800.00"], ["-", "-", "-"]]


def test_what_cannot_be_told_is_a_dash() -> None:
    assert [shown(1.234), shown(math.nan), shown(math.inf)] == ["1.23", "-", "-"]


def test_layers_on_a_gpu_are_not_judged_by_what_the_cpu_can_do(make_profile: Make) -> None:
    profile = make_profile("a", "b")
    layers = [Layer("conv", "Conv", 1.0, 10**7, 1000), Layer("copy", "Shuffle", 0.5, 0, 4000)]
    profile.layers = dict.fromkeys("ab", layers)
    profile.machine, profile.on_gpu = Machine(1e12, {1 << 26: 1e12}), {"b"}
    found = blocks(profile)
    of_the_cpu = [["overhead", "1%"], ["overhead", "0%"]]
    assert [row[-2:] for row in under(found, "a: layers").rows] == of_the_cpu
    of_its_own = [["compute", "100%"], ["memory", "100%"]]
    assert [row[-2:] for row in under(found, "b: layers").rows] == of_its_own


def test_layers_on_a_gpu_that_tell_no_traffic_have_no_bound(make_profile: Make) -> None:
    profile = make_profile("a")
    profile.layers, profile.on_gpu = {"a": [Layer("conv", "Conv", 1.0, 0, 0)]}, {"a"}
    assert "bound" not in under(blocks(profile), "a: layers").header
