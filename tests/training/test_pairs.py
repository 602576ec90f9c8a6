"""Facts about template/search pairs, measured on a bright rectangle over dark ground."""

from dataclasses import replace

import numpy as np
import pytest

from thermedge.errors import RecipeError
from thermedge.manifest import CropSpec
from thermedge.training import pairs
from thermedge.training.augment import Augmenter
from thermedge.training.pairs import PairSampler
from thermedge.training.recipe import PairSpec, parse

CROP = CropSpec(template_px=88, search_px=160, template_factor=2.2, search_factor=4.0)
DARK, BRIGHT = 50, 200
FRAME_PX = 800  # wide enough that no window reaches past the border


class Unchanged(Augmenter):
    """Leaves the windows as they were cut, so that they can be measured."""

    def alike(self, windows, rng):
        pass

    def occlude(self, search, box, rng):
        pass

    def deform(self, search, box, rng):
        return 1.0, 1.0


class Posing(Unchanged):
    """Gives targets other poses, and does nothing else."""

    def deform(self, search, box, rng):
        return Augmenter.deform(self, search, box, rng)


@pytest.fixture
def unchanged(monkeypatch):
    monkeypatch.setattr(pairs, "Augmenter", Unchanged)


@pytest.fixture
def plan(recipe_text):
    """A recipe that tracks the data "squares" and does nothing else."""
    recipe = parse(recipe_text, "the recipe of the tests")
    return replace(
        recipe,
        batch=40,
        negative_share=0.0,
        distractor_share=0.0,
        pairs=(PairSpec(data="squares", how="track", share=1.0, max_gap=3),),
    )


def frame_with(*boxes, levels=None):
    picture = np.full((FRAME_PX, FRAME_PX), DARK, np.uint8)
    for (x, y, w, h), level in zip(boxes, levels or [BRIGHT] * len(boxes), strict=True):
        picture[y : y + h, x : x + w] = level
    return picture


@pytest.fixture
def moving(pack_of):
    """One rectangle of 24 x 16 px in four pictures."""
    boxes = [(380 + 10 * i, 390 + 5 * i, 24, 16) for i in range(4)]
    return pack_of([frame_with(box) for box in boxes], [list(enumerate(boxes))])


def measured(window):
    """Return cx, cy, w, h of what is bright, px."""
    share = (window[0] * 255 - DARK) / (BRIGHT - DARK)
    at = np.arange(len(share)) + 0.5
    across, down = share.sum(0), share.sum(1)
    cx, cy = (across * at).sum() / across.sum(), (down * at).sum() / down.sum()
    return cx, cy, share.sum() / across.max(), share.sum() / down.max()


def whole(batch):
    """Return the numbers of the pairs whose target lies fully in the search window."""
    cx, cy, w, h = batch["target"].T
    inside = (cx - w / 2 > 2) & (cx + w / 2 < 158) & (cy - h / 2 > 2) & (cy + h / 2 < 158)
    return np.flatnonzero(inside)


def test_the_drawn_box_is_where_the_target_is(unchanged, plan, moving):
    batch = PairSampler(plan, {"squares": moving}, CROP).batch(0)
    kept = whole(batch)
    assert len(kept) > 25
    wideness = []
    for i in kept:
        cx, cy, w, h = measured(batch["search"][i])
        assert (cx, cy) == pytest.approx(batch["target"][i, :2], abs=0.6)
        # The box may be looser or tighter than the rectangle, as the template's box is.
        template_w, template_h = measured(batch["template"][i])[2:]
        loose_w, loose_h = batch["target_px"][i] / (template_w, template_h)
        assert batch["target"][i, 2:] / (w, h) == pytest.approx((loose_w, loose_h), rel=0.05)
        wideness.append((loose_w, loose_h))
    assert np.std(wideness, axis=0).min() > 0.05
    assert np.mean(wideness) == pytest.approx(1.0, abs=0.15)


def test_the_template_has_its_target_in_the_middle(unchanged, plan, moving):
    batch = PairSampler(plan, {"squares": moving}, CROP).batch(1)
    for template in batch["template"]:
        assert measured(template)[:2] == pytest.approx((44, 44), abs=0.5)
    # The window's side is 2.2 targets, so the target's side is 40 of the 88 px.
    assert np.sqrt(batch["target_px"].prod(1)) == pytest.approx(np.full(40, 40.0), rel=1e-5)


def test_targets_differ_in_place_and_size(unchanged, plan, moving):
    sampler = PairSampler(plan, {"squares": moving}, CROP)
    targets = np.concatenate([sampler.batch(n)["target"] for n in range(3)])
    assert np.ptp(targets[:, :2], axis=0).min() > 60
    assert np.abs(targets[:, :2].mean(0) - 80).max() < 10
    side = np.sqrt(targets[:, 2] * targets[:, 3])
    assert side.min() < 20
    assert side.max() > 45
    assert np.median(side) == pytest.approx(40, rel=0.15)


def test_a_flip_turns_both_windows_and_the_box(unchanged, plan, pack_of):
    # The left half of the target is brighter than its right half; ground is dark.
    boxes = [(388, 392, 12, 16), (400, 392, 12, 16)]
    picture = frame_with(*boxes, levels=[250, 150])
    pack = pack_of([picture] * 2, [[(0, (388, 392, 24, 16)), (1, (388, 392, 24, 16))]])
    batch = PairSampler(plan, {"squares": pack}, CROP).batch(0)
    is_flipped = []
    for i in whole(batch):
        template, search = batch["template"][i, 0], batch["search"][i, 0]
        cx, cy, w, _ = batch["target"][i]
        left, right = int(cx - w / 4), int(cx + w / 4)
        flips = template[44, 34] < template[44, 54], search[int(cy), left] < search[int(cy), right]
        assert flips[0] == flips[1]
        is_flipped.append(flips[0])
    assert 0.2 < np.mean(is_flipped) < 0.8


@pytest.mark.parametrize("how", ["warp", "patch"])
def test_a_deformed_pair_comes_from_one_picture(unchanged, plan, pack_of, how):
    boxes = [(300, 300, 24, 16), (500, 500, 24, 16)]
    pack = pack_of([frame_with(box) for box in boxes], [list(enumerate(boxes))])
    plan = replace(plan, pairs=(PairSpec(data="squares", how=how, share=1.0),))
    batch = PairSampler(plan, {"squares": pack}, CROP).batch(0)
    assert (batch["target"][:, 2:] > 0).all()
    if how == "patch":  # anything can be the target
        assert np.ptp(batch["target"][:, 2] / batch["target"][:, 3]) > 0.5
        return
    for i in whole(batch):
        assert measured(batch["search"][i])[:2] == pytest.approx(batch["target"][i, :2], abs=0.6)


def test_an_absent_target_is_not_in_the_window(unchanged, plan, pack_of):
    # One picture only: the window lies beside the target, whatever the place of the target.
    for box in ((400, 400, 24, 16), (5, 780, 24, 16), (0, 0, 60, 60)):
        pack = pack_of([frame_with(box)], [[(0, box), (0, box)]])
        batch = PairSampler(replace(plan, negative_share=1.0), {"squares": pack}, CROP).batch(0)
        assert not batch["present"].any()
        # The box may have been drawn tighter than the rectangle, by half at most.
        bright = (batch["search"] > (DARK + BRIGHT) / 2 / 255).mean((1, 2, 3))
        assert np.median(bright) == 0
        assert bright.max() < 0.05


def test_an_absent_target_is_not_shown_by_another_picture_of_its_own_track(unchanged, plan, moving):
    # All four pictures show the one target there is: no window may lie around it.
    batch = PairSampler(replace(plan, negative_share=1.0), {"squares": moving}, CROP).batch(0)
    bright = (batch["search"] > (DARK + BRIGHT) / 2 / 255).mean((1, 2, 3))
    assert bright.max() < 0.05


def test_the_share_of_absent_targets_is_kept(unchanged, plan, moving):
    sampler = PairSampler(replace(plan, negative_share=0.25), {"squares": moving}, CROP)
    present = np.concatenate([sampler.batch(n)["present"] for n in range(5)])
    assert set(present) == {0.0, 1.0}
    assert present.mean() == pytest.approx(0.75, abs=0.07)


def test_a_distractor_lies_beside_the_target(unchanged, plan, pack_of):
    box = (390, 390, 20, 20)
    frames = [frame_with(box)] * 2
    pack = pack_of(frames, [[(0, box), (1, box)]])
    alone = PairSampler(plan, {"squares": pack}, CROP).batch(0)
    crowded = PairSampler(replace(plan, distractor_share=1.0), {"squares": pack}, CROP).batch(0)
    shows, more = [], []
    for i in whole(alone):
        cx, cy = crowded["target"][i, :2]
        shows.append(crowded["search"][i, 0, int(cy), int(cx)] > 0.6)
        area = [(batch["search"][i] > 0.5).sum() for batch in (alone, crowded)]
        more.append(area[1] > 1.2 * area[0])
    assert np.mean(shows) > 0.9  # a large one may reach over the target
    assert np.mean(more) > 0.5  # others lie beyond the window


def test_sources_are_drawn_by_their_shares(unchanged, plan, pack_of):
    packs = {}
    for name, level in (("squares", 100), ("scenes", 220)):
        picture = np.full((300, 300), level, np.uint8)
        packs[name] = pack_of([picture] * 2, [[(0, (140, 140, 20, 20)), (1, (140, 140, 20, 20))]])
    both = [PairSpec(data="squares", how="track", share=3.0, max_gap=1)]
    both.append(PairSpec(data="scenes", how="track", share=1.0, max_gap=1))
    sampler = PairSampler(replace(plan, pairs=tuple(both)), packs, CROP)
    levels = np.concatenate([sampler.batch(n)["template"][:, 0, 44, 44] for n in range(5)]) * 255
    assert (levels < 150).mean() == pytest.approx(0.75, abs=0.08)


def test_the_two_moments_are_never_further_apart_than_asked(unchanged, plan, pack_of):
    # The brightness tells the moment.
    box = (140, 140, 20, 20)
    frames = [np.full((300, 300), 20 + 10 * i, np.uint8) for i in range(20)]
    pack = pack_of(frames, [[(i, box) for i in range(20)]])
    batch = PairSampler(plan, {"squares": pack}, CROP).batch(0)
    moments = [
        (window[:, 0].mean((1, 2)) * 255 - 20) / 10
        for window in (batch["template"], batch["search"])
    ]
    gaps = np.abs(np.round(moments[0]) - np.round(moments[1]))
    assert gaps.max() == 3


def test_a_track_with_one_moment_is_left_out(unchanged, plan, pack_of):
    box = (140, 140, 20, 20)
    frames = [np.full((300, 300), level, np.uint8) for level in (50, 200, 200)]
    pack = pack_of(frames, [[(0, box)], [(1, box), (2, box)]])
    batch = PairSampler(plan, {"squares": pack}, CROP).batch(0)
    assert (batch["template"] > 0.5).all()


def test_data_without_a_second_moment_cannot_be_tracked(plan, pack_of):
    pack = pack_of([frame_with((0, 0, 9, 9))], [[(0, (0, 0, 9, 9))]])
    with pytest.raises(RecipeError, match="No target of the data 'squares' is labelled twice"):
        PairSampler(plan, {"squares": pack}, CROP)


# --- with all looks changed: what makes a run repeatable ---


@pytest.fixture
def everything(recipe_text, pack_of):
    """A recipe that uses every branch, and its packs of noise."""
    rng = np.random.default_rng(1)
    recipe = parse(recipe_text, "the recipe of the tests")
    hows = [("squares", "track"), ("scenes", "warp"), ("scenes", "patch")]
    specs = [PairSpec(data=data, how=how, share=1.0, max_gap=2) for data, how in hows]
    packs = {}
    for name in ("squares", "scenes"):
        frames = [rng.integers(0, 255, (120, 160), np.uint8) for _ in range(4)]
        boxes = [(i, (20 + 9 * i, 30, 30, 24)) for i in range(4)]
        packs[name] = pack_of(frames, [boxes, boxes[:2]])
    plan = replace(recipe, batch=8, negative_share=0.3, distractor_share=0.4, pairs=tuple(specs))
    return plan, packs


def assert_equal(one, two):
    for name in one:
        np.testing.assert_array_equal(one[name], two[name], err_msg=name)


def test_a_batch_is_the_same_whatever_was_drawn_before(everything):
    plan, packs = everything
    first, second = PairSampler(plan, packs, CROP), PairSampler(plan, packs, CROP)
    in_order = [first.batch(number) for number in range(4)]
    for number in (3, 0, 2, 3, 1):
        assert_equal(second.batch(number), in_order[number])


def test_a_pair_is_the_same_in_batches_of_any_size(everything):
    plan, packs = everything
    large = PairSampler(plan, packs, CROP).batch(1)
    small = PairSampler(replace(plan, batch=4), packs, CROP)
    halves = [small.batch(2), small.batch(3)]
    together = {name: np.concatenate([half[name] for half in halves]) for name in halves[0]}
    assert_equal(together, large)


def test_another_seed_or_number_gives_another_batch(everything):
    plan, packs = everything
    batch = PairSampler(plan, packs, CROP).batch(0)
    others = (
        PairSampler(plan, packs, CROP).batch(1),
        PairSampler(replace(plan, seed=6), packs, CROP).batch(0),
    )
    for other in others:
        assert (other["target"] != batch["target"]).any(1).mean() > 0.9


def test_windows_are_pictures_for_the_network(everything):
    plan, packs = everything
    batch = PairSampler(plan, packs, CROP).batch(0)
    assert batch["template"].shape == (8, 1, 88, 88)
    assert batch["search"].shape == (8, 1, 160, 160)
    for name, values in batch.items():
        assert values.dtype == np.float32, name
    for windows in (batch["template"], batch["search"]):
        assert windows.min() >= 0
        assert windows.max() <= 1


def test_a_clip_follows_one_target_in_even_steps(unchanged, plan, pack_of):
    boxes = [(300 + 6 * i, 390, 24, 16) for i in range(30)]
    moving = pack_of([frame_with(box) for box in boxes], [list(enumerate(boxes))])
    clips = replace(
        plan, clip=4, pairs=(PairSpec(data="squares", how="track", share=1.0, max_gap=20),)
    )
    batch = PairSampler(clips, {"squares": moving}, CROP).batch(0)

    assert batch["search"].shape == (40, 4, 1, 160, 160)
    assert batch["target"].shape == (40, 4, 4)
    for i in range(40):
        for frame in range(4):
            cx, cy, w, h = batch["target"][i, frame]
            if not 16 < cx - w / 2 < cx + w / 2 < 144 or not 16 < cy - h / 2 < cy + h / 2 < 144:
                continue
            seen = measured(batch["search"][i, frame])
            assert seen[:2] == pytest.approx((cx, cy), abs=0.8)


def test_motion_is_the_way_per_frame_over_the_target_s_size(unchanged, plan, moving):
    batch = PairSampler(plan, {"squares": moving}, CROP).batch(0)
    moved = np.abs(batch["motion"]).sum(1) > 0
    assert 0.3 < moved.mean() < 1  # the template's own moment is among those searched
    sides = (24 * 16) ** 0.5
    expected = np.array([10, 5]) / sides
    wide = np.abs(batch["motion"][moved])
    # The box's convention changes its area, and with it the unit of length.
    assert np.median(wide, axis=0) == pytest.approx(expected, rel=0.15)


def test_the_context_shows_the_template_s_own_place(unchanged, plan, moving):
    inputs = ("template", "target_px", "context", "search")
    batch = PairSampler(plan, {"squares": moving}, CROP, inputs).batch(0)
    assert batch["context"].shape == (40, 1, 160, 160)
    for window in batch["context"]:
        assert measured(window)[:2] == pytest.approx((80, 80), abs=0.6)


def test_without_augmentation_targets_keep_their_look_and_their_boxes(plan, moving):
    sampler = PairSampler(replace(plan, augment=False), {"squares": moving}, CROP)
    batch = sampler.batch(0)
    for i in whole(batch):
        assert measured(batch["search"][i]) == pytest.approx(batch["target"][i], abs=0.6)
        for name in ("template", "search"):
            levels = batch[name][i].min(), batch[name][i].max()
            assert levels == pytest.approx((DARK / 255, BRIGHT / 255), abs=1e-3)


def test_tracked_data_tell_how_far_the_target_has_changed(unchanged, plan, pack_of):
    boxes = [(380, 390, 20, 16), (380, 390, 40, 24)]
    pack = pack_of([frame_with(box) for box in boxes], [list(enumerate(boxes))])
    changed = PairSampler(plan, {"squares": pack}, CROP).batch(0)["changed"]
    ways = changed / np.log([2.0, 1.5])
    assert ways[:, 0] == pytest.approx(ways[:, 1])
    assert set(np.round(ways[:, 0])) == {-1, 0, 1}
    assert ways == pytest.approx(np.round(ways))


@pytest.mark.parametrize("how", ["warp", "patch"])
def test_of_what_one_picture_shows_any_change_may_have_happened(unchanged, plan, moving, how):
    plan = replace(plan, batch=400, pairs=(PairSpec(data="squares", how=how, share=1.0),))
    changed = PairSampler(plan, {"squares": moving}, CROP).batch(0)["changed"]
    assert changed.std(0) == pytest.approx((0.16 + 0.01) ** 0.5, rel=0.15)
    assert abs(changed.mean()) < 0.06
    assert np.corrcoef(changed.T)[0, 1] > 0.85  # mostly nearer or further, a little turned


def test_stills_a_second_apart_tell_no_more_of_changes_than_one(unchanged, plan, moving):
    stills = replace(plan.data[0], name="squares", kind="stills")
    plan = replace(plan, batch=200, data=(stills,))
    changed = PairSampler(plan, {"squares": moving}, CROP).batch(0)["changed"]
    assert changed.std() > 0.3


@pytest.mark.parametrize(("kind", "share"), [("stills", 0.35), ("sequences", 0.0)])
def test_targets_take_other_poses_unless_a_recording_shows_their_own(
    monkeypatch, plan, moving, kind, share
):
    monkeypatch.setattr(pairs, "Augmenter", Posing)
    data = replace(plan.data[0], name="squares", kind=kind)
    batch = PairSampler(replace(plan, data=(data,)), {"squares": moving}, CROP).batch(0)
    kept = whole(batch)
    wide, high = np.array([measured(batch["search"][i])[2:] for i in kept]).T

    def looseness(windows, boxes):
        areas = (windows[:, 0] * 255 - DARK).sum((1, 2)) / (BRIGHT - DARK)  # swaying keeps them
        return boxes.prod(1) / areas

    # The box grows with its target; what a tight box leaves out grows less.
    in_search = looseness(batch["search"][kept], batch["target"][kept, 2:])
    in_template = looseness(batch["template"][kept], batch["target_px"][kept])
    np.testing.assert_allclose(in_search, in_template, rtol=0.12)
    # A warp changes the aspect by .04, another pose by .3 and so twice in three by .13 or more.
    posed = (np.abs(np.log(wide / high * 16 / 24)) > 0.13).mean()
    assert posed == pytest.approx(0.67 * share, abs=0.12)


@pytest.mark.parametrize(("kind", "share"), [("synthetic", 0.35), ("sequences", 0.0)])
def test_another_pose_counts_as_a_change_of_size(monkeypatch, plan, moving, kind, share):
    class Doubling(Unchanged):
        def deform(self, search, box, rng):
            return 2.0, 0.5

    monkeypatch.setattr(pairs, "Augmenter", Doubling)
    data = replace(plan.data[0], name="squares", kind=kind, scenes=1, frames=4)
    batch = PairSampler(replace(plan, batch=200, data=(data,)), {"squares": moving}, CROP).batch(0)
    posed = batch["changed"].any(1)
    assert posed.mean() == pytest.approx(share, abs=0.1)
    told = np.tile(np.log([2.0, 0.5]), (posed.sum(), 1))
    np.testing.assert_allclose(batch["changed"][posed], told, atol=1e-6)
