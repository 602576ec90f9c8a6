import numpy as np
import pytest

from thermedge.runtime import scene_paths
from thermedge.runtime.scene_spec import Occlusion, SceneSpec


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", ["drone", "vehicle"])
def test_course_stays_in_the_frame_and_on_its_side_of_the_horizon(seed, kind):
    spec = SceneSpec(kind=kind, num_frames=600, speed_px_s=120, manoeuvre=0.1)

    course = scene_paths.course(spec, np.random.default_rng(seed))

    assert course.shape == (600, 2)
    assert course[:, 0].min() > 0
    assert course[:, 0].max() < spec.width_px
    assert course[:, 1].min() > 0
    assert course[:, 1].max() < spec.height_px
    horizon = scene_paths.HORIZON * spec.height_px
    assert np.all(course[:, 1] > horizon) if kind == "vehicle" else course[0, 1] < horizon


def test_course_is_straight_while_something_hides_the_target():
    spec = SceneSpec(
        num_frames=200,
        manoeuvre=0.3,
        speed_px_s=20,
        occlusions=(Occlusion(100, 30),),
    )

    def turns(first, last):
        bends = [
            np.abs(np.diff(scene_paths.course(spec, np.random.default_rng(seed)), 2, axis=0))
            for seed in range(5)
        ]
        return np.mean([bend[first:last].sum() for bend in bends])

    assert turns(90, 110) < 0.1 * turns(30, 50)


def test_speed_is_per_second_whatever_the_frame_rate():
    slow, fast = (
        SceneSpec(rate_hz=rate, num_frames=num, speed_px_s=20, manoeuvre=0)
        for rate, num in ((30.0, 60), (60.0, 120))
    )

    lengths = [
        np.hypot(*np.diff(scene_paths.course(spec, np.random.default_rng(3)), axis=0).T).sum()
        for spec in (slow, fast)
    ]

    assert lengths[0] == pytest.approx(lengths[1], rel=0.05)


def test_pan_passes_the_asked_pixels_per_second():
    spec = SceneSpec(num_frames=900, pan_px_s=50)

    pan = scene_paths.pan(spec, np.random.default_rng(0))

    assert abs(pan[-1, 0]) / 30 == pytest.approx(50, rel=0.2)
    assert np.ptp(pan[:, 1]) < 0.35 * spec.height_px


def test_shake_has_the_asked_deviation():
    spec = SceneSpec(num_frames=900, jitter_px=0.8)

    shake = scene_paths.shake(spec, np.random.default_rng(0))

    assert shake.std(axis=0) == pytest.approx([0.8, 0.8], rel=0.4)


def test_a_saccade_jerks_the_picture_and_comes_back():
    spec = SceneSpec(num_frames=300, jitter_px=0.0, num_saccades=1)

    shake = scene_paths.shake(spec, np.random.default_rng(0))

    reach = np.hypot(*shake.T)
    assert 15 < reach.max() < 60
    assert reach[0] == 0
    assert np.hypot(*np.diff(shake, axis=0).T).max() > 5
    assert reach[-1] < 5


def test_no_movement_where_none_is_asked_for():
    spec = SceneSpec(num_frames=50, jitter_px=0.0, pan_px_s=0.0, speed_px_s=0.0)
    rng = np.random.default_rng(0)

    for path in (scene_paths.pan(spec, rng), scene_paths.shake(spec, rng)):
        assert np.all(path == 0)
    assert np.ptp(scene_paths.course(spec, rng), axis=0) == pytest.approx(0)
