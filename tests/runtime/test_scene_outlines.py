"""Facts about the outlines of things, before they are drawn."""

import math

import numpy as np
import pytest

from thermedge.runtime.scene_outlines import KINDS, MOVING, parts


def built(kind, seed=3, phase=0.0):
    return parts(kind, np.random.default_rng(seed), phase)


@pytest.mark.parametrize("kind", KINDS)
def test_a_thing_has_parts_of_several_temperatures_all_warmer_than_the_air(kind):
    heats = [heat for _, heat in built(kind)]

    assert min(heats) > 0
    assert max(heats) > 1.3 * min(heats)


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_walks_flaps_or_pedals_changes_with_the_phase(kind):
    rest, later = built(kind), built(kind, phase=math.pi / 2)

    assert [heat for _, heat in rest] == [heat for _, heat in later]
    same = all(np.array_equal(a, b) for (a, _), (b, _) in zip(rest, later, strict=True))
    assert same == (kind not in MOVING)


@pytest.mark.parametrize("kind", KINDS)
def test_no_two_things_of_a_kind_are_alike(kind):
    outlines = [np.concatenate([points for points, _ in built(kind, seed)]) for seed in (1, 2)]

    assert not np.allclose(*outlines)


@pytest.mark.parametrize("kind", ["animal", "rider"])
def test_what_goes_on_the_ground_keeps_its_feet_on_it(kind):
    lowest = [
        max(points[:, 1].max() for points, _ in built(kind, phase=phase))
        for phase in np.linspace(0, 2 * math.pi, 8)
    ]

    assert max(lowest) - min(lowest) < 0.1
