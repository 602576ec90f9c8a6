"""Facts about drawings."""

from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from thermedge.evaluation import svg
from thermedge.evaluation.metrics import OVERLAPS

SVG = "{http://www.w3.org/2000/svg}"


def test_every_curve_is_a_line_from_axis_to_axis_with_its_name() -> None:
    curves = {"falls": 1 - OVERLAPS, "a < b & c": np.full(21, 0.5)}
    text = svg.line_chart("Success", "IoU above", OVERLAPS, curves, legend="left")
    drawing = ElementTree.fromstring(text)
    lines = drawing.findall(f"{SVG}polyline")
    points = [
        [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
        for line in lines
    ]
    assert [len(line) for line in points] == [21, 21]
    left, top, right, bottom = 52, 30, 52 + 390, 30 + 250
    assert points[0][0] == (left, top)
    assert points[0][-1] == (right, bottom)
    assert {y for _, y in points[1]} == {(top + bottom) / 2}
    texts = {element.text for element in drawing.iter(f"{SVG}text")}
    assert {"Success", "IoU above", "falls", "a < b & c", "0.2", "1"} <= texts
    assert len({line.attrib["stroke"] for line in lines}) == 2


def test_more_curves_than_colours_begin_again() -> None:
    curves = {str(number): OVERLAPS for number in range(len(svg.COLOURS) + 1)}
    text = svg.line_chart("many", "x", OVERLAPS, curves, legend="right")
    assert text.count(f'stroke="{svg.COLOURS[0]}"') == 4  # two lines, two legends


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_legend_stands_in_its_corner_in_the_order_of_the_curves(side: Any) -> None:
    text = svg.line_chart("", "", OVERLAPS, {"one": OVERLAPS, "two": OVERLAPS}, legend=side)
    places = {
        element.text: (float(element.attrib["x"]), float(element.attrib["y"]))
        for element in ElementTree.fromstring(text).iter(f"{SVG}text")
        if element.text in ("one", "two")
    }
    assert 200 < places["one"][1] < places["two"][1] < 280
    assert (places["one"][0] < 247) == (side == "left")
