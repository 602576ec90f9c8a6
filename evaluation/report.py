"""Tell what an evaluation found: for people, as blocks of a report, and for machines, as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np

from thermedge.evaluation.document import (
    Block,
    Bullets,
    Figures,
    Heading,
    Paragraph,
    Table,
    to_html,
    to_markdown,
)
from thermedge.evaluation.metrics import OVERLAPS, RELATIVE_ERRORS, Conventions
from thermedge.evaluation.scoreboard import Group, Scoreboard, Standing
from thermedge.evaluation.scores import MEASURES, Average, Interval
from thermedge.evaluation.svg import line_chart
from thermedge.evaluation.what_if import WHAT_IFS
from thermedge.files import replacing
from thermedge.records import to_mapping


def write(board: Scoreboard, folder: Path) -> list[Path]:
    """Write report.md, report.html and scores.json into the folder; return their paths."""
    blocks = report(board)
    texts = {
        "report.md": to_markdown(blocks),
        "report.html": to_html(blocks),
        "scores.json": to_json(board),
    }
    for name, text in texts.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def report(board: Scoreboard) -> list[Block]:
    """Return the whole report."""
    blocks: list[Block] = [
        Heading("Tracking evaluation", 1),
        Paragraph(f"Protocol {board.plan.title}."),
        Paragraph(
            "Intervals are 95 % bootstrap intervals over sequences: how far another draw of "
            "sequences of the same kind could move the mean."
        ),
    ]
    for group in board.groups:
        blocks += _group(group)
    if board.errors:
        blocks += [Heading("Trackers that threw"), Bullets(board.errors)]
    if board.notes:
        blocks += [Heading("Notes"), Bullets(board.notes)]
    return [*blocks, Heading("Conditions"), *_conditions(board)]


def summary(group: Group) -> Table:
    """Return the table of a data set: one row per tracker, one column per measure."""
    measures = measures_of(group)
    has_rivals = len(group.standings) > 1 and group.headline != "eao"
    header = ["tracker", *(_title(group, measure) for measure in measures), "clips", "update ms"]
    if has_rivals:
        header.append(f"{MEASURES[group.headline]} to the first")
    return Table(header, [_row(standing, measures, has_rivals) for standing in group.standings])


def brief(group: Group) -> Table:
    """Return the few columns of `summary` that fit a terminal."""
    headline = group.headline
    others = [name for name in _BESIDE[headline] if name in measures_of(group)]
    header = ["tracker", *(_title(group, name) for name in (headline, *others))]
    rows = []
    for standing in group.standings:
        row = standing.average
        means = [shown(row.measures.get(name)).partition(" ")[0] for name in others]
        known = shown(row.measures.get(headline))
        rows.append([label(standing), known, *means, clips(standing), _ms(row)])
    return Table([*header, "clips", "update ms"], rows)


# headline -> what stands beside it where there is little room.
_BESIDE = {
    "success_auc": ("precision", "norm_precision", "state_accuracy", "frames_seen"),
    "average_overlap": ("success_50", "success_75", "frames_seen"),
    "eao": ("accuracy", "failures"),
}


def measures_of(group: Group) -> list[str]:
    """Return the measures that anybody in the group has, in the order of MEASURES."""
    return [
        name
        for name in MEASURES
        if any(name in standing.average.measures for standing in group.standings)
    ]


def clips(standing: Standing) -> str:
    """Return how many sequences were scored, and what happened to the others."""
    row = standing.average
    others = {"threw": row.num_failed, "missing": standing.num_missing}
    told = [f"{number} {what}" for what, number in others.items() if number]
    return ", ".join([str(row.num_scored), *told])


def label(standing: Standing) -> str:
    """Return a tracker's name, with the run that is its best if there were several."""
    name = standing.average.contender
    return name if standing.run_name == name else f"{name} ({standing.run_name})"


def shown(interval: Interval | None, *, signed: bool = False) -> str:
    """Return "0.618 [0.555, 0.681]", or a dash."""
    if interval is None or math.isnan(interval.mean):
        return "-"
    sign = "+" if signed else ""
    low, high = (f"{value:{sign}.3f}" for value in (interval.low, interval.high))
    return f"{interval.mean:{sign}.3f} [{low}, {high}]"


def _row(standing: Standing, measures: list[str], has_rivals: bool) -> list[str]:
    row = standing.average
    cells = [label(standing)]
    cells += [shown(row.measures.get(measure)) for measure in measures]
    cells.append(str(row.num_scored))
    cells.append(_ms(row))
    return [*cells, shown(standing.ahead, signed=True)] if has_rivals else cells


def _ms(row: Average) -> str:
    return "-" if math.isnan(row.update_ms) else f"{row.update_ms:.2f}"


def _title(group: Group, measure: str) -> str:
    has_two_truths = any(one.second_truth is not None for one in group.data.sequences)
    if measure == "success_auc" and has_two_truths:
        return "MSR"
    if measure == "precision":
        name = "MPR" if has_two_truths else "precision"
        return f"{name} @{group.data.layout.conventions.precision_px:g} px"
    if measure == "eao" and group.lengths is not None:
        low, high = group.lengths
        return f"EAO {low}-{high}"
    return MEASURES[measure]


def _group(group: Group) -> list[Block]:
    blocks: list[Block] = [Heading(group.name), summary(group)]
    facts = [f"clips of {label(one)}: {clips(one)}" for one in group.standings]
    blocks.append(Bullets([*facts, f"conventions: {_spelt(group.data.layout.conventions)}"]))
    drawings = _plots(group)
    if drawings:
        blocks.append(Figures(drawings))
    blocks += _losses(group)
    if group.standings and group.standings[0].by_attribute:
        blocks += [Heading(f"{group.name} by attribute", 3), _attributes(group)]
    return [*blocks, Heading(f"{group.name} by sequence", 3), _sequences(group)]


def _spelt(conventions: Conventions) -> str:
    """Return the conventions as key=value."""
    return ", ".join(f"{key}={value}" for key, value in asdict(conventions).items())


def _plots(group: Group) -> list[str]:
    errors_px = group.data.layout.conventions.errors_px
    charts = (
        ("success", "Success", "IoU above", OVERLAPS, "success_auc"),
        ("precision", "Precision", "centre error within, px", errors_px, "precision"),
        (
            "norm_precision",
            "Normalised precision",
            "centre error over target size within",
            RELATIVE_ERRORS,
            "norm_precision",
        ),
    )
    drawings = []
    for name, title, x_label, x, measure in charts:
        curves = {
            f"{label(one)} {one.average.measures[measure].mean:.3f}": one.average.curves[name]
            for one in group.standings
            if name in one.average.curves
        }
        if curves:
            side: Literal["left", "right"] = "left" if name == "success" else "right"
            title = f"{title}, {group.name}"
            drawings.append(line_chart(title, x_label, x, curves, legend=side))
    return drawings


def _losses(group: Group) -> list[Block]:
    """Return where the trackers lose their score; nothing where the protocol starts them anew."""
    rows = [
        [label(one), f"{one.average.measures['success_auc'].mean:.3f}", *_put_right(one.average)]
        for one in group.standings
        if one.average.what_if
    ]
    if not rows:
        return []
    header = ["tracker", MEASURES["success_auc"], *WHAT_IFS.values()]
    return [
        Heading(f"{group.name}: where the score is lost", 3),
        Table(header, rows),
        Paragraph(
            f"The last three are the {MEASURES['success_auc']} if the labels gave every box its "
            "place, or its size, or if all boxes of a clip were moved and scaled by the one share "
            "that suits its labels best. Where that last one gains much, the target is followed, "
            "and its boxes are drawn otherwise than the labels are: see whether the first label "
            "is like the later ones."
        ),
    ]


def _put_right(row: Average) -> list[str]:
    forms = {name: ".1%" if name == "no_overlap" else ".3f" for name in WHAT_IFS}
    return [
        "-" if math.isnan(row.what_if[name]) else format(row.what_if[name], form)
        for name, form in forms.items()
    ]


def _attributes(group: Group) -> Table:
    names = list(group.standings[0].by_attribute)
    rows = [
        [
            name,
            str(group.standings[0].by_attribute[name].num_scored),
            *(
                shown(one.by_attribute[name].measures.get(group.headline))
                for one in group.standings
            ),
        ]
        for name in names
    ]
    header = [f"attribute ({MEASURES[group.headline]})", "clips"]
    return Table([*header, *map(label, group.standings)], rows)


def _sequences(group: Group) -> Table:
    measure = "accuracy" if group.headline == "eao" else group.headline
    rows = []
    for sequence in group.data.sequences:
        cells = [_of(one, sequence.name, measure) for one in group.standings]
        rows.append([sequence.name, str(len(sequence)), *cells])
    header = [f"sequence ({MEASURES[measure]})", "frames", *map(label, group.standings)]
    return Table(header, rows)


def _of(standing: Standing, sequence: str, measure: str) -> str:
    score = standing.scores.get(sequence)
    if score is None:
        return "missing"
    if not score.is_scored:
        return "unlabelled"
    value = score.measures.get(measure, math.nan)
    failures = score.measures.get("failures")
    text = "-" if math.isnan(value) else f"{value:.3f}"
    text += "" if failures is None else f" / {failures:g} failures"
    return f"{text}, threw" if score.error else text


def _conditions(board: Scoreboard) -> list[Block]:
    blocks: list[Block] = []
    for topic, values in board.conditions.items():
        rows = [[key, value] for key, value in values.items()]
        blocks += [Heading(topic, 3), Table(["condition", "value"], rows, of_numbers=False)]
    return blocks


def to_json(board: Scoreboard) -> str:
    """Return everything of the report as JSON; numbers that do not exist are null."""
    return json.dumps(_mapping(board), indent=2, allow_nan=False) + "\n"


def _mapping(board: Scoreboard) -> dict[str, Any]:
    return {
        "protocol": to_mapping(board.plan),
        "groups": [_group_mapping(group) for group in board.groups],
        "errors": board.errors,
        "notes": board.notes,
        "conditions": board.conditions,
    }


def _group_mapping(group: Group) -> dict[str, Any]:
    return {
        "name": group.name,
        "layout": group.data.layout.name,
        "conventions": asdict(group.data.layout.conventions),
        "headline": group.headline,
        "eao_lengths": group.lengths,
        "unlabelled": group.num_unlabelled,
        "trackers": [_standing_mapping(standing) for standing in group.standings],
    }


def _standing_mapping(standing: Standing) -> dict[str, Any]:
    row = standing.average
    return {
        "name": row.contender,
        "run": standing.run_name,
        "scored": row.num_scored,
        "threw": row.num_failed,
        "missing": standing.num_missing,
        "update_ms": _number(row.update_ms),
        "measures": _intervals(row),
        "what_if": {name: _number(value) for name, value in row.what_if.items()},
        "to_the_first": None if standing.ahead is None else _interval(standing.ahead),
        "curves": {name: np.round(values, 6).tolist() for name, values in row.curves.items()},
        "attributes": {name: _intervals(part) for name, part in standing.by_attribute.items()},
        "sequences": {
            name: {key: _number(value) for key, value in score.measures.items()}
            for name, score in standing.scores.items()
        },
    }


def _intervals(row: Average) -> dict[str, Any]:
    return {name: _interval(value) for name, value in row.measures.items()}


def _interval(value: Interval) -> dict[str, float | None]:
    return {key: _number(number) for key, number in asdict(value).items()}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
