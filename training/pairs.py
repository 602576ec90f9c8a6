"""Draw template/search pairs; sample n of a seed is the same on every machine and resume."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from thermedge.errors import RecipeError
from thermedge.geometry import Box
from thermedge.manifest import CropSpec
from thermedge.runtime.crop import Affine, Cropper, Window
from thermedge.training.augment import Augmenter, Image
from thermedge.training.pack import Pack
from thermedge.training.recipe import Augmentation, PairSpec, Recipe
from thermedge.training.visible import UNKNOWN, VisibleCamera, absent

# Names as `models.net` has them; B templates, F search windows after each. The axis F is
# missing where a recipe asks for pairs. template (B, 1, T, T), search (B, F, 1, S, S),
# target_px (B, 2): w, h of the target, template-window px; target (B, F, 4): cx, cy, w, h,
# search-window px; present (B, F): 0 where the target is not in the window; motion
# (B, F, 2): way of the target's centre per frame over sqrt(w * h), 0 where it is not known;
# changed (B, F, 2): ln of the target's w, h over those in the template, scene px;
# context (B, 1, S, S): the search window around the template's own box; template_visible
# and search_visible, like the thermal ones.
Batch = dict[str, NDArray[np.float32]]

# What a recipe for pairs has without the axis F.
_OF_FRAMES = {"search", "search_visible", "target", "present", "motion", "changed"}


@dataclass(frozen=True, slots=True)
class _Moment:
    """One target in one picture."""

    picture: int
    box: Box
    track: int  # first box of its track in the pack; -1 for a texture
    place: int = 0  # in its track, in labelled frames


class PairSampler:
    """Makes the batches of one recipe for a network that takes `inputs`.

    Raises:
        RecipeError: Pairs need two moments of a target, and the data have none with two.
    """

    def __init__(
        self,
        recipe: Recipe,
        packs: dict[str, Pack],
        crop: CropSpec,
        inputs: Collection[str] = ("template", "search"),
    ) -> None:
        self._recipe, self._packs, self._crop, self._inputs = recipe, packs, crop, inputs
        shares = np.array([pair.share for pair in recipe.pairs])
        self._edges = np.cumsum(shares / shares.sum())
        self._tracks = [_long_enough(packs[pair.data], pair) for pair in recipe.pairs]
        self._stills = {data.name for data in recipe.data if data.kind in ("stills", "pairs")}
        self._recorded = {data.name for data in recipe.data if data.kind == "sequences"}
        self._cropper = Cropper()
        self._augmenter, self._camera = Augmenter(recipe.leave_out), VisibleCamera()
        self._other = np.empty((crop.template_px, crop.template_px), np.float32)

    def batch(self, number: int, *, part: int = 0, parts: int = 1) -> Batch:
        """Return batch `number` of the run, or one of `parts` equal parts of it."""
        count, frames, crop = self._recipe.batch // parts, self._recipe.clip, self._crop
        searches = (count, frames, 1, crop.search_px, crop.search_px)
        batch = {
            "template": np.empty((count, 1, crop.template_px, crop.template_px), np.float32),
            "search": np.empty(searches, np.float32),
            "target_px": np.empty((count, 2), np.float32),
            "target": np.empty((count, frames, 4), np.float32),
            "present": np.ones((count, frames), np.float32),
            "motion": np.zeros((count, frames, 2), np.float32),
            "changed": np.zeros((count, frames, 2), np.float32),
        }
        if "context" in self._inputs:
            batch["context"] = np.empty((count, *searches[2:]), np.float32)
        for name in ("template", "search"):
            if f"{name}_visible" in self._inputs:
                batch[f"{name}_visible"] = np.full_like(batch[name], UNKNOWN)
        for i in range(count):
            seed = self._recipe.seed, number * self._recipe.batch + part * count + i
            self._fill({name: values[i] for name, values in batch.items()}, seed)
        if frames == 1:
            for name in set(batch) & _OF_FRAMES:
                batch[name] = batch[name][:, 0]
        return batch

    def _fill(self, sample: Batch, seed: tuple[int, int]) -> None:
        rng = np.random.default_rng(seed)
        choice = min(int(np.searchsorted(self._edges, rng.random())), len(self._edges) - 1)
        spec = self._recipe.pairs[choice]
        pack = self._packs[spec.data]
        moments = self._moments(pack, self._tracks[choice], spec, rng)
        first, *later = _other_convention(moments, rng) if self._does("conventions") else moments
        crop, template = self._crop, sample["template"][0]
        window = Window.around(first.box, crop.template_factor, crop.template_px)
        self._cropper.cut(pack.picture(first.picture), window, low=0, high=255, out=template)
        beside = pack.visible(first.picture)
        if beside is not None and "template_visible" in sample:
            self._cropper.cut(beside, window, low=0, high=255, out=sample["template_visible"][0])
        sample["target_px"][:] = first.box.w * window.scale, first.box.h * window.scale
        windows = [template, *sample["search"][:, 0]]
        if "context" in sample:
            around = Window.around(first.box, crop.search_factor, crop.search_px)
            self._cropper.cut(
                pack.picture(first.picture), around, low=0, high=255, out=sample["context"][0]
            )
            windows.append(sample["context"][0])
        before = first
        for frame, moment in enumerate(later):
            self._look(sample, frame, (pack, spec, before, moment), rng)
            before = moment
        sample["changed"][:] += self._changes(spec, first, later, np.random.default_rng((*seed, 2)))
        visible = self._visible_pairs(sample)
        if rng.random() < 0.5:
            for picture in (*windows, *(own for _, own in visible)):
                picture[:] = picture[:, ::-1].copy()
            sample["target"][:, 0] = crop.search_px - sample["target"][:, 0]
            sample["motion"][:, 0] *= -1
        # Draws of their own: a thermal network sees the same windows as ever.
        visible_rng = np.random.default_rng((*seed, 1))
        self._camera.develop(visible, visible_rng)
        if self._recipe.augment:
            self._augmenter.alike(windows, rng)
        self._withhold(visible, visible_rng)

    def _changes(
        self, spec: PairSpec, first: _Moment, later: list[_Moment], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Return `changed` of every search window.

        One picture, or two of them, can't tell how targets change in time, and what they show
        is the same at every scale: any change is taken to have happened.
        """
        if spec.how != "track" or spec.data in self._stills:
            both = rng.normal(0, 0.4, (len(later), 1)) + rng.normal(0, 0.1, (len(later), 2))
            return both.astype(np.float32)
        sizes = np.array([[moment.box.w, moment.box.h] for moment in (first, *later)], np.float32)
        changed: NDArray[np.float32] = np.log(sizes[1:] / sizes[0])
        return changed

    def _does(self, what: Augmentation) -> bool:
        return self._recipe.augment and what not in self._recipe.leave_out

    def _visible_pairs(self, sample: Batch) -> list[tuple[Image, Image]]:
        """Return (thermal, visible) windows: the template's, then those of the search."""
        if "search_visible" not in sample:
            return []
        template = sample["template"][0], sample["template_visible"][0]
        return [template, *zip(sample["search"][:, 0], sample["search_visible"][:, 0], strict=True)]

    def _withhold(self, pairs: list[tuple[Image, Image]], rng: np.random.Generator) -> None:
        """Put the thermal window in the place of the visible one, as the runtime does."""
        if not pairs:
            return
        no_template, no_search = absent(self._recipe.thermal_only_share, rng)
        for place, (thermal, visible) in enumerate(pairs):
            if no_search if place else no_template:
                visible[:] = thermal

    def _look(
        self,
        sample: Batch,
        frame: int,
        seen: tuple[Pack, PairSpec, _Moment, _Moment],
        rng: np.random.Generator,
    ) -> None:
        """Fill search window `frame` with the target as it is now, or without it."""
        pack, spec, before, moment = seen
        search = sample["search"][frame, 0]
        absent = rng.random() < self._recipe.negative_share
        to_window, target = self._search_view(moment.box, spec, rng)
        if spec.how == "track":
            sample["motion"][frame] = _motion(before, moment, to_window)
        if absent:
            moment, to_window = self._elsewhere(pack, moment, rng)
        counts = pack.picture(moment.picture)
        self._cropper.warp(counts, to_window, low=0, high=255, out=search)
        beside = pack.visible(moment.picture) if "search_visible" in sample else None
        is_rigid = beside is None and (spec.how != "track" or spec.data not in self._recorded)
        if self._does("deformation") and is_rigid and not absent and rng.random() < 0.35:
            grown = self._augmenter.deform(search, target, rng)
            target = target[0], target[1], target[2] * grown[0], target[3] * grown[1]
            sample["changed"][frame] = np.log(grown)
        clean = None if beside is None else search.copy()
        if self._does("occluders") and not absent and rng.random() < 0.08:
            self._augmenter.occlude(search, target, rng)
        if rng.random() < self._recipe.distractor_share:
            self._add_distractor(search, target, rng)
        if beside is not None and clean is not None:
            visible = sample["search_visible"][frame, 0]
            self._cropper.warp(beside, to_window, low=0, high=255, out=visible)
            visible[search != clean] = UNKNOWN  # what was put before the scene hides it here too
        sample["target"][frame] = target
        sample["present"][frame] = 0.0 if absent else 1.0

    def _moments(
        self, pack: Pack, tracks: NDArray[np.int64], spec: PairSpec, rng: np.random.Generator
    ) -> list[_Moment]:
        """Return the template's moment and those of the search windows, in the order of time."""
        start, count = pack.tracks[tracks[rng.integers(len(tracks))]]
        one, later = int(rng.integers(count)), self._recipe.clip
        if spec.how == "patch":
            return [self._patch(pack, int(pack.box_picture[start + one]), rng)] * (1 + later)
        places = [one] * later
        if spec.how == "track" and later == 1:
            low, high = max(one - spec.max_gap, 0), min(one + spec.max_gap, count - 1)
            places = [int(rng.integers(low, high + 1))]
        elif spec.how == "track":
            places = _onward(one, int(count), later, spec.max_gap, rng)
        return [_moment(pack, start, place) for place in (one, *places)]

    def _patch(self, pack: Pack, picture: int, rng: np.random.Generator) -> _Moment:
        """Return the most textured of a few random boxes: anything can be a target."""
        counts = pack.picture(picture)
        height, width = counts.shape
        best, best_spread = None, -1.0
        for _ in range(8):
            side = math.exp(rng.uniform(math.log(8), math.log(90)))
            aspect = math.exp(rng.normal(0, 0.3))
            w, h = side * aspect**0.5, side / aspect**0.5
            x = rng.uniform(0, max(width - w, 1))
            y = rng.uniform(0, max(height - h, 1))
            spread = float(counts[int(y) : int(y + h) + 1, int(x) : int(x + w) + 1].std())
            if spread > best_spread:
                best, best_spread = Box(x, y, w, h), spread
        assert best is not None
        return _Moment(picture, best, -1)

    def _search_view(
        self, box: Box, spec: PairSpec, rng: np.random.Generator
    ) -> tuple[Affine, tuple[float, float, float, float]]:
        """Return the map into the search window and the target's (cx, cy, w, h) in it."""
        size = self._crop.search_px
        zoom = math.exp(rng.normal(0, 0.18))
        if self._does("far") and rng.random() < 0.2:
            zoom = 1 / rng.uniform(1.2, 3.0)  # as small as a scan of the frame shows it
        aspect, angle = math.exp(rng.normal(0, 0.04)), 0.0
        if spec.how != "track":
            zoom *= math.exp(rng.normal(0, 0.15))
            aspect = math.exp(rng.normal(0, 0.18))
            angle = rng.normal(0, 0.2)
        window = Window.around(box, self._crop.search_factor, size)
        scale = window.scale * zoom
        reach = size * 0.36 if rng.random() < 0.3 else size * 0.1
        shift_x, shift_y = np.clip(rng.normal(0, reach, 2), -0.44 * size, 0.44 * size)
        stretch = np.diag([scale * aspect**0.5, scale / aspect**0.5])
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        matrix = stretch @ turn
        place = np.array([size / 2 + shift_x, size / 2 + shift_y])
        offset = place - matrix @ np.array(box.center)
        w = box.w * scale * aspect**0.5
        h = box.h * scale / aspect**0.5
        target = (float(place[0]), float(place[1]), float(w), float(h))
        (a, b), (c, d) = matrix.tolist()
        return (a, b, float(offset[0]), c, d, float(offset[1])), target

    def _elsewhere(
        self, pack: Pack, second: _Moment, rng: np.random.Generator
    ) -> tuple[_Moment, Affine]:
        """Return a window without the target: of another picture, or away from it in this one."""
        size, factor = self._crop.search_px, self._crop.search_factor
        if rng.random() < 0.5:
            start, count = pack.tracks[rng.integers(len(pack.tracks))]
            other = _moment(pack, start, int(rng.integers(count)))
            if other.picture != second.picture and other.track != second.track:
                return other, Window.around(other.box, factor, size).window_from_frame()
        height, width = pack.picture(second.picture).shape
        side = factor * math.sqrt(second.box.area) * math.exp(rng.normal(0, 0.2))
        cx, cy = second.box.center
        away = (side + max(second.box.w, second.box.h)) / 2
        for _ in range(10):
            x, y = rng.uniform(0, width), rng.uniform(0, height)
            if max(abs(x - cx), abs(y - cy)) > away:
                return second, Window(x, y, side, size).window_from_frame()
        beyond = cx + away * 1.05 if cx < width / 2 else cx - away * 1.05
        return second, Window(beyond, cy, side, size).window_from_frame()

    def _add_distractor(
        self,
        search: NDArray[np.float32],
        target: tuple[float, float, float, float],
        rng: np.random.Generator,
    ) -> None:
        name = self._recipe.pairs[rng.integers(len(self._recipe.pairs))].data
        pack = self._packs[name]
        start, count = pack.tracks[rng.integers(len(pack.tracks))]
        other = _moment(pack, start, int(rng.integers(count)))
        factor = self._crop.template_factor * 0.75
        window = Window.around(other.box, factor, self._crop.template_px)
        self._cropper.cut(pack.picture(other.picture), window, low=0, high=255, out=self._other)
        cx, cy, w, h = target
        radius = max(w, h) * rng.uniform(0.9, 2.2)
        angle = rng.uniform(0, 2 * math.pi)
        place = (cx + radius * math.cos(angle), cy + radius * math.sin(angle))
        side = math.sqrt(w * h) * factor * math.exp(rng.normal(0, 0.2))
        self._augmenter.paste(search, self._other, place, side)


def _moment(pack: Pack, track: int, place: int) -> _Moment:
    x, y, w, h = (float(value) for value in pack.boxes[track + place])
    return _Moment(int(pack.box_picture[track + place]), Box(x, y, w, h), int(track), place)


def _long_enough(pack: Pack, spec: PairSpec) -> NDArray[np.int64]:
    boxes = 2 if spec.how == "track" else 1
    found = np.flatnonzero(pack.tracks[:, 1] >= boxes)
    if not len(found):
        raise RecipeError(
            f"No target of the data {spec.data!r} is labelled twice, so none can be tracked.",
            'Take how = "warp" for these data, or data with more labels.',
        )
    return found


def _onward(
    first: int, count: int, later: int, max_gap: int, rng: np.random.Generator
) -> list[int]:
    """Return places of one track that go on in even steps, at most `max_gap` from the first.

    A clip starts anywhere near the template and runs forwards or backwards: the template
    may be older than the clip, as it is on a board.
    """
    low, high = max(first - max_gap, 0), min(first + max_gap, count - 1)
    step = max(1, min(int(rng.integers(1, 7)), (high - low) // max(later - 1, 1)))
    start = int(rng.integers(low, max(high - step * (later - 1), low) + 1))
    places = [min(start + step * i, high) for i in range(later)]
    return places if rng.random() < 0.7 else places[::-1]


def _motion(before: _Moment, now: _Moment, to_window: Affine) -> tuple[float, float]:
    """Return the way per frame of the target's centre over its own size, as the window shows it."""
    frames = now.place - before.place
    if frames == 0:
        return 0.0, 0.0
    (ax, ay), (bx, by) = before.box.center, now.box.center
    size = math.sqrt(now.box.area) * frames
    a, b, _, c, d, _ = to_window
    scale = math.sqrt(abs(a * d - b * c))
    dx, dy = (bx - ax) / size, (by - ay) / size
    return (a * dx + b * dy) / scale, (c * dx + d * dy) / scale


def _other_convention(moments: list[_Moment], rng: np.random.Generator) -> list[_Moment]:
    """Make all boxes looser or tighter alike: the first box says what counts as the target."""
    wide, high = np.exp(np.clip(rng.normal(0, 0.15) + rng.normal(0, 0.08, 2), -0.4, 0.5))

    def changed(moment: _Moment) -> _Moment:
        cx, cy = moment.box.center
        box = Box.from_center(cx, cy, moment.box.w * float(wide), moment.box.h * float(high))
        return replace(moment, box=box)

    return [changed(moment) for moment in moments]
