"""Facts about what the sensor does to a picture."""

import numpy as np
import pytest

from thermedge.training.augment import Augmenter


@pytest.fixture(scope="module")
def augmenter():
    return Augmenter()


def windows():
    """A warm disc on a cooler ground, as template and search window."""
    made = []
    for side in (88, 160):
        y, x = np.mgrid[0:side, 0:side] + 0.5 - side / 2
        made.append(np.where(np.hypot(x, y) < 16, 0.7, 0.3).astype(np.float32))
    return made


def changed(augmenter, seed):
    template, search = windows()
    augmenter.alike([template, search], np.random.default_rng(seed))
    return template, search


def test_both_windows_are_changed_in_place_and_stay_pictures(augmenter):
    before = windows()
    for seed in range(60):
        for window, old in zip(changed(augmenter, seed), before, strict=True):
            assert window.min() >= 0
            assert window.max() <= 1
            assert np.isfinite(window).all()
            assert (window != old).mean() > 0.5


def test_the_same_draw_gives_the_same_picture(augmenter):
    for one, two in zip(changed(augmenter, 4), changed(Augmenter(), 4), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_hot_target_turns_cold_in_both_windows_or_in_none(augmenter):
    contrasts = []
    for seed in range(60):
        template, search = changed(augmenter, seed)
        contrasts.append((template[44, 44] - template[2, 2], search[80, 80] - search[2, 2]))
    signs = np.sign(contrasts)
    same = (signs[:, 0] == signs[:, 1]).mean()
    assert same > 0.95  # strong noise at one of the four pixels looked at
    assert 0.1 < (signs[:, 0] < 0).mean() < 0.5


def test_the_target_stays_where_it_is(augmenter):
    for seed in range(40):
        _, search = changed(augmenter, seed)
        contrast = np.abs(search - np.median(search))
        weight = np.where(contrast > 0.5 * contrast.max(), contrast, 0)
        if contrast.max() < 0.2:
            continue  # hardly anything is left to see
        y, x = np.mgrid[0:160, 0:160] + 0.5
        assert (x * weight).sum() / weight.sum() == pytest.approx(80, abs=3)
        assert (y * weight).sum() / weight.sum() == pytest.approx(80, abs=3)


@pytest.mark.parametrize("centre", [(80, 80), (2, 150), (159, 1), (-200, 80)])
def test_an_occluder_lies_on_the_target(augmenter, centre):
    for seed in range(30):
        search = np.full((160, 160), -1.0, np.float32)
        augmenter.occlude(search, (*centre, 30.0, 20.0), np.random.default_rng(seed))
        rows, columns = np.nonzero(search != -1.0)
        if centre == (-200, 80):
            assert not len(rows)
            continue
        assert (np.abs(columns + 0.5 - centre[0]) < 1.4 * 30 + 1).all()
        assert (np.abs(rows + 0.5 - centre[1]) < 1.4 * 20 + 1).all()
        covered = len(rows) / (30 * 20)
        assert covered < 1.4


def test_an_occluder_leaves_some_of_the_target(augmenter):
    for seed in range(60):
        search = np.zeros((160, 160), np.float32)
        augmenter.occlude(search, (80.0, 80.0, 40.0, 40.0), np.random.default_rng(seed))
        assert (search[60:100, 60:100] == 0).mean() > 0.1


def test_a_pasted_target_appears_at_its_place_and_size(augmenter):
    search = np.zeros((160, 160), np.float32)
    augmenter.paste(search, np.ones((88, 88), np.float32), (50.0, 100.0), 30.0)
    rows, columns = np.nonzero(search)
    assert (rows.mean() + 0.5, columns.mean() + 0.5) == pytest.approx((100, 50), abs=0.6)
    assert np.ptp(rows) + 1 == pytest.approx(30, abs=2)
    assert search.max() == pytest.approx(1)
    assert search[100, 50] == pytest.approx(1)


@pytest.mark.parametrize("place", [(0, 0), (159, 80), (80, -10), (300, 80), (-300, -300)])
def test_a_target_pasted_over_the_border_is_cut_off(augmenter, place):
    search = np.zeros((160, 160), np.float32)
    augmenter.paste(search, np.ones((88, 88), np.float32), place, 30.0)
    outside = max(abs(place[0] - 80), abs(place[1] - 80)) > 80 + 15
    assert (search.max() == 0) == outside


def test_what_is_left_out_is_not_done():
    everything = ("inversion", "gain", "sensor")
    for window, old in zip(changed(Augmenter(everything), 7), windows(), strict=True):
        np.testing.assert_array_equal(window, old)
    for one in everything:
        others = Augmenter([name for name in everything if name != one])
        pictures = [changed(others, seed)[1] for seed in range(40)]
        assert any((picture != windows()[1]).any() for picture in pictures), one


def test_no_target_turns_cold_where_inversion_is_left_out():
    without = Augmenter(["inversion", "sensor"])
    for seed in range(60):
        _, search = changed(without, seed)
        assert search[80, 80] >= search[2, 2]


def disc(side=160, radius=16.0):
    y, x = np.mgrid[0:side, 0:side] + 0.5 - side / 2
    return np.where(np.hypot(x, y) < radius, 1.0, 0.0).astype(np.float32)


def test_a_deformed_target_has_the_size_that_is_told(augmenter):
    for seed in range(30):
        search = disc()
        wide, high = augmenter.deform(search, (80, 80, 32, 32), np.random.default_rng(seed))
        # The middle row and column sway to the side, but keep their length.
        assert (search.sum(1).max()) == pytest.approx(32 * wide, abs=1.5)
        assert (search.sum(0).max()) == pytest.approx(32 * high, abs=1.5)


def test_targets_are_deformed_by_more_than_a_warp_of_the_picture_does(augmenter):
    aspects = []
    for seed in range(60):
        wide, high = augmenter.deform(disc(), (80, 80, 32, 32), np.random.default_rng(seed))
        aspects.append(np.log(wide / high))
    assert 0.2 < np.std(aspects) < 0.4


def test_the_surroundings_of_a_deformed_target_stay(augmenter):
    noise = np.random.default_rng(1).random((160, 160), np.float32)
    for seed in range(20):
        search = noise.copy()
        augmenter.deform(search, (80, 80, 24, 24), np.random.default_rng(seed))
        far = np.ones((160, 160), bool)
        far[20:140, 20:140] = False  # 2.5 times 24 px, times the largest growth of 1.8
        np.testing.assert_allclose(search[far], noise[far], atol=1e-5)
        assert np.abs(search - noise)[70:90, 70:90].mean() > 0.02
