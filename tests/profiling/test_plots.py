import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from thermedge.profiling.plots import bars, histogram, series

NUMBER = re.compile(r"-?\d+\.\d+")


def texts(svg: str) -> list[str]:
    return [one.text or "" for one in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def lines(svg: str) -> list[list[float]]:
    """Return the heights on the page of each line's points."""
    paths = re.findall(r'<path d="(M[^"]+)" fill="none"', svg)
    return [[float(point.split()[1]) for point in path[1:].split("L")] for path in paths]


@pytest.mark.parametrize(
    "svg",
    [
        histogram("t", "ms", {}),
        histogram("t", "ms", {"a": np.empty(0), "b": np.zeros(3)}),
        series("t", "ms", {}),
        series("t", "ms", {"a": (np.empty(0), np.empty(0)), "b": (np.zeros(1), np.zeros(1))}),
        bars("t", "ms", [], []),
        bars("t", "ms", [("a", [0.0, 0.0])], ["x", "y"]),
    ],
)
def test_nothing_to_draw_is_a_drawing_all_the_same(svg: str) -> None:
    assert ET.fromstring(svg).find("{*}title").text == "t"  # type: ignore[union-attr]
    assert "nan" not in svg


def test_one_slow_frame_among_thousands_stays_visible() -> None:
    at, values = np.arange(100_000) / 60, np.full(100_000, 5.0)
    values[70_001] = 80.0
    svg = series("t", "ms", {"a": (at, values)})
    (heights,) = lines(svg)
    assert len(heights) <= 480
    assert min(heights) == 48  # the top of the plot: 80 ms
    assert heights.count(min(heights)) == 1


def test_temperatures_need_no_zero() -> None:
    at, values = np.arange(3.0), np.array([-3.5, -2.0, -1.0])
    assert {"-4", "-1"} <= set(texts(series("t", "C", {"a": (at, values)}, from_zero=False)))


def test_the_last_bin_has_all_that_is_beyond() -> None:
    values = np.r_[np.full(999, 2.0), 500.0]
    svg = histogram("t", "ms", {"a": values})
    axis = [float(text) for text in texts(svg) if text.replace(".", "").isdigit()]
    assert max(axis) <= 100  # neither ms nor % go on to 500
    points = NUMBER.findall(svg.split('<path d="M')[-1].split("V")[0])
    assert float(points[-1]) < 218  # above the base line


def test_parts_of_a_bar_lie_behind_one_another() -> None:
    svg = bars("t", "ms", [("a", [1.0, 2.0]), ("b", [3.0, 3.0])], ["x", "y"])
    found = [
        (float(one.attrib["x"]), float(one.attrib["width"]))
        for one in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}rect")
    ]
    assert found[1][0] == pytest.approx(sum(found[0]), abs=0.2)
    assert found[1][1] == pytest.approx(2 * found[0][1], abs=0.2)
    assert {"3", "6", "x", "y"} <= set(texts(svg))


def test_names_are_escaped_and_long_ones_cut() -> None:
    svg = bars("a < b", "ms", [("<" * 50, [1.0])], [])
    told = texts(svg)
    assert told[0] == "a < b"
    assert f"{'<' * 16}…{'<' * 17}" in told


def test_a_legend_names_several_lines_only() -> None:
    one = (np.arange(2.0), np.arange(2.0))
    assert "first" not in texts(series("t", "ms", {"first": one}))
    assert {"first", "second"} <= set(texts(series("t", "ms", {"first": one, "second": one})))


@pytest.mark.parametrize("count", [2, 8, 30])
def test_many_lines_are_all_drawn_and_no_two_look_alike(count: int) -> None:
    samples = {f"cpu{n}-thermal": np.arange(5.0) + n for n in range(count)}
    over_time = series("t", "ms", {name: (np.arange(5.0), v) for name, v in samples.items()})
    for svg in (over_time, histogram("t", "ms", samples)):
        looks = [
            (one.attrib["stroke"], one.attrib.get("stroke-dasharray"))
            for one in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}path")
            if one.attrib.get("stroke-width") in ("1.1", "1.2")
        ]
        assert len(set(looks)) == len(looks) == count
        assert set(samples) <= set(texts(svg))


def test_a_legend_of_many_names_stays_inside_and_above_the_plot() -> None:
    lines_of = {f"name of sensor {n}": (np.arange(2.0), np.arange(2.0)) for n in range(12)}
    drawing = ET.fromstring(series("t", "ms", lines_of))
    height = float(drawing.attrib["height"])
    group = drawing.find("{*}g")
    assert group is not None
    lower = float(group.attrib["transform"].split()[1].rstrip(")"))
    entries = [one for one in drawing.findall("{*}text") if (one.text or "") in lines_of]
    assert len(entries) == 12
    assert all(float(one.attrib["x"]) + 6 * len(one.text or "") <= 560 for one in entries)
    assert max(float(one.attrib["y"]) for one in entries) < 48 + lower
    assert height == 260 + lower
