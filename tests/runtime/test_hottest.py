"""Facts about finding what is warmest against its surroundings."""

import numpy as np
import pytest

from thermedge.frame import Frame
from thermedge.runtime.hottest import Hottest, noise_of, outlined


def scene(*spots, size=(192, 256), noise=4.0, level=8000.0, slope=0.0):
    """Noise with warm spots (x, y, radius, contrast) in it."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0 : size[0], 0 : size[1]]
    counts = rng.normal(level, noise, size) + slope * y
    for cx, cy, radius, contrast in spots:
        counts += contrast / (1 + np.exp((np.hypot(x - cx, y - cy) - radius) / 0.5))
    return Frame(counts.clip(0, 65535).astype(np.uint16), 0, 0)


@pytest.mark.parametrize("radius", [1.5, 3, 6, 10, 16])
def test_a_spot_of_any_size_is_boxed(radius):
    finding = Hottest().look(scene((100, 80, radius, 300)))
    box = finding.box
    assert np.hypot(box.center[0] - 100.5, box.center[1] - 80.5) < 1
    # Around the spot with a little room, as people draw boxes.
    assert 2 * radius <= min(box.w, box.h)
    assert max(box.w, box.h) <= 2.6 * radius + 9
    assert finding.strength > 20
    assert finding.dominance > 3


def test_contrast_counts_and_not_the_level():
    # The ground gets warmer downwards until it is warmer than the target.
    finding = Hottest().look(scene((60, 40, 4, 200), slope=3.0))
    assert np.hypot(finding.box.center[0] - 60, finding.box.center[1] - 40) < 2


def test_two_alike_do_not_dominate_each_other():
    finding = Hottest().look(scene((60, 40, 4, 200), (180, 140, 4, 200)))
    assert finding.dominance < 1.2


def test_a_cold_spot_is_not_warm():
    finding = Hottest().look(scene((60, 40, 4, -300)))
    assert finding.strength < Hottest.least_strength


def test_a_spot_at_the_border_is_found():
    finding = Hottest().look(scene((2, 188, 4, 300)))
    assert np.hypot(finding.box.center[0] - 2, finding.box.center[1] - 188) < 4


@pytest.mark.parametrize("size", [(8, 8), (4, 300), (10, 12)])
def test_a_frame_too_small_for_a_target_says_nothing_or_little(size):
    finding = Hottest().look(scene(size=size))
    assert finding is None or finding.dominance < 99


def test_a_frame_without_any_contrast_has_no_spot():
    assert Hottest().look(Frame(np.full((96, 128), 7, np.uint8), 0, 0, 8)) is None


@pytest.mark.parametrize("sigma", [1.0, 5.0, 20.0])
def test_the_noise_of_a_picture_is_measured_through_its_content(sigma):
    image = scene((100, 80, 16, 2000), noise=sigma).counts.astype(np.float32)
    assert noise_of(image) == pytest.approx(sigma, rel=0.15)


def test_an_outline_is_where_the_contrast_has_fallen_to_a_quarter():
    image = np.zeros((64, 64), np.float32)
    image[20:30, 30:36] = 100
    image[20:30, 36:38] = 24
    box = outlined(image, (33, 25), 9, 0.0)
    assert box.center == (33.0, 25.0)
    assert (box.w, box.h) == pytest.approx((6 * 1.3 + 4, 10 * 1.3 + 4))
