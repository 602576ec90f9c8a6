import pytest

from thermedge import bundle
from thermedge.bundles import find
from thermedge.errors import SourceError
from thermedge.evaluation.loop_cost import measure


def test_the_cost_is_measured_on_frames_that_track():
    cost = measure(bundle.read(find("default")), scene="synthetic:frames=60")
    assert cost.frames > 20
    assert cost.network_ms > 0
    assert cost.update_ms > cost.network_ms * 0.5
    assert cost.added == cost.update_ms / cost.network_ms - 1


def test_a_scene_that_is_not_followed_has_no_cost():
    with pytest.raises(SourceError, match="default followed the target in none of the frames"):
        measure(bundle.read(find("default")), scene="synthetic:frames=20")
