import numpy as np
import pytest

from thermedge.manifest import ScalingSpec
from thermedge.runtime.scaling import Scaler

SPEC = ScalingSpec(
    low_percent=0.5, high_percent=99.5, min_span_counts=100, expand_s=0.2, contract_s=2.0
)
FRAME_NS = 33_333_333


def scene(low, high, seed=0):
    return np.random.default_rng(seed).integers(low, high, (256, 320)).astype(np.uint16)


def test_eight_bit_frames_pass_through():
    assert Scaler(SPEC).bounds(np.zeros((4, 4), np.uint8), 0) == (0.0, 255.0)


def test_the_first_frame_sets_the_range_at_once():
    low, high = Scaler(SPEC).bounds(scene(7000, 9000), 0)
    assert low == pytest.approx(7010, abs=15)
    assert high == pytest.approx(8990, abs=15)


def test_a_flat_scene_keeps_the_least_span_about_its_middle():
    low, high = Scaler(SPEC).bounds(np.full((64, 64), 8000, np.uint16), 0)
    assert (low, high) == (7950, 8050)


def test_the_range_grows_faster_than_it_shrinks():
    growing, shrinking = Scaler(SPEC), Scaler(SPEC)
    growing.bounds(scene(7000, 8000), 0)
    shrinking.bounds(scene(7000, 9000), 0)
    _, grown = growing.bounds(scene(7000, 9000), FRAME_NS)
    _, shrunk = shrinking.bounds(scene(7000, 8000), FRAME_NS)
    assert grown - 8000 > 5 * (9000 - shrunk)


def test_damping_goes_by_time_and_not_by_frame():
    often, seldom = Scaler(SPEC), Scaler(SPEC)
    for scaler in (often, seldom):
        scaler.bounds(scene(7000, 9000), 0)
    for step in range(1, 31):
        low_often, high_often = often.bounds(scene(7000, 8000), step * FRAME_NS)
    low_seldom, high_seldom = seldom.bounds(scene(7000, 8000), 30 * FRAME_NS)
    assert (low_often, high_often) == pytest.approx((low_seldom, high_seldom), rel=1e-6)


def test_one_hot_pixel_does_not_move_the_range():
    counts = scene(7000, 9000)
    calm = Scaler(SPEC).bounds(counts, 0)
    counts[0, 0] = 65535
    assert Scaler(SPEC).bounds(counts, 0) == pytest.approx(calm, abs=10)


def test_reset_takes_the_next_frame_at_once():
    scaler = Scaler(SPEC)
    scaler.bounds(scene(7000, 9000), 0)
    scaler.reset()
    low, _ = scaler.bounds(scene(3000, 4000), FRAME_NS)
    assert low == pytest.approx(3005, abs=10)
