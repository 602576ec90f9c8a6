"""All scores of an evaluation, by data set and tracker."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from thermedge.errors import DatasetError
from thermedge.evaluation.contenders import Contender
from thermedge.evaluation.datasets.layout import DataSet
from thermedge.evaluation.foreign import Foreign
from thermedge.evaluation.plan import Plan
from thermedge.evaluation.results import Result
from thermedge.evaluation.run import end_of
from thermedge.evaluation.scores import (
    Average,
    Interval,
    SequenceScore,
    average,
    difference,
    eao_lengths,
    of_sequence,
)
from thermedge.evaluation.sequences import Sequence

Scores = dict[str, SequenceScore]  # by the sequence's name


@dataclass(frozen=True, slots=True)
class Standing:
    """One tracker on one data set."""

    average: Average
    run_name: str  # of a row that is the best of several: which one
    scores: Scores
    by_attribute: dict[str, Average]
    num_missing: int  # sequences without any result yet
    ahead: Interval | None  # headline measure minus that of the first tracker; None for itself


@dataclass(frozen=True, slots=True)
class Group:
    """One data set with everybody's standing, the first contender first."""

    data: DataSet
    name: str
    headline: str  # the measure that trackers are compared by
    standings: list[Standing]
    num_unlabelled: int  # sequences without any label
    lengths: tuple[int, int] | None  # of the EAO


@dataclass(frozen=True, slots=True)
class Scoreboard:
    """Everything that a report tells."""

    plan: Plan
    groups: list[Group]
    conditions: dict[str, dict[str, str]] = field(default_factory=dict)  # by run or topic
    notes: list[str] = field(default_factory=list)  # what was odd about the data

    @property
    def errors(self) -> list[str]:
        """What trackers threw."""
        return [
            f"{group.name}/{score.sequence}: {standing.average.contender}: {score.error}"
            for group in self.groups
            for standing in group.standings
            for score in standing.scores.values()
            if score.error
        ]


def build(
    data_sets: Iterable[DataSet],
    contenders: list[Contender],
    load: Callable[[Contender, Sequence], Result | None],
    plan: Plan,
    *,
    foreign: Iterable[Foreign] = (),
    conditions: dict[str, dict[str, str]] | None = None,
) -> Scoreboard:
    """Score every result that exists.

    Raises:
        DatasetError: A result file is malformed.
    """
    notes: list[str] = []
    groups = []
    for data in data_sets:
        runs = {
            contender.run_name: _scores(data, contender, load, plan, notes)
            for contender in contenders
        }
        rows: dict[str, list[str]] = {}
        for contender in contenders:
            rows.setdefault(contender.name, []).append(contender.run_name)
        for other in foreign:
            runs[other.name] = _foreign_scores(data, other, plan, notes)
            rows[other.name] = [other.name]
        groups.append(_group(data, rows, runs, plan))
        if groups[-1].num_unlabelled:
            count = f"{groups[-1].num_unlabelled} of {len(data.sequences)}"
            notes.append(f"{groups[-1].name}: {count} sequences without any label")
        if plan.eao_lengths and groups[-1].lengths is None:
            notes.append(
                f"{groups[-1].name}: no EAO, which needs runs of {plan.eao_lengths[1]} frames: "
                f"they end after {plan.max_frames}"
            )
    return Scoreboard(plan, groups, conditions or {}, notes)


def _scores(
    data: DataSet,
    contender: Contender,
    load: Callable[[Contender, Sequence], Result | None],
    plan: Plan,
    notes: list[str],
) -> Scores:
    scores = {}
    for sequence in data.sequences:
        result = load(contender, sequence)
        if result is not None:
            _note_short(result, sequence, plan, notes)
            scores[sequence.name] = of_sequence(result, sequence, data.layout.conventions, plan)
    return scores


def _note_short(result: Result, sequence: Sequence, plan: Plan, notes: list[str]) -> None:
    if sequence.start is None or result.error:
        return
    short = end_of(sequence, sequence.start, plan.max_frames) - sequence.start - len(result.rows)
    note = (
        f"{sequence.group}/{sequence.name}: the recording ends {short} frames before its labels, "
        "which are not scored"
    )
    if short and note not in notes:
        notes.append(note)


def _foreign_scores(data: DataSet, other: Foreign, plan: Plan, notes: list[str]) -> Scores:
    scores = {}
    for sequence in data.sequences:
        result, note = other.load(sequence)
        if note:
            notes.append(note)
        if result is not None:
            result = _fitting(result, other, sequence, plan)
            scores[sequence.name] = of_sequence(result, sequence, data.layout.conventions, plan)
    return scores


def _fitting(result: Result, other: Foreign, sequence: Sequence, plan: Plan) -> Result:
    """Return the part of a foreign result that the protocol scores."""
    has_resets = any(row.event != "tracked" for row in result.rows)
    if has_resets != (plan.kind == "reset"):
        kinds = ("one pass", "restarts after failures")
        raise DatasetError(
            f"{other.name}'s result of {sequence.name} is of {kinds[has_resets]}, the protocol "
            f"{plan.name} of {kinds[not has_resets]}.",
            "Choose the protocol that the results were made by, with --protocol.",
        )
    rows = result.rows[: plan.max_frames] if plan.max_frames else result.rows
    return replace(result, rows=rows)


def _group(data: DataSet, rows: dict[str, list[str]], runs: dict[str, Scores], plan: Plan) -> Group:
    lengths = eao_lengths(data, plan)
    name = data.sequences[0].group
    headline = _headline(data, plan)
    standings: list[Standing] = []
    for contender, run_names in rows.items():
        choices = {run: average(contender, name, runs[run].values(), lengths) for run in run_names}
        best = max(run_names, key=lambda run: _value(choices[run], headline))
        first = standings[0].scores if standings else None
        standings.append(
            Standing(
                choices[best],
                best,
                runs[best],
                _by_attribute(data, contender, runs[best], lengths),
                num_missing=sum(sequence.name not in runs[best] for sequence in data.sequences),
                ahead=_ahead(runs[best], first, headline),
            )
        )
    unlabelled = sum(sequence.start is None for sequence in data.sequences)
    return Group(data, name, headline, standings, unlabelled, lengths)


def _headline(data: DataSet, plan: Plan) -> str:
    if plan.kind == "reset":
        return "eao"
    return "average_overlap" if data.layout.name == "got10k" else "success_auc"


def _value(found: Average, measure: str) -> float:
    known = found.measures.get(measure)
    return -math.inf if known is None or math.isnan(known.mean) else known.mean


def _ahead(scores: Scores, first: Scores | None, headline: str) -> Interval | None:
    if first is None or headline == "eao":  # the EAO is no mean over sequences
        return None
    return difference(scores, first, headline)[0]


def leads(groups: Iterable[Group]) -> dict[str, tuple[Interval, int]]:
    """Return by how much the first tracker is ahead of each other one, all clips pooled.

    Every clip counts alike; the 95 % interval is a paired bootstrap over the clips. The
    number is that of the clips that both were scored on.
    """
    pools: dict[str, Scores] = {}
    measures = set()
    for group in groups:
        measures.add(group.headline)
        for standing in group.standings:
            pool = pools.setdefault(standing.average.contender, {})
            pool |= {f"{group.name}/{name}": one for name, one in standing.scores.items()}
    if len(measures) != 1:  # of different measures there is no mean
        return {}
    (first, mine), *others = pools.items()
    return {name: difference(mine, theirs, *measures) for name, theirs in others}


def _by_attribute(
    data: DataSet, contender: str, scores: Scores, lengths: tuple[int, int] | None
) -> dict[str, Average]:
    names = sorted({name for sequence in data.sequences for name in sequence.attributes})
    return {
        name: average(
            contender,
            name,
            [
                scores[sequence.name]
                for sequence in data.sequences
                if name in sequence.attributes and sequence.name in scores
            ],
            lengths,
        )
        for name in names
    }
