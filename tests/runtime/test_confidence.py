"""Facts about the probability that a box is right."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.manifest import ConfidenceSpec
from thermedge.runtime.confidence import Confidence
from thermedge.runtime.tracker import Tracker

SPEC = ConfidenceSpec(
    knots=((0.2, 0.1), (0.5, 0.8), (0.9, 0.95)),
    coasting=0.4,
    clips=2,
    frames=200,
    error_before=0.2,
    error_after=0.05,
    source="a test",
)

numbers = st.floats(0, 1)
ascending = st.lists(numbers, min_size=1, max_size=12, unique=True).map(sorted)


@given(ascending, st.data(), numbers)
def test_knots_are_read_as_numpy_would(scores, data, score):
    chances = sorted(data.draw(numbers) for _ in scores)
    spec = replace(SPEC, knots=tuple(zip(scores, chances, strict=True)))
    expected = np.interp(score, scores, chances)
    assert Confidence(spec).of("tracking", score) == pytest.approx(expected, abs=1e-9)


def test_a_bundle_that_does_not_know_answers_none():
    confidence = Confidence(None)
    assert confidence.start() is None
    assert confidence.of("tracking", 0.9) is None
    assert confidence.of("lost", 0.0) is None


def test_the_box_given_is_taken_for_true():
    assert Confidence(SPEC).start() == 1.0


@pytest.mark.parametrize(("score", "expected"), [(0.9, 0.4), (0.2, 0.1)])
def test_a_predicted_box_is_never_surer_than_the_one_measured_last(score, expected):
    confidence = Confidence(SPEC)
    confidence.start()
    measured = confidence.of("uncertain", score)
    for peak in (0.0, 0.99):  # what the network sees meanwhile was not taken for the target
        assert confidence.of("coasting", peak) == expected <= measured


def test_a_lost_target_has_none_left_and_a_found_one_that_of_its_score():
    confidence = Confidence(SPEC)
    confidence.start()
    assert confidence.of("lost", 0.3) == 0.0
    assert confidence.of("reacquired", 0.5) == pytest.approx(0.8)


def test_a_new_start_forgets_the_target_before():
    confidence = Confidence(SPEC)
    confidence.of("tracking", 0.2)
    confidence.start()
    assert confidence.of("coasting", 0.0) == 0.4


def test_nothing_is_kept_per_frame():
    confidence = Confidence(SPEC)
    confidence.of("tracking", 0.7)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(1000):
            confidence.of("tracking", number / 1000)
        assert tracemalloc.get_traced_memory()[0] - before < 500
    finally:
        tracemalloc.stop()


def test_confidence_falls_when_a_tracked_target_vanishes(make_tracker):
    tracker = with_confidence(make_tracker())
    shown = [tracker.update(scene(index, place=(100, 100))) for index in range(1, 4)]
    hidden = [tracker.update(scene(index)) for index in range(4, 14)]
    assert all(track.confidence == pytest.approx(0.95, abs=0.2) for track in shown)
    by_state = {track.state: track.confidence for track in hidden}
    assert by_state == {"coasting": 0.4, "lost": 0.0}
    found = [track.confidence for track in (*shown, *hidden)]
    assert found == sorted(found, reverse=True)


def with_confidence(tracker):
    manifest = replace(tracker.manifest, confidence=SPEC)
    again = Tracker(manifest, tracker._memory._net, tracker._net)
    assert again.init(scene(0, place=(100, 100)), Box(90, 90, 20, 20)).confidence == 1.0
    return again


def scene(index, place=None):
    """A warm square on a cold scene, or that scene alone."""
    counts = np.full((256, 320), 20, np.uint8)
    counts[0, 0] = index  # a camera that shows the same picture twice is frozen
    if place is not None:
        x, y = place
        counts[y - 10 : y + 10, x - 10 : x + 10] = 230
    return Frame(counts, index, index * 33_333_333, bits=8)
