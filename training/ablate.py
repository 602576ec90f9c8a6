"""What each part of a recipe or a network is worth: train it without, and compare."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from thermedge.errors import RecipeError
from thermedge.evaluation.scores import Interval
from thermedge.files import replacing
from thermedge.models import checkpoint as checkpoints
from thermedge.records import RecordError, from_mapping
from thermedge.toml import dumps, loads
from thermedge.training import loop, recipe, record
from thermedge.training.curves import Entry
from thermedge.training.processes import DeviceName
from thermedge.training.recipe import Recipe
from thermedge.training.validate import LoopSettings

TABLE = "ablation.md"
_RESAMPLES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One training run; what it does not say is as in the plan's recipe."""

    name: str
    without: tuple[str, ...] = ()  # names of [[data]], or ways (how) of [[pairs]]
    changes: dict[str, object] = field(default_factory=dict)  # of the recipe's keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Variants of one recipe; the first is what the others are compared with."""

    name: str
    recipe: str  # the name of a shipped one
    changes: dict[str, object]  # of its keys, for all variants: the budget, the validation
    variants: tuple[Variant, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one variant reached at the end of its run."""

    variant: str
    minutes: float  # of training
    groups: Mapping[str, Interval]  # success AUC
    worth: Interval | None  # mean over groups, less that of the first variant; None: the first


def shipped() -> list[str]:
    """Return the names of the plans that come with the package."""
    return sorted(path.stem for path in (Path(__file__).parent / "ablations").glob("*.toml"))


def read(name_or_path: str) -> Plan:
    """Return a shipped plan by name, or one from a file.

    Raises:
        RecipeError: It is missing, a key is wrong, or a variant is no recipe.
    """
    path = Path(name_or_path)
    if name_or_path in shipped():
        path = Path(__file__).parent / "ablations" / f"{name_or_path}.toml"
    remedy = f"Give a TOML file, or one of {', '.join(shipped())}."
    try:
        plan = from_mapping(Plan, loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        reason = f"The plan {name_or_path!r} can't be read: {error.strerror}."
        raise RecipeError(reason, remedy) from error
    except (RecordError, ValueError) as error:
        raise RecipeError(f"{path}: {error}.", remedy) from error
    if not plan.variants:
        raise RecipeError(f"{path}: it has no [[variants]].", remedy)
    folders = [folder_of(variant) for variant in plan.variants]
    for name in folders:
        if not name or folders.count(name) > 1:
            raise RecipeError(f"{path}: two variants are called {name!r}, or one is not.", remedy)
    for variant in plan.variants:
        if recipe.parse(text_of(plan, variant), f"{path}: {variant.name}").validation is None:
            raise RecipeError(f"{path}: {variant.name!r} has no validation.", remedy)
    return plan


def folder_of(variant: Variant) -> str:
    """Return the name of the folder that its run is kept in."""
    return re.sub(r"[^a-z0-9]+", "-", variant.name.lower()).strip("-")


def text_of(plan: Plan, variant: Variant) -> str:
    """Return the whole recipe of a variant.

    Raises:
        RecipeError: It leaves out what is not there, or all there is.
    """
    _, text = recipe.read(plan.recipe)
    values: dict[str, Any] = {**loads(text), **plan.changes, **variant.changes}
    values["name"] = f"{plan.name}_{folder_of(variant)}"
    for gone in variant.without:
        pairs = [pair for pair in values["pairs"] if gone not in (pair["data"], pair["how"])]
        if len(pairs) == len(values["pairs"]):
            known = sorted({pair[key] for pair in pairs for key in ("data", "how")})
            raise RecipeError(
                f"The variant {variant.name!r} leaves out {gone!r}, which {plan.recipe} has not.",
                f"Leave out one of {', '.join(known)}.",
            )
        values["pairs"] = pairs
    used = {pair["data"] for pair in values["pairs"]}
    values["data"] = [data for data in values["data"] if data["name"] in used]
    return dumps(values)


def run(
    plan: Plan,
    folder: Path,
    *,
    data: Path,
    settings: Callable[[Recipe], LoopSettings],
    workers: int = 1,
    threads: int = 0,
    device: DeviceName = "auto",
    report: Callable[[str, loop.Progress], None] = lambda variant, progress: None,
) -> list[Outcome]:
    """Train every variant that is not trained yet, and write the table into `folder`.

    A plan that was stopped goes on where it was.

    Args:
        plan: What to train.
        folder: Every run gets a folder below it.
        data: The folder that the recipes' paths are relative to.
        settings: Gives the constants of a recipe's online loop.
        workers: As for `loop.train`.
        threads: As for `loop.train`.
        device: As for `loop.train`.
        report: Called after every step with the variant's name.

    Raises:
        RecipeError: A recipe or its data are wrong, or a folder holds another run.
        DatasetError: The validation clips are wrong.
    """
    found: list[tuple[str, Entry]] = []
    for variant in plan.variants:
        text, where = text_of(plan, variant), folder / folder_of(variant)
        one = recipe.parse(text, variant.name)
        if (last := _last(where, text)) is None:

            def tell(now: loop.Progress, name: str = variant.name) -> None:
                report(name, now)

            loop.train(
                text,
                where,
                data=data,
                workers=workers,
                threads=threads,
                device=device,
                settings=settings(one),
                report=tell,
            )
            last = _last(where, text)
        if last is None:
            raise RecipeError(
                f"The run in {where} is finished, but the validation at its end is not in its log.",
                "Remove this folder to train the variant again.",
            )
        found.append((variant.name, last))
        outcomes = [_outcome(name, entry, found[0][1]) for name, entry in found]
        with replacing(folder / TABLE) as temporary:
            temporary.write_text(table(plan, outcomes), encoding="utf-8")
    return outcomes


def table(plan: Plan, outcomes: list[Outcome]) -> str:
    """Return the outcomes as a table in Markdown, with the budget in a line below it."""
    groups = list(outcomes[0].groups)
    rows = [["trained", *groups, "mean, against the first"], ["---"] * (2 + len(groups))]
    for outcome in outcomes:
        cells = [_shown(score) for score in outcome.groups.values()]
        worth = "" if outcome.worth is None else _shown(outcome.worth, "+")
        rows.append([outcome.variant, *cells, worth])
    first = recipe.parse(text_of(plan, plan.variants[0]), plan.name)
    assert first.validation is not None
    minutes = [outcome.minutes for outcome in outcomes]
    below = (
        f"Success AUC with 95 % intervals over the clips; {first.samples:,} search windows from "
        f"scratch, one seed, {min(minutes):.1f} to {max(minutes):.1f} min each; the first "
        f"{first.validation.frames} frames of at most {first.validation.clips} clips per folder."
    )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + f"\n\n{below}\n"


def _shown(score: Interval, sign: str = "") -> str:
    return f"{score.mean:{sign}.3f} [{score.low:{sign}.3f}, {score.high:{sign}.3f}]"


def _last(folder: Path, text: str) -> Entry | None:
    """Return the validation at the end of a finished run of the recipe in `text`."""
    if not (folder / loop.LAST).exists():
        return None
    saved, plan = checkpoints.load(folder / loop.LAST), recipe.parse(text, str(folder))
    steps = plan.samples // recipe.per_step(plan)
    if (saved.recipe, saved.step) != (text, steps):
        return None
    tries = [entry for entry in record.entries(folder / record.LOG) if "clips" in entry]
    return tries[-1] if tries and tries[-1]["step"] == steps else None


def _outcome(name: str, entry: Entry, first: Entry) -> Outcome:
    groups = {group: Interval(*row) for group, row in entry["success_auc"].items()}
    worth = None if entry is first else worth_of(entry["clips"], first["clips"])
    return Outcome(name, entry["minutes"], groups, worth)


def worth_of(
    one: Mapping[str, Mapping[str, float]], other: Mapping[str, Mapping[str, float]]
) -> Interval:
    """Return the mean over groups of one minus other, on the clips of each that both have.

    Its 95 % interval is a paired bootstrap over the clips, each group by itself.
    """
    rng = np.random.default_rng(0)  # seeded: the same scores always have the same interval
    means, drawn = [], []
    for group, clips in one.items():
        pairs = [(clips[name], other[group][name]) for name in clips if name in other[group]]
        apart = np.array([mine - theirs for mine, theirs in pairs])
        means.append(apart.mean())
        drawn.append(apart[rng.integers(len(apart), size=(_RESAMPLES, len(apart)))].mean(1))
    low, high = np.percentile(np.mean(drawn, 0), [2.5, 97.5])
    return Interval(float(np.mean(means)), float(low), float(high))
