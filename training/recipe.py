"""A training run as data: what to train, on what, for how long."""

from __future__ import annotations

import math
import os.path
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Literal

from thermedge.errors import RecipeError
from thermedge.evaluation.changing_size import MOST_SCENES
from thermedge.records import RecordError, from_mapping
from thermedge.toml import loads

# What augmenting does to windows, each of which a recipe can leave out:
# inversion: hot becomes cold. gain: contrast and level move, as AGC does. sensor: blur, smear,
# noise, stripes, resolution. occluders: something of another temperature in front. deformation: a
# target in another pose, before a background that stays. conventions:
# looser and tighter boxes. far: targets as small as a scan of the frame shows them.
Augmentation = Literal[
    "inversion", "gain", "sensor", "occluders", "deformation", "conventions", "far"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSpec:
    """One source of pictures and boxes."""

    name: str
    kind: Literal["sequences", "stills", "pairs", "synthetic"]
    licence: str
    credit: str
    path: str = ""  # below the data folder; empty for synthetic
    every: int = 1  # sequences: take every n-th frame, if it is labelled
    scenes: int = 0  # synthetic: how many
    frames: int = 0  # synthetic: frames of each


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSpec:
    """How template and search windows are drawn from one source, and how often."""

    data: str
    how: Literal["track", "warp", "patch"]  # two moments; one, deformed; any texture, deformed
    share: float  # of all pairs; shares are relative to their sum
    max_gap: int = 0  # track: labelled frames between the two moments, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationSpec:
    """Clips that the averaged weights are tried on while they learn; never trained on."""

    every: int  # search windows trained on between two tries; the last is at the end
    # Folders of labelled clips, below the data folder; each counts alone.
    paths: tuple[str, ...] = ()
    clips: int = 6  # of each folder, taken evenly from all of it
    frames: int = 100  # of each clip, from its first label on
    scenes: int = 0  # generated ones whose target changes size, at most 24: a group of their own


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One experiment."""

    name: str
    tracker: str
    size: str
    seed: int
    samples: int  # search windows to train on
    batch: int  # pairs, or clips, per step
    learning_rate: float
    weight_decay: float
    warm_up: float  # share of the run in which the rate grows from zero
    cool_down: float  # share of the run, at its end, in which it falls to zero
    average: float  # decay per step of the running average of the weights
    data: tuple[DataSpec, ...]
    pairs: tuple[PairSpec, ...]
    negative_share: float  # of all pairs: the target is not in the search window
    distractor_share: float  # of all pairs: another target is pasted beside it
    clip: int = 1  # search windows in a row per template; a token is carried through them
    # Off: targets keep their look and their boxes, as is enough to learn scenes by heart.
    augment: bool = True
    leave_out: tuple[Augmentation, ...] = ()  # of what augmenting does
    # Of all pairs: no visible picture, the thermal one stands in. For networks that take both.
    thermal_only_share: float = 0.5
    # bf16: autocast in it; fp32 for processors that are slow in bf16.
    precision: Literal["bf16", "fp32"] = "bf16"
    teacher_weight: float = 0.0  # of the imitation of --teacher in the loss; 0: there is none
    # Parts of the network that learn, as its modules are called; the others keep the weights
    # and norms that --from brought. Empty: all learn.
    only: tuple[str, ...] = ()
    validation: ValidationSpec | None = None
    # Changes of the size's configuration, for ablations: what a network's config lists.
    network: dict[str, object] = field(default_factory=dict)


def per_step(recipe: Recipe) -> int:
    """Return how many search windows one step learns from."""
    return recipe.batch * recipe.clip


def shipped() -> list[str]:
    """Return the names of the recipes that come with the package."""
    return sorted(path.stem for path in (Path(__file__).parent / "recipes").glob("*.toml"))


def read(name_or_path: str) -> tuple[Recipe, str]:
    """Return a shipped recipe by name, or one from a file, with its text.

    Raises:
        RecipeError: It is missing, or a key is wrong.
    """
    path = Path(name_or_path)
    if name_or_path in shipped():
        path = Path(__file__).parent / "recipes" / f"{name_or_path}.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RecipeError(
            f"The recipe {name_or_path!r} can't be read: {error.strerror}.",
            f"Give a TOML file, or one of {', '.join(shipped())}.",
        ) from error
    except UnicodeDecodeError as error:
        raise RecipeError(
            f"The recipe {name_or_path!r} is not a text file.",
            f"Give a TOML file, or one of {', '.join(shipped())}.",
        ) from error
    return parse(text, str(path)), text


def parse(text: str, where: str) -> Recipe:
    """Return the recipe in `text`.

    Raises:
        RecipeError: It is no TOML, a key is wrong, or a value is impossible.
    """
    remedy = f"Compare it with a shipped recipe: {', '.join(shipped())}."
    try:
        recipe = from_mapping(Recipe, loads(text))
    except (RecordError, ValueError) as error:
        raise RecipeError(f"{where}: {error}.", remedy) from error
    faults = (_wrong_numbers, _wrong_data, _wrong_pairs, _wrong_validation)
    for fault in chain.from_iterable(found(recipe) for found in faults):
        raise RecipeError(f"{where}: {fault}.", remedy)
    return recipe


def _wrong_numbers(recipe: Recipe) -> Iterator[str]:
    if recipe.seed < 0:
        yield f"seed is {recipe.seed}, expected 0 or more"
    if recipe.batch < 1:
        yield f"batch is {recipe.batch}, expected 1 or more"
    if recipe.clip < 1:
        yield f"clip is {recipe.clip}, expected 1 or more"
    if recipe.samples < recipe.batch * recipe.clip:
        least = recipe.batch * recipe.clip
        yield f"samples is {recipe.samples}, expected one batch of {least} or more"
    if not 0 < recipe.learning_rate < math.inf:
        yield f"learning_rate is {recipe.learning_rate:g}, expected a number above 0"
    if not 0 <= recipe.weight_decay < math.inf:
        yield f"weight_decay is {recipe.weight_decay:g}, expected 0 or more"
    if not 0 <= recipe.teacher_weight < math.inf:
        yield f"teacher_weight is {recipe.teacher_weight:g}, expected 0 or more"
    shares = ("negative_share", "distractor_share", "thermal_only_share")
    for key in ("warm_up", "cool_down", "average", *shares):
        value = getattr(recipe, key)
        if not 0 <= value <= 1:
            yield f"{key} is {value:g}, expected 0 to 1"


def _wrong_data(recipe: Recipe) -> Iterator[str]:
    for name, times in Counter(data.name for data in recipe.data).items():
        if times > 1:
            yield f"two [[data]] tables are called {name!r}"
    for data in recipe.data:
        if data.kind == "synthetic" and min(data.scenes, data.frames) < 1:
            yield f"the synthetic data {data.name!r} need scenes and frames, 1 or more of each"
        if data.kind != "synthetic" and not data.path:
            yield f"the data {data.name!r} have no path"
        if data.every < 1:
            yield f"every of {data.name!r} is {data.every}, expected 1 or more"


def _wrong_pairs(recipe: Recipe) -> Iterator[str]:
    if not recipe.pairs:
        yield "there is no [[pairs]] table"
    known = [data.name for data in recipe.data]
    for pair in recipe.pairs:
        if pair.data not in known:
            yield f"pairs are drawn from {pair.data!r}, but data knows {', '.join(known)}"
        if not 0 < pair.share < math.inf:
            yield f"the share of {pair.data!r} is {pair.share:g}, expected a number above 0"
        if pair.how == "track" and pair.max_gap < 1:
            yield f"pairs that track {pair.data!r} need max_gap, 1 or more"


def _wrong_validation(recipe: Recipe) -> Iterator[str]:
    spec = recipe.validation
    if spec is None:
        return
    if not spec.paths and not spec.scenes:
        yield "validation names no paths and no scenes"
    if not 0 <= spec.scenes <= MOST_SCENES:
        yield f"validation.scenes is {spec.scenes}, expected 0 to {MOST_SCENES}"
    for key in ("every", "clips", "frames"):
        value = getattr(spec, key)
        if value < 1:
            yield f"validation.{key} is {value}, expected 1 or more"
    trained = [os.path.normpath(data.path) for data in recipe.data if data.path]
    for path in spec.paths:
        if os.path.normpath(path) in trained:
            yield f"validation takes {path!r}, which is trained on"
