"""Facts about what a graph sees of a frame."""

import numpy as np
import pytest

from thermedge.frame import Frame
from thermedge.runtime.crop import Window
from thermedge.runtime.views import View

WHOLE = Window(16, 16, 32, 32)


def inputs(*names):
    return {name: np.zeros((1, 1, 32, 32), np.float32) for name in names}


def frame(visible=None):
    return Frame(np.full((32, 32), 3000, np.uint16), 0, 0, visible=visible)


def test_the_thermal_window_is_scaled_by_the_bounds():
    buffers = inputs("search")
    View(buffers, "search").fill(frame(), WHOLE, (2000, 4000))
    assert buffers["search"][0, 0] == pytest.approx(np.full((32, 32), 0.5))


def test_the_visible_picture_fills_its_own_window_by_its_own_scale():
    buffers = inputs("search", "search_visible")
    visible = np.full((32, 32), 51, np.uint8)
    View(buffers, "search").fill(frame(visible), WHOLE, (2000, 4000))
    assert buffers["search"][0, 0] == pytest.approx(np.full((32, 32), 0.5))
    assert buffers["search_visible"][0, 0] == pytest.approx(np.full((32, 32), 0.2), abs=1e-6)


def test_without_a_visible_picture_the_thermal_one_stands_in():
    buffers = inputs("search", "search_visible")
    view = View(buffers, "search")
    view.fill(frame(np.zeros((32, 32), np.uint8)), WHOLE, (2000, 4000))
    assert buffers["search_visible"].max() == 0
    view.fill(frame(), WHOLE, (2000, 4000))
    np.testing.assert_array_equal(buffers["search_visible"], buffers["search"])


def test_a_thermal_graph_ignores_a_visible_picture():
    buffers = inputs("template")
    View(buffers, "template").fill(frame(np.zeros((32, 32), np.uint8)), WHOLE, (2000, 4000))
    assert buffers["template"].min() > 0.4
