import numpy as np
import pytest

from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.runtime.memory import TargetMemory

BOX = Box(20, 20, 40, 40)


def plain(level):
    return Frame(np.full((100, 100), level, np.uint8), 0, 0, 8)


@pytest.fixture
def memory_and_known(manifest, make_tracker):
    tracker = make_tracker()
    template, track = tracker._memory._net, tracker._net
    memory = TargetMemory(manifest, template, track)
    memory.start(plain(51), BOX, (0, 255))  # a look of 0.2
    return memory, track.inputs["known"]


def refresh(memory, level, score, times=3):
    for _ in range(times):
        memory.refresh(plain(level), BOX, (0, 255), score)


def test_the_track_graph_gets_the_template_s_output(memory_and_known):
    _, known = memory_and_known
    assert known == pytest.approx(np.full((1, 4), 0.2), abs=1e-6)


def test_a_refresh_mixes_a_fixed_share_of_the_newest_look_into_the_first(memory_and_known):
    memory, known = memory_and_known
    refresh(memory, 255, 0.9)
    assert known == pytest.approx(np.full((1, 4), 0.75 * 0.2 + 0.25), abs=1e-6)
    refresh(memory, 255, 0.9)  # the first look never fades further
    assert known == pytest.approx(np.full((1, 4), 0.75 * 0.2 + 0.25), abs=1e-6)


def test_nothing_is_learnt_between_refreshes_or_when_unsure(memory_and_known):
    memory, known = memory_and_known
    refresh(memory, 255, 0.9, times=2)
    assert known == pytest.approx(np.full((1, 4), 0.2), abs=1e-6)
    refresh(memory, 255, 0.4, times=10)
    assert known == pytest.approx(np.full((1, 4), 0.2), abs=1e-6)


def test_the_target_s_size_is_told_in_template_pixels(memory_and_known):
    memory, _ = memory_and_known
    assert memory.target_px == pytest.approx((40, 40))


def test_a_template_network_that_overflows_changes_nothing(memory_and_known):
    memory, known = memory_and_known
    run = memory._net.run
    memory._net.run = lambda: memory._net.outputs["look"].fill(np.nan)
    refresh(memory, 255, 0.9)
    assert known == pytest.approx(np.full((1, 4), 0.2), abs=1e-6)
    memory._net.run = run
    refresh(memory, 255, 0.9)
    assert known == pytest.approx(np.full((1, 4), 0.75 * 0.2 + 0.25), abs=1e-6)
