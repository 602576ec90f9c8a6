"""Facts about what the second camera sees in training."""

from dataclasses import replace

import numpy as np
import pytest

from thermedge.manifest import CropSpec
from thermedge.training import pairs
from thermedge.training.augment import Augmenter
from thermedge.training.pairs import PairSampler
from thermedge.training.recipe import PairSpec, parse
from thermedge.training.visible import UNKNOWN, VisibleCamera, absent

CROP = CropSpec(template_px=96, search_px=160, template_factor=2.4, search_factor=4.0)
INPUTS = ("template", "template_visible", "search", "search_visible")
WINDOWS = ("template", "search")


def disc(side, inside=0.8, outside=0.3):
    y, x = np.mgrid[0:side, 0:side] + 0.5 - side / 2
    return np.where(np.hypot(x, y) < side / 5, inside, outside).astype(np.float32)


def unknown(side):
    return np.full((side, side), UNKNOWN, np.float32)


def seen(seed, visible=unknown):
    made = [(disc(side), visible(side)) for side in (96, 160)]
    VisibleCamera().develop(made, np.random.default_rng(seed))
    return [own for _, own in made]


def contrast(window):
    middle, side = len(window) // 2, len(window)
    return float(window[middle - 4 : middle + 4, middle - 4 : middle + 4].mean()) - float(
        window[: side // 6].mean()
    )


# --- the camera ---


def test_what_no_picture_tells_is_made_of_the_thermal_window():
    for seed in range(40):
        for window in seen(seed):
            assert np.isfinite(window).all()
            assert window.min() >= 0
            assert window.max() <= 1


def test_a_warm_target_is_bright_or_dark_or_hardly_seen_but_alike_in_all_windows():
    contrasts = np.array([[contrast(window) for window in seen(seed)] for seed in range(80)])
    clear = contrasts[np.abs(contrasts).min(1) > 0.1]
    assert len(clear) > 20
    assert (np.sign(clear[:, 0]) == np.sign(clear[:, 1])).mean() > 0.95
    assert 0.2 < (clear[:, 0] < 0).mean() < 0.8
    assert (np.abs(contrasts).max(1) < 0.1).mean() > 0.1


def test_it_is_no_copy_of_the_thermal_window():
    alike = [
        np.abs(np.corrcoef(window.ravel(), disc(len(window)).ravel())[0, 1])
        for seed in range(40)
        for window in seen(seed)
    ]
    assert np.median(alike) < 0.98
    assert np.median(alike) > 0.3  # the scene is the same


def test_a_real_picture_keeps_its_own_scene():
    def squares(side):
        return (np.indices((side, side)) // 16).sum(0).astype(np.float32) % 2

    alike = []
    for seed in range(20):
        for window in seen(seed, squares):
            both = window[8:-8, 8:-8].ravel(), squares(len(window))[8:-8, 8:-8].ravel()
            alike.append(np.corrcoef(*both)[0, 1])
    assert min(alike) > 0.1  # dim light and noise
    assert np.median(alike) > 0.8


def test_the_two_cameras_are_registered_to_two_px(monkeypatch):
    monkeypatch.setattr(VisibleCamera, "_light", lambda self, visible, rng: None)
    away = []
    for seed in range(60):
        _, window = seen(seed)
        shape = np.abs(window - np.median(window))
        shape[shape < 0.6 * shape.max()] = 0
        y, x = np.mgrid[0:160, 0:160] + 0.5
        if np.abs(contrast(window)) > 0.3:
            away += [(x * shape).sum() / shape.sum() - 80, (y * shape).sum() / shape.sum() - 80]
    assert len(away) > 20
    assert np.abs(away).max() < 2.2
    assert np.std(away) > 0.3


def test_the_same_draw_gives_the_same_windows():
    for one, two in zip(seen(3), seen(3), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_both_windows_lack_the_visible_picture_in_the_share_asked_for(share):
    rng = np.random.default_rng(0)
    drawn = np.array([absent(share, rng) for _ in range(2000)])
    assert drawn.all(1).mean() == pytest.approx(share, abs=0.04)
    stopped = (~drawn[:, 0] & drawn[:, 1]).mean()
    started = (drawn[:, 0] & ~drawn[:, 1]).mean()
    assert stopped == pytest.approx(0.15 * (1 - share), abs=0.03)
    assert started == pytest.approx(0.05 * (1 - share), abs=0.03)


# --- in batches ---


class Unchanged(Augmenter):
    def alike(self, windows, rng):
        pass


class Undeveloped(VisibleCamera):
    """Shows what is known; 0 where nothing is."""

    def develop(self, pairs, rng):
        for _, visible in pairs:
            np.nan_to_num(visible, copy=False, nan=0.0)


@pytest.fixture
def plan(recipe_text):
    recipe = parse(recipe_text, "the recipe of the tests")
    return replace(
        recipe,
        batch=24,
        negative_share=0.0,
        distractor_share=0.0,
        thermal_only_share=0.0,
        pairs=(PairSpec(data="squares", how="track", share=1.0, max_gap=1),),
    )


@pytest.fixture
def both(pack_of):
    """A target in two moments; the visible picture is the thermal one in other greys."""
    rng = np.random.default_rng(0)
    thermal = [rng.integers(0, 200, (300, 300), np.uint8) for _ in range(2)]
    pictures = [np.stack([picture, 255 - picture]) for picture in thermal]
    return pack_of(pictures, [[(0, (140, 140, 24, 16)), (1, (140, 140, 24, 16))]])


def test_visible_windows_are_cut_where_the_thermal_ones_are(monkeypatch, plan, both):
    monkeypatch.setattr(pairs, "Augmenter", Unchanged)
    monkeypatch.setattr(pairs, "VisibleCamera", Undeveloped)
    monkeypatch.setattr(pairs, "absent", lambda share, rng: (False, False))
    hidden = 0
    for number in range(2):
        batch = PairSampler(plan, {"squares": both}, CROP, INPUTS).batch(number)
        for name in WINDOWS:
            told = batch[f"{name}_visible"] != 0  # an occluder leaves the rest unknown
            gap = np.abs(batch[name] + batch[f"{name}_visible"] - 1)[told]
            assert gap.max() < 2e-3
            hidden += (~told).sum()
            assert told.mean() > 0.9
    assert hidden > 0


def test_without_visible_pictures_they_are_made_up(monkeypatch, plan, pack_of):
    monkeypatch.setattr(pairs, "Augmenter", Unchanged)
    thermal = [np.random.default_rng(0).integers(0, 255, (300, 300), np.uint8)] * 2
    pack = pack_of(thermal, [[(0, (140, 140, 24, 16)), (1, (140, 140, 24, 16))]])
    batch = PairSampler(plan, {"squares": pack}, CROP, INPUTS).batch(0)
    for name in WINDOWS:
        assert batch[f"{name}_visible"].shape == batch[name].shape
        assert np.isfinite(batch[f"{name}_visible"]).all()
        differs = [
            not np.array_equal(*two)
            for two in zip(batch[name], batch[f"{name}_visible"], strict=True)
        ]
        assert np.mean(differs) > 0.7  # the stream may have stopped


def test_where_the_visible_picture_is_missing_the_thermal_window_stands_in(plan, both):
    plan = replace(plan, thermal_only_share=0.6)
    batch = PairSampler(plan, {"squares": both}, CROP, INPUTS).batch(0)
    equal = [
        [np.array_equal(*two) for two in zip(batch[name], batch[f"{name}_visible"], strict=True)]
        for name in WINDOWS
    ]
    assert 0.3 < np.mean(np.all(equal, 0)) < 0.9


def test_a_thermal_network_sees_the_same_windows_as_ever(plan, both):
    with_visible = PairSampler(plan, {"squares": both}, CROP, INPUTS).batch(3)
    alone = PairSampler(plan, {"squares": both}, CROP).batch(3)
    assert set(with_visible) - set(alone) == {"template_visible", "search_visible"}
    for name, values in alone.items():
        np.testing.assert_array_equal(values, with_visible[name], err_msg=name)


def test_a_clip_has_a_visible_window_for_each_frame(plan, both):
    clips = replace(plan, clip=3, batch=4)
    batch = PairSampler(clips, {"squares": both}, CROP, INPUTS).batch(0)
    assert batch["search_visible"].shape == batch["search"].shape == (4, 3, 1, 160, 160)
    assert batch["template_visible"].shape == (4, 1, 96, 96)


def test_the_share_is_checked_in_the_recipe(recipe_text):
    from thermedge.errors import RecipeError

    text = recipe_text.replace("seed = 5", "seed = 5\nthermal_only_share = 1.5")
    with pytest.raises(RecipeError, match="thermal_only_share is 1.5, expected 0 to 1"):
        parse(text, "mine")
    text = recipe_text.replace("seed = 5", "seed = 5\nthermal_only_share = 0.4")
    assert parse(text, "mine").thermal_only_share == 0.4
