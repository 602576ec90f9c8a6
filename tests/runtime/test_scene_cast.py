import math

import numpy as np
import pytest

from thermedge.runtime.scene_cast import cast
from thermedge.runtime.scene_spec import Occlusion, SceneSpec, random_spec

LEVEL = {"num_frames": 200, "jitter_px": 0.0, "pan_px_s": 0.0}


def distance(one, other, index):
    return math.dist(one.box(index).center, other.box(index).center)


@pytest.mark.parametrize("seed", range(6))
def test_a_crossing_look_alike_starts_apart_and_meets_the_target(seed):
    spec = SceneSpec(**LEVEL, seed=seed, kind="vehicle", num_distractors=1, crossing=True)

    play = cast(spec)

    (other,) = play.behind
    apart = [distance(play.target, other, index) for index in range(200)]
    assert apart[0] > 2 * spec.target_px
    assert min(apart) < spec.target_px


@pytest.mark.parametrize("seed", range(6))
def test_roaming_look_alikes_start_apart(seed):
    play = cast(SceneSpec(**LEVEL, seed=seed, num_distractors=3))

    others = play.behind + play.before
    assert len(others) == 3
    assert all(distance(play.target, other, 0) > 2 * 28 for other in others)


def test_size_changes_by_the_asked_range():
    size = cast(SceneSpec(num_frames=450, scale_range=2.5, target_px=30)).target.size_px

    assert size[0] == pytest.approx(30)
    assert size.max() / size.min() == pytest.approx(2.5, rel=1e-3)


def test_contrast_moves_to_its_end_and_the_relief_stays():
    spec = SceneSpec(contrast_k=5.0, end_contrast_k=-3.0)

    target = cast(spec).target

    assert target.contrast_k[0] == 5
    assert target.contrast_k[-1] == -3
    assert target.relief_k == 5


@pytest.mark.parametrize("pan_px_s", [0.0, 90.0])
@pytest.mark.parametrize("seed", range(4))
def test_an_occluder_covers_the_target_in_its_frame_and_not_at_the_start(pan_px_s, seed):
    spec = SceneSpec(seed=seed, pan_px_s=pan_px_s, kind="vehicle", occlusions=(Occlusion(100, 40),))

    play = cast(spec)

    (occluder,) = play.before
    box, over = play.target.box(100), occluder.box(100)
    assert over.x < box.x + box.w / 2 < over.x + over.w
    assert over.y < box.y
    assert over.y + over.h > box.y + box.h
    assert occluder.box(0).iou(play.target.box(0)) == 0


def test_partial_coverage_leaves_the_upper_part_free():
    spec = SceneSpec(**LEVEL, kind="blob", occlusions=(Occlusion(100, 20, coverage=0.4),))

    play = cast(spec)

    box, over = play.target.box(100), play.before[0].box(100)
    assert (box.y + box.h - over.y) / box.h == pytest.approx(0.4, abs=0.12)


def test_events_past_the_end_never_happen():
    assert cast(SceneSpec(num_frames=50, occlusions=(Occlusion(60, 20),))).before == ()


def test_an_intruder_enters_late_stays_off_the_target_and_leaves():
    spec = SceneSpec(**LEVEL, intruder_frames=(100,))

    play = cast(spec)

    (intruder,) = play.before
    inside = [
        intruder.box(index).x + intruder.box(index).w > -2
        and intruder.box(index).x < spec.width_px + 2
        for index in range(200)
    ]
    assert not any(inside[:98])
    assert all(inside[110:135])
    assert not any(inside[150:])
    assert all(intruder.box(i).iou(play.target.box(i)) == 0 for i in range(200))


def test_steps_and_wing_beats_keep_their_pace_at_any_frame_rate():
    slow, fast = (
        cast(SceneSpec(kind="bird", rate_hz=rate)).target.phase_step for rate in (30.0, 60.0)
    )

    assert slow == pytest.approx(2 * fast)


@pytest.mark.parametrize("seed", range(12))
def test_random_targets_keep_their_middle_in_the_frame(seed):
    play = cast(random_spec(seed, num_saccades=0))

    middles = np.array([play.target.box(index).center for index in range(150)])
    assert middles.min() > 0
    assert middles[:, 0].max() < 320
    assert middles[:, 1].max() < 256
