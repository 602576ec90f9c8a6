from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermedge.calibration.frames import Reservoir, Sift
from thermedge.events import Event


def reasons(frames):
    sift = Sift()
    return [sift.look(frame) for frame in frames]


def test_a_moving_scene_is_all_usable(make_frames):
    assert reasons(make_frames(30)) == [None] * 30


def test_frames_of_a_closed_shutter_are_left_out(make_frames):
    frames = make_frames(12, shutter=dict.fromkeys((0, 5, 6), "closed"))
    assert [i for i, reason in enumerate(reasons(frames)) if reason == "shutter"] == [0, 5, 6]


def test_frames_after_the_shutter_are_used_and_know_how_long_ago_it_was(make_frames):
    frames = make_frames(40, shutter={5: "closed", 6: "settling"})
    sift = Sift()
    seen = [(sift.look(frame), sift.since_shutter_s) for frame in frames]
    assert seen[4] == (None, None)
    assert seen[6][0] is None
    assert seen[35][1] == (35 - 5) / 30


def test_repeated_pictures_are_left_out_as_duplicates(make_frames):
    # The first repeat of a stream goes unnoticed: only then is there a copy to compare with.
    found = reasons(make_frames(12, again=(3, 6, 9)))
    assert [i for i, reason in enumerate(found) if reason == "duplicate"] == [6, 9]


def test_a_picture_that_stands_still_is_a_stall_where_no_camera_tells_of_a_shutter(make_frames):
    found = reasons(make_frames(40, again=range(10, 30)))
    assert "shutter" not in found
    assert found[29] == "stall"
    assert found[31] is None


def test_the_frame_after_a_broken_stream_is_left_out(make_frames):
    frames = make_frames(6)
    frames[3] = replace(frames[3], events=(Event("reconnected", 0, 3, "The camera is back."),))
    assert reasons(frames) == [None, None, None, "stall", None, None]


@given(st.lists(st.integers(0, 5), max_size=200), st.integers(1, 20), st.integers(0, 3))
def test_a_reservoir_keeps_its_order_and_never_too_many(kinds, capacity, seed):
    kept = Reservoir(capacity, seed)
    for number, kind in enumerate(kinds):
        kept.offer(kind, lambda number=number: number)
    assert len(kept.items) == min(capacity, len(kinds))
    assert kept.items == sorted(set(kept.items))
    assert kept.offered == len(kinds)


@pytest.mark.parametrize("seed", range(10))
def test_rare_kinds_are_kept_whole_beside_frequent_ones(seed):
    kinds = np.random.default_rng(seed).permutation([0] * 300 + [1] * 40 + [2] * 12)
    kept = Reservoir(60, seed=7)
    for kind in kinds.tolist():
        kept.offer(kind, lambda kind=kind: kind)
    counts = np.bincount(kept.items, minlength=3)
    assert counts.tolist()[2] == 12
    assert abs(int(counts[0]) - int(counts[1])) <= 2


def test_within_a_kind_early_and_late_items_have_the_same_chance():
    places = []
    for seed in range(40):
        kept = Reservoir(20, seed)
        for number in range(1000):
            kept.offer("kind", lambda number=number: number)
        places += kept.items
    assert abs(np.mean(places) - 499.5) < 3 * 1000 / np.sqrt(12 * len(places))


def test_the_same_seed_keeps_the_same_items_and_another_does_not():
    def kept(seed):
        made = Reservoir(10, seed)
        for number in range(500):
            made.offer(number % 3, lambda number=number: number)
        return made.items

    assert kept(4) == kept(4)
    assert kept(4) != kept(5)


def test_what_is_not_kept_is_not_copied():
    made = []
    kept = Reservoir(5, seed=0)
    for number in range(1000):
        kept.offer("kind", lambda number=number: made.append(number))
    assert len(made) < 100
