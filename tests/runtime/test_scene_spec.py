import dataclasses
import math

import numpy as np
import pytest

from thermedge.runtime.scene import Scene
from thermedge.runtime.scene_outlines import KINDS
from thermedge.runtime.scene_spec import SceneSpec, demo_spec, random_spec

DRAWN = [random_spec(seed) for seed in range(300)]


@pytest.fixture(scope="module")
def demo():
    """The demo's scene with what its frames tell, without their pictures."""
    scene = Scene(demo_spec())
    visible = [scene.world(index)[1] for index in range(0, len(scene), 3)]
    return scene, np.repeat(visible, 3)


def test_the_same_seed_draws_the_same_scene():
    assert random_spec(5) == random_spec(5)
    assert random_spec(5) != dataclasses.replace(random_spec(6), seed=5)


def test_random_targets_are_4_to_120_px_with_a_median_near_28():
    sizes = [spec.target_px for spec in DRAWN]

    assert min(sizes) >= 4
    assert max(sizes) <= 120
    assert 22 < np.median(sizes) < 34
    assert sum(size < 10 for size in sizes) > 10


def test_random_scenes_are_varied():
    def share(is_so):
        return sum(bool(is_so(spec)) for spec in DRAWN) / len(DRAWN)

    assert 0.2 < share(lambda spec: spec.contrast_k < 0) < 0.4
    assert 0.5 < share(lambda spec: spec.occlusions) < 0.7
    assert 0.4 < share(lambda spec: spec.num_distractors) < 0.6
    assert 0.1 < share(lambda spec: spec.end_contrast_k is not None) < 0.2
    assert 0.2 < share(lambda spec: spec.sensor.shutter_frames) < 0.4
    assert 0.1 < share(lambda spec: spec.intruder_frames) < 0.3
    assert 0.4 < share(lambda spec: spec.sensor.bits == 8) < 0.6
    assert len({(spec.kind, spec.backdrop) for spec in DRAWN}) == 13  # cars and men do not fly
    assert all(1 <= spec.scale_range <= 3 for spec in DRAWN)


def test_what_is_fixed_stays():
    spec = random_spec(9, width_px=640, height_px=512, num_frames=60, kind="bird", bits=14)

    assert (spec.width_px, spec.height_px, spec.num_frames) == (640, 512, 60)
    assert spec.kind == "bird"
    assert spec.sensor.bits == 14


def test_every_kind_can_be_asked_for_and_stays_where_it_belongs():
    grounded = set(KINDS) - {"drone", "bird", "blob", "plane", "helicopter"}
    backdrops = {kind: {random_spec(s, kind=kind).backdrop for s in range(30)} for kind in KINDS}

    assert all("sky" not in backdrops[kind] for kind in grounded)
    assert all("sky" in backdrops[kind] for kind in set(KINDS) - grounded)


def test_a_seed_alone_draws_what_it_drew_before_there_were_more_kinds():
    assert {spec.kind for spec in DRAWN} == {"drone", "person", "vehicle", "bird", "blob"}
    assert [spec.kind for spec in DRAWN[:6]] == [
        "vehicle",
        "drone",
        "bird",
        "vehicle",
        "vehicle",
        "vehicle",
    ]


def test_the_noise_of_random_sensors_is_that_of_real_ones():
    assert all(0.025 <= spec.sensor.netd_k <= 0.08 for spec in DRAWN)


def test_the_demo_is_450_frames_of_320x256_at_30_hz_in_16_bits():
    spec = demo_spec()

    assert (spec.width_px, spec.height_px, spec.rate_hz) == (320, 256, 30.0)
    assert spec.num_frames == 450
    assert spec.sensor.bits == 16


def test_the_demo_lasts_15_s_at_any_rate():
    assert demo_spec(rate_hz=60.0).num_frames == 900


def test_the_demo_target_stays_in_the_frame_at_a_moderate_size(demo):
    scene, _ = demo
    boxes = [scene.box(index) for index in range(len(scene))]

    assert all(box.x > 0 and box.y > 0 for box in boxes)
    assert all(box.x + box.w < 320 and box.y + box.h < 256 for box in boxes)
    sizes = [math.sqrt(box.area) for box in boxes]
    assert min(sizes) > 18
    assert max(sizes) < 40
    assert max(sizes) / min(sizes) > 1.4


def test_the_demo_target_is_hidden_for_less_than_a_second(demo):
    _, visible = demo
    hidden = np.flatnonzero(visible < 0.1)

    assert 4 <= hidden.size <= 30
    assert 120 < hidden.min() < hidden.max() < 180
    assert np.all(visible[:110] > 0.99)
    assert np.all(visible[190:] > 0.99)


def test_the_demo_target_comes_out_where_it_was_heading(demo):
    scene, visible = demo
    hidden = np.flatnonzero(visible < 0.1)
    first, last = hidden.min(), hidden.max()
    middles = np.array([scene.box(index).center for index in range(len(scene))])

    velocity = (middles[first] - middles[first - 15]) / 15
    predicted = middles[first] + velocity * (last - first)

    assert np.hypot(*(predicted - middles[last])) < 0.3 * math.sqrt(scene.box(last).area)


def test_the_demo_target_moves_less_than_half_its_size_while_the_shutter_is_closed(demo):
    scene, _ = demo
    before, after = scene.box(299), scene.box(318)

    assert scene.frame(300).shutter == "closed"
    assert scene.frame(317).shutter == "closed"
    assert scene.frame(318).shutter == "settling"
    assert math.dist(before.center, after.center) < 0.5 * math.sqrt(before.area)


def test_the_demo_target_stands_out_by_several_kelvin(demo):
    scene, _ = demo
    for index in (0, 230, 449):
        with_target = scene.world(index)[0].copy()
        without = scene.world(index, with_target=False)[0]

        assert (with_target - without).max() > 4


def test_the_default_scene_needs_no_argument():
    assert Scene(SceneSpec(num_frames=1)).frame(0).counts.shape == (256, 320)
