import math
from dataclasses import replace

import pytest

from thermedge.geometry import Box
from thermedge.runtime.decode import Candidate, Change
from thermedge.runtime.motion import HIDDEN_S, SHUT_S, Motion

BEAT_S = 1 / 30


def candidate(cx, cy, *, side=20.0, spread=1e-3, score=0.9):
    return Candidate(cx, cy, math.log(side), math.log(side), spread, spread, score)


@pytest.fixture
def moving(manifest):
    """Return a function that makes a target which has gone on at one speed for a second."""

    def make(px_per_frame=2.0):
        motion = Motion(manifest.loop, Box.from_center(100, 100, 20, 20), (320, 256))
        for index in range(1, 31):
            motion.take(candidate(100 + px_per_frame * index, 100), elapsed_s=BEAT_S)
        return motion

    return make


def test_a_target_that_nobody_sees_goes_on_and_slows_down(moving):
    motion = moving()
    steps = []
    for _ in range(60):
        before = motion.cx
        motion.drift(BEAT_S, fade_s=SHUT_S)
        steps.append(motion.cx - before)
    assert steps[0] == pytest.approx(2.0, rel=0.05)
    assert steps == sorted(steps, reverse=True)
    assert sum(steps) == pytest.approx(60 * SHUT_S * (1 - math.exp(-2 / SHUT_S)), rel=0.02)


def test_drifting_depends_on_time_and_not_on_the_number_of_frames(moving):
    few, many = moving(), moving()
    few.drift(0.6, fade_s=HIDDEN_S)
    for _ in range(6):
        many.drift(0.1, fade_s=HIDDEN_S)
    assert few.cx == pytest.approx(many.cx)


def test_a_step_over_frames_that_did_not_show_the_target_is_no_speed(moving):
    motion = moving()
    motion.take(candidate(290, 100), elapsed_s=0)
    motion.drift(BEAT_S, fade_s=SHUT_S)
    assert motion.cx == pytest.approx(292, abs=0.1)


def test_the_box_stays_in_the_frame(moving):
    motion = moving(10.0)
    motion.drift(10.0, fade_s=SHUT_S)
    motion.shift(0, -1000)
    assert motion.box.center == (319.0, 0.0)


def test_after_a_stop_nothing_drifts(moving):
    motion = moving()
    motion.stop()
    place = motion.box
    motion.drift(1.0, fade_s=SHUT_S)
    assert motion.box == place


def test_an_uncertain_size_moves_the_box_less(moving):
    sure, unsure = moving(), moving()
    sure.take(candidate(160, 100, side=30), elapsed_s=BEAT_S)
    unsure.take(candidate(160, 100, side=30, spread=0.5), elapsed_s=BEAT_S)
    assert 20 < unsure.box.w < sure.box.w < 30


def settled(manifest, side, *, spread):
    """Return the side that a target of 20 px has after it was long measured as `side`."""
    motion = Motion(manifest.loop, Box.from_center(100, 100, 20, 20), (320, 256))
    for _ in range(200):
        motion.take(candidate(100, 100, side=side, spread=spread), elapsed_s=BEAT_S)
    return motion.box.w


def test_small_changes_of_size_are_held_back_and_large_ones_are_followed(manifest):
    small, large = (settled(manifest, 20 * factor, spread=0.12) for factor in (1.1, 2.0))
    assert math.log(small / 20) < 0.7 * math.log(1.1)
    assert math.log(large / 20) > 0.9 * math.log(2.0)
    assert settled(manifest, 10, spread=0.12) == pytest.approx(400 / large)


def reported(manifest, side, change, *, spread=0.12):
    """Return (reported, shown) side of a target of 20 px that was long measured as `side`."""
    motion = Motion(manifest.loop, Box.from_center(100, 100, 20, 20), (320, 256))
    for _ in range(200):
        found = replace(candidate(100, 100, side=side, spread=spread), change=change)
        motion.take(found, elapsed_s=BEAT_S)
    return motion.reported.w, motion.box.w


def test_a_kind_of_target_that_keeps_its_size_is_reported_with_the_first_one(manifest):
    told, shown = reported(manifest, 30, Change(floor=1e-4, share=0.01))
    assert 20 <= told < 21
    assert shown > 28


def test_a_kind_of_target_that_changes_its_size_is_reported_as_it_looks(manifest):
    told, _ = reported(manifest, 30, Change(floor=1.0, share=1.0))
    assert told == pytest.approx(30, rel=0.03)


def test_the_windows_are_as_large_as_the_target_looks_whatever_is_reported(manifest):
    changes = None, Change(1e-4, 0.01), Change(1.0, 1.0)
    assert len({reported(manifest, 30, change)[1] for change in changes}) == 1


def test_where_nothing_is_told_of_changes_the_report_is_what_is_shown(manifest):
    told, shown = reported(manifest, 30, None)
    assert told == shown


def test_before_anything_was_found_the_first_box_is_reported(manifest):
    box = Box.from_center(100, 100, 20, 12)
    assert Motion(manifest.loop, box, (320, 256)).reported == box


def test_what_came_closer_goes_back_to_its_first_size(manifest):
    motion = Motion(manifest.loop, Box.from_center(100, 100, 20, 20), (320, 256))
    for side in [40] * 60 + [20] * 60:
        motion.take(candidate(100, 100, side=side, spread=0.12), elapsed_s=BEAT_S)
    assert motion.box.w == pytest.approx(20, abs=0.1)


def test_a_box_never_vanishes(moving):
    motion = moving()
    for _ in range(60):
        motion.take(candidate(160, 100, side=0.01), elapsed_s=BEAT_S)
    assert motion.box.w == motion.box.h == 2.0


def test_a_size_that_nothing_is_expected_of_and_nothing_speaks_for_stays(manifest):
    loop = replace(manifest.loop, size_prior=0.0)
    motion = Motion(loop, Box.from_center(100, 100, 20, 20), (320, 256))
    motion.take(candidate(100, 100, side=30.0, spread=0.0), elapsed_s=BEAT_S)
    assert motion.box.w == pytest.approx(20)
