"""Facts about the contract of networks."""

from dataclasses import dataclass

import pytest

from thermedge import models
from thermedge.models.net import check_widths, example, window_shape
from thermedge.records import RecordError


@pytest.mark.parametrize("tracker", models.TRACKERS)
def test_names_are_unique_and_the_runtime_can_fill_them(tracker):
    net = models.build(tracker, "nano")
    inputs = (*net.template_inputs, *net.track_inputs, *net.state_shapes)
    known = ("template", "target_px", "context", "template_visible", "search", "search_visible")
    assert len(set(inputs)) == len(inputs)
    assert set(inputs) <= {*known, *net.carried, "store", "store_bias", "store_age"}
    assert net.initial.keys() == net.carried.keys() <= net.state_shapes.keys()


def test_windows_have_the_sides_of_the_crop():
    crop = models.build("stdtrack", "nano").config.crop
    assert window_shape("template_visible", crop) == (1, 1, 88, 88)
    assert window_shape("context", crop) == window_shape("search", crop) == (1, 1, 160, 160)
    assert example("target_px", crop).tolist() == [[40, 40]]


@dataclass
class Widths:
    wide: int = 6
    heads: int = 2
    cells: int = 3
    parts: bool = False
    share: float = 0.0


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ({"odd": ["wide"]}, "wide is 6, expected an odd number"),
        ({"multiples": {"wide": 4}}, "wide is 6, expected a multiple of 4"),
        ({"multiples": {"cells": "heads"}}, "cells is 3, expected a multiple of heads, 2"),
    ],
)
def test_a_width_that_breaks_a_rule_is_named(rules, problem):
    with pytest.raises(RecordError, match=problem):
        check_widths(Widths(), **rules)


def test_whole_numbers_are_1_or_more_unless_they_may_be_0():
    check_widths(Widths(), odd=["cells"], multiples={"wide": "heads"})
    check_widths(Widths(wide=0), may_be_0=["wide"])
    with pytest.raises(RecordError, match="wide is 0, expected 1 or more"):
        check_widths(Widths(wide=0))
    with pytest.raises(RecordError, match="wide is -1, expected 0 or more"):
        check_widths(Widths(wide=-1), may_be_0=["wide"])
