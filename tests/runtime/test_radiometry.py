"""Facts about how warm the target is."""

import tracemalloc

import numpy as np
import pytest

from thermedge.frame import Frame, Kelvin
from thermedge.geometry import Box
from thermedge.runtime.radiometry import target_celsius
from thermedge.runtime.track import NO_BOX

CENTIKELVIN = Kelvin(0.01, 0.0)


def scene(**changes):
    counts = np.full((120, 160), 29315, np.uint16)  # 20 degrees
    counts[40:60, 70:100] = 30915  # 36
    counts[50, 80] = 31315  # 40
    return Frame(counts, 0, 0, **{"kelvin": CENTIKELVIN, **changes})


def test_the_pixels_of_the_box_are_measured_and_no_others():
    found = target_celsius(scene(), Box(70, 40, 30, 20))
    assert (found.low, found.high) == pytest.approx((36.0, 40.0))
    assert found.mean == pytest.approx(36 + 4 / 600)


def test_a_pixel_counts_when_its_middle_is_inside():
    inside = target_celsius(scene(), Box(69.6, 39.6, 30, 20))
    assert inside.low == pytest.approx(36.0)
    beyond = target_celsius(scene(), Box(69.4, 39.4, 30, 20))
    assert beyond.low == pytest.approx(20.0)


def test_a_box_past_the_border_is_measured_where_there_is_a_picture():
    found = target_celsius(scene(), Box(-50, -50, 60, 60))
    assert (found.low, found.high) == pytest.approx((20.0, 20.0))


def test_a_core_that_counts_downwards_has_its_lowest_temperature_low():
    found = target_celsius(scene(kelvin=Kelvin(-0.01, 600.0)), Box(70, 40, 30, 20))
    assert found.low < found.mean < found.high


@pytest.mark.parametrize(
    ("changes", "box"),
    [
        ({"kelvin": None}, Box(70, 40, 30, 20)),
        ({"shutter": "closed"}, Box(70, 40, 30, 20)),
        ({}, Box(500, 40, 30, 20)),
        ({}, Box(-80, 40, 30, 20)),
        ({}, Box(70.6, 40, 0.2, 20)),
        ({}, NO_BOX),
    ],
)
def test_where_nothing_can_be_measured_nothing_is_said(changes, box):
    assert target_celsius(scene(**changes), box) is None


def test_nothing_of_the_size_of_a_frame_is_allocated():
    frame = Frame(np.ones((512, 640), np.uint16), 0, 0, kelvin=CENTIKELVIN)
    box = Box(0, 0, 640, 512)
    target_celsius(frame, box)
    tracemalloc.start()
    target_celsius(frame, box)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000
