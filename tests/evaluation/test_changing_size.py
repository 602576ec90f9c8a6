"""Facts about the scenes in which the target's size changes."""

import numpy as np
import pytest

from thermedge.evaluation import changing_size
from thermedge.evaluation.changing_size import ChangingSize
from thermedge.training import pictures


@pytest.fixture(scope="module")
def scenes():
    return changing_size.data_set().sequences


def test_in_every_scene_the_size_changes_about_twofold_up_or_down(scenes):
    assert len(scenes) == 24
    size = np.array([np.sqrt(scene.truth[:, 2] * scene.truth[:, 3]) for scene in scenes])
    ranges = size.max(1) / size.min(1)
    assert np.all((ranges > 1.8) & (ranges < 3.0))  # the extent also turns with the target
    grows = size.argmax(1) > size.argmin(1)
    assert 6 < grows.sum() < 18


def test_a_look_alike_crosses_and_nothing_hides_the_target():
    for seed in range(24):
        spec = ChangingSize(seed).spec
        assert (spec.num_distractors, spec.crossing, spec.occlusions) == (2, True, ())


def test_a_scene_is_the_same_whenever_it_is_opened(scenes):
    with scenes[3].frames.open(0, None) as first, scenes[3].frames.open(0, None) as second:
        for one, other in zip(first, second, strict=True):
            assert one.counts.tobytes() == other.counts.tobytes()
            if one.index == 5:
                break
    assert scenes[3].digest == ChangingSize(3).sequence.digest


def test_no_scene_trains_any_weights():
    assert pictures.FIRST_SEED > 24
