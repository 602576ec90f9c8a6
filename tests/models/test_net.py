"""Facts about the contract of networks."""

import pytest

from thermedge import models
from thermedge.models.net import example, window_shape


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
