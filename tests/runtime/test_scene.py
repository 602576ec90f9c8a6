import dataclasses
import math

import numpy as np
import pytest

from thermedge.runtime.scene import Occlusion, Scene, SceneSpec, SensorSpec, tail
from thermedge.runtime.scene_outlines import KINDS

SMALL = SceneSpec(width_px=128, height_px=96, num_frames=40, target_px=14, num_objects=3)
STILL = dataclasses.replace(
    SMALL, pan_px_s=0.0, jitter_px=0.0, speed_px_s=0.0, manoeuvre=0.0, scale_range=1.0
)


def with_sensor(spec, **changes):
    return dataclasses.replace(spec, sensor=dataclasses.replace(spec.sensor, **changes))


def pictures(spec):
    return [frame.counts.copy() for frame in Scene(spec)]


@pytest.mark.parametrize("bits", [8, 16])
def test_the_same_seed_gives_the_same_frames_bit_for_bit(bits):
    spec = with_sensor(SMALL, bits=bits, shutter_frames=(10,))

    assert all(map(np.array_equal, pictures(spec), pictures(spec)))


def test_another_seed_gives_other_frames():
    other = dataclasses.replace(SMALL, seed=1)

    assert not np.array_equal(pictures(SMALL)[0], pictures(other)[0])


@pytest.mark.parametrize("bits", [8, 16])
def test_a_scene_can_be_watched_again(bits):
    scene = Scene(with_sensor(SMALL, bits=bits))

    first, second = ([frame.counts.copy() for frame in scene] for _ in range(2))

    assert all(map(np.array_equal, first, second))


def test_any_frame_can_be_asked_for():
    spec = with_sensor(SMALL, shutter_frames=(20,))
    expected = pictures(spec)
    scene = Scene(spec)

    for index in (30, 5, 22, 39, 0):
        assert np.array_equal(scene.frame(index).counts, expected[index])


@pytest.mark.parametrize("index", [-1, 40])
def test_frames_outside_the_scene_do_not_exist(index):
    with pytest.raises(IndexError, match="of a scene with 40 frames"):
        Scene(SMALL).frame(index)


def target_alone(scene, index):
    """Return what the target adds to the picture, K."""
    full = scene.world(index)[0].copy()
    return full - scene.world(index, with_target=False)[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size_px", [8.0, 12.0, 30.0])
@pytest.mark.parametrize("contrast_k", [8.0, -8.0])
def test_the_box_fits_the_target_within_a_pixel(kind, size_px, contrast_k):
    spec = dataclasses.replace(
        STILL, kind=kind, target_px=size_px, contrast_k=contrast_k, backdrop="sky", sky_drop_k=0.0
    )
    scene = Scene(spec)
    for index in (0, 7):
        box = scene.box(index)
        ys, xs = np.nonzero(np.abs(target_alone(scene, index)) > 0.1 * abs(contrast_k))

        edges = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
        assert edges == pytest.approx([box.x, box.y, box.x + box.w, box.y + box.h], abs=1.6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_target_of_four_pixels_still_raises_its_pixels(kind):
    spec = dataclasses.replace(
        STILL, kind=kind, target_px=4.0, contrast_k=8.0, backdrop="sky", sky_drop_k=0.0
    )
    scene = Scene(spec)
    box, heat = scene.box(0), target_alone(scene, 0)

    x, y = (math.floor(value) for value in box.center)
    assert heat[y - 2 : y + 3, x - 2 : x + 3].max() > 2.5
    assert heat.sum() > 0.2 * 8 * box.area
    heat[y - 6 : y + 7, x - 6 : x + 7] = 0
    assert np.abs(heat).max() == 0


def test_the_mean_of_the_target_is_its_contrast():
    spec = dataclasses.replace(
        STILL, kind="blob", target_px=40.0, contrast_k=5.0, backdrop="sky", sky_drop_k=0.0
    )
    scene = Scene(dataclasses.replace(spec, clutter_k=0.01))

    heat = target_alone(scene, 0)

    assert heat[heat > 0.5].mean() == pytest.approx(5.0, rel=0.08)


def test_motion_leaves_a_trail_behind_the_target():
    fast = dataclasses.replace(STILL, kind="blob", speed_px_s=150.0, backdrop="sky", rate_hz=30.0)
    fast = dataclasses.replace(fast, width_px=320, height_px=256, num_frames=5)

    def lag(time_constant_s):
        scene = Scene(with_sensor(fast, time_constant_s=time_constant_s))
        heat = np.abs(target_alone(scene, 4))
        ys, xs = np.mgrid[: heat.shape[0], : heat.shape[1]]
        middle = np.array([(heat * xs).sum(), (heat * ys).sum()]) / heat.sum()
        step = np.subtract(scene.box(4).center, scene.box(3).center)
        return middle @ step / np.hypot(*step)

    assert lag(0.0) - lag(0.012) == pytest.approx(150 * 0.012, abs=0.4)


def test_a_closed_shutter_repeats_the_picture_while_the_target_moves_on():
    spec = with_sensor(SMALL, shutter_frames=(12,), closed_s=0.4, imminent_s=0.2, settling_s=0.3)
    seen = [(frame, frame.counts.copy()) for frame in Scene(spec)]

    assert [frame.shutter for frame, _ in seen] == (
        ["none"] * 6 + ["imminent"] * 6 + ["closed"] * 12 + ["settling"] * 9 + ["none"] * 7
    )
    for index in range(12, 24):
        assert np.array_equal(seen[index][1], seen[11][1])
        assert seen[index][0].visible_fraction == 0
    assert not np.array_equal(seen[24][1], seen[11][1])
    assert seen[24][0].visible_fraction == 1
    assert seen[23][0].box != seen[11][0].box


def test_a_camera_without_telemetry_tells_nothing():
    spec = with_sensor(SMALL, shutter_frames=(12,), telemetry=False)

    frames = list(Scene(spec))

    assert {frame.shutter for frame in frames} == {"none"}
    assert {frame.sensor_c for frame in frames} == {None}
    assert all(frame.sensor_c is not None for frame in Scene(SMALL))


@pytest.mark.parametrize("coverage", [1.0, 0.5])
def test_an_occlusion_hides_its_share_of_the_target(coverage):
    spec = dataclasses.replace(
        SMALL, kind="blob", occlusions=(Occlusion(25, 16, coverage=coverage),), pan_px_s=0.0
    )
    scene = Scene(spec)

    shares = [scene.world(index)[1] for index in range(40)]

    assert shares[:10] == pytest.approx([1.0] * 10)
    assert min(shares) == pytest.approx(1 - coverage, abs=0.2 * (coverage < 1))
    assert shares[-1] == pytest.approx(1.0)


def test_a_target_over_the_border_shows_in_part_and_its_box_is_not_clipped():
    scene = Scene(dataclasses.replace(SMALL, target_px=110.0, kind="vehicle", backdrop="sky"))

    box = scene.box(0)
    visible = scene.world(0)[1]

    assert box.x < 0
    assert box.x + box.w > 128
    assert visible == pytest.approx(128 / box.w, abs=0.15)


def test_counts_are_borrowed():
    frames = iter(Scene(SMALL))

    assert next(frames).counts is next(frames).counts


def test_only_a_radiometric_camera_promises_kelvin():
    radiometric = Scene(with_sensor(SMALL, radiometric=True))

    assert Scene(SMALL).kelvin is None
    assert radiometric.kelvin is not None
    world = radiometric.world(0)[0].copy()
    counts = radiometric.frame(0).counts
    read = counts * radiometric.kelvin.scale + radiometric.kelvin.offset
    assert np.median(np.abs(read - world)) < 0.3


def test_a_long_pan_comes_round_without_a_seam():
    spec = dataclasses.replace(
        STILL, pan_px_s=900.0, num_frames=60, backdrop="ground", contrast_k=0.0, num_objects=0
    )
    scene = Scene(with_sensor(spec, time_constant_s=0.0))

    edges = [np.abs(np.diff(scene.world(index)[0], axis=1)).mean(axis=0) for index in range(60)]

    assert max(map(np.max, edges)) < 6 * np.mean(edges)


def test_a_scene_without_frames_is_refused():
    with pytest.raises(ValueError, match="at least 1 frame, not 0"):
        Scene(dataclasses.replace(SMALL, num_frames=0))


def test_a_scene_of_one_frame_is_enough():
    (frame,) = Scene(dataclasses.replace(SMALL, num_frames=1))

    assert frame.visible_fraction == 1


@pytest.mark.parametrize(("x", "y"), [(2.0, 0.0), (-0.7, 1.1), (0.0, -2.0)])
def test_the_trail_keeps_heat_and_has_the_asked_mean(x, y):
    kernel = tail(x, y)
    reach = kernel.shape[0] // 2
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]

    assert kernel.sum() == pytest.approx(1.0, abs=1e-5)
    assert (kernel * columns).sum() == pytest.approx(x, abs=0.06 * math.hypot(x, y))
    assert (kernel * rows).sum() == pytest.approx(y, abs=0.06 * math.hypot(x, y))


def test_a_very_fast_jerk_keeps_its_trail_short():
    assert tail(50.0, 0.0).shape[0] <= 2 * 9 + 1


def test_the_default_sensor_is_that_of_the_spec():
    assert SMALL.sensor == SensorSpec()
