import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace

from thermedge.geometry import Box
from thermedge.profiling.board_watch import Moment
from thermedge.profiling.html import drawings, page
from thermedge.profiling.latency import FrameTimes
from thermedge.profiling.layers import Layer
from thermedge.profiling.report import Profile
from thermedge.runtime.board_state import BoardState
from thermedge.runtime.track import Track

Make = Callable[..., Profile]


def titles(profile: Profile) -> list[str]:
    found = [ET.fromstring(svg).find("{*}title") for svg in drawings(profile)]
    return [one.text or "" for one in found if one is not None]


def test_the_drawings_come_after_the_runs_and_before_the_rest(make_profile: Make) -> None:
    told = page(make_profile("a", "b"))
    headings = (">b: ms per frame", ">Drawings<", ">Energy<", ">Conditions<")
    places = [told.index(text) for text in headings]
    assert places == sorted(places)


def test_the_page_needs_nothing_else(make_profile: Make) -> None:
    told = page(make_profile("a"))
    assert "a &lt;board&gt;" in told
    assert "<board>" not in told
    assert not any(word in told for word in ("<script", "<link", "src=", "href="))


def test_what_was_measured_is_drawn(make_profile: Make) -> None:
    profile = make_profile("a")
    profile.layers = {"a": [Layer(f"conv{ms}", "Conv", float(ms), 0, 0) for ms in range(1, 30)]}
    found = titles(profile)
    assert found[3:] == ["Temperatures", "Clocks", "Rails", "Slowest layers of a"]
    slowest = drawings(profile)[-1]
    assert "conv29" in slowest
    assert "conv17<" not in slowest


def test_a_clock_that_steps_backwards_draws_nothing_left_of_the_axis(make_profile: Make) -> None:
    profile = make_profile("a")
    times = iter([100.0, 101.0, 40.0, 41.0])
    profile.runs[0].times = FrameTimes(lambda: next(times))
    for index in range(4):
        profile.runs[0].times.add(Track(Box(1, 2, 3, 4), 1.0, "tracking", index, 0, 0, {}))
    line = re.search(r'<path d="M([^"]+)" fill="none" stroke="#', drawings(profile)[1])
    assert line is not None
    assert all(56 <= float(point.split()[0]) <= 546 for point in line[1].split("L"))


def test_a_machine_without_sensors_has_no_drawing_of_them(
    make_profile: Make, board_state: BoardState
) -> None:
    bare = replace(board_state, temperatures_c={}, rails_w={}, clocks_mhz={})
    assert len(titles(make_profile("a", state=bare))) == 3


def test_a_sensor_that_came_late_is_drawn_from_then_on(
    make_profile: Make, board_state: BoardState
) -> None:
    profile = make_profile("a")
    late = replace(board_state, clocks_mhz={"cpu0": 1500.0, "gpu": 900.0})
    profile.moments += [Moment(104.0, late), Moment(105.0, late)]
    clocks = drawings(profile)[titles(profile).index("Clocks")]
    assert ">gpu<" in clocks
