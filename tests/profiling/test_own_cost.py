"""Facts about what profiling costs."""

from thermedge.bundles import find
from thermedge.profiling import own_cost
from thermedge.profiling.own_cost import OwnCost
from thermedge.profiling.subjects import Subject


def test_the_cost_of_profiling_is_told_apart_from_the_tracker() -> None:
    with (opened := Subject(find("default"), "ort").open()).tracker:
        found = own_cost.measure(opened, scene="synthetic:frames=80,size=128x96")
    # Noting eight numbers against a network: no busy machine turns that round.
    assert 0 < found.noting_us < found.update_us
    assert found.looking_us > 0


def test_the_share_adds_what_comes_per_frame_and_per_second() -> None:
    assert OwnCost(update_us=1000, noting_us=5, looking_us=1000).share == 0.006
