"""Facts about the store of tokens."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermedge.manifest import TokenSpec
from thermedge.runtime.tokens import TokenStore, peak_quality

CAPACITY, CHANNELS = 4, 3


class Setup:
    def __init__(self, min_quality=0.3, capacity=CAPACITY):
        self.inputs = {
            "token": np.zeros((1, 1, CHANNELS), np.float32),
            "store": np.zeros((1, capacity, CHANNELS), np.float32),
            "store_bias": np.zeros((1, 1, capacity), np.float32),
            "store_age": np.zeros((1, capacity, 4), np.float32),
        }
        self.outputs = {
            "score": np.zeros((1, 1, 20, 20), np.float32),
            "token_next": np.zeros((1, 1, CHANNELS), np.float32),
        }
        manifest = SimpleNamespace(
            tokens=TokenSpec(min_quality=min_quality),
            carried={"token": "token_next"},
            initial={"token": "first"},
        )
        self.store = TokenStore(manifest, self.inputs, self.outputs)
        self.store.start({"first": np.full((1, 1, CHANNELS), 100, np.float32)})

    def see(self, value, peak):
        self.outputs["token_next"].fill(value)
        self.outputs["score"].fill(0)
        self.outputs["score"][0, 0, 7, 9] = peak
        self.store.take()

    @property
    def kept(self):
        filled = self.inputs["store_bias"][0, 0] == 0
        return self.inputs["store"][0, filled, 0].tolist()


@pytest.fixture
def setup():
    return Setup()


def test_a_track_starts_with_the_first_token_alone(setup):
    assert setup.kept == [100]
    assert setup.inputs["token"].tolist() == [[[100] * CHANNELS]]
    assert setup.inputs["store_bias"][0, 0, 1:].max() < -1000


def test_the_token_of_every_frame_is_carried_and_only_good_ones_are_stored(setup):
    setup.see(1, peak=0.9)
    setup.see(2, peak=0.1)
    assert setup.inputs["token"][0, 0, 0] == 2
    assert setup.kept == [100, 1]


def test_a_better_token_takes_the_place_of_the_worst_one_but_never_of_the_first(setup):
    for value, peak in ((1, 0.5), (2, 0.4), (3, 0.6)):
        setup.see(value, peak)
    setup.see(4, peak=0.35)  # worse than all
    assert setup.kept == [100, 1, 2, 3]
    setup.see(5, peak=0.95)
    assert setup.kept == [100, 1, 5, 3]
    for value in range(6, 12):
        setup.see(value, peak=0.99)
    assert setup.kept[0] == 100


def test_a_new_track_forgets_the_old_one(setup):
    setup.see(1, peak=0.9)
    setup.store.start({"first": np.full((1, 1, CHANNELS), 50, np.float32)})
    assert setup.kept == [50]


def test_ages_grow_with_the_frames(setup):
    setup.see(1, peak=0.9)
    assert setup.inputs["store_age"][0, :2].argmax(1).tolist() == [1, 0]
    for _ in range(30):
        setup.see(2, peak=0.0)
    assert setup.inputs["store_age"][0, :2].argmax(1).tolist() == [3, 3]
    assert setup.inputs["store_age"][0, 2:].sum() == 0


@given(st.lists(st.floats(0, 1, width=32), max_size=40))
def test_the_store_is_never_over_full_and_keeps_the_best(peaks):
    setup = Setup(min_quality=0.2)
    for number, peak in enumerate(peaks):
        setup.see(number, peak)
    good = sorted((peak for peak in peaks if peak >= 0.2), reverse=True)
    assert setup.kept[0] == 100
    assert len(setup.kept) == 1 + min(len(good), CAPACITY - 1)
    best = [peaks[int(value)] for value in setup.kept[1:]]
    assert sorted(best, reverse=True) == pytest.approx(good[: CAPACITY - 1])


def test_quality_is_a_high_peak_that_stands_alone():
    alone = np.zeros((20, 20), np.float32)
    alone[5, 5] = 0.9
    rivals = np.full((20, 20), 0.5, np.float32)
    rivals[5, 5] = 0.9
    assert peak_quality(alone) == pytest.approx(0.9)
    assert peak_quality(rivals) == pytest.approx(0.4)
    assert peak_quality(np.zeros((20, 20), np.float32)) == 0
    assert peak_quality(np.full((20, 20), np.nan, np.float32)) == 0


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_token_that_overflowed_is_neither_carried_nor_stored(setup, number):
    setup.see(1, peak=0.9)
    setup.see(number, peak=0.9)
    assert setup.inputs["token"][0, 0, 0] == 1
    assert setup.kept == [100, 1]
    setup.see(2, peak=0.9)
    assert setup.kept == [100, 1, 2]


def test_a_store_of_one_place_keeps_the_first_token():
    setup = Setup(capacity=1)
    setup.see(1, peak=0.9)
    assert setup.kept == [100]
    assert setup.inputs["token"][0, 0, 0] == 1
