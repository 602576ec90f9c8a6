"""The bundle's model card: where its weights come from, and what they were seen to reach."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from thermedge.bundle import MODEL_CARD
from thermedge.evaluation.scores import Average
from thermedge.manifest import Origin

if TYPE_CHECKING:
    from thermedge.models.checkpoint import Checkpoint

LICENCE = "Apache-2.0"
# Titles of what tells of graphs on recordings: `accuracy` here, and `confidence.section`.
MEASURED = ("## Accuracy", "## Confidence")
Tried = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Counts:
    """Sizes for the model card."""

    trained: int  # parameters with the branches apart
    fused: int  # parameters that run
    bytes: int  # of the track graph


def validated(log: Path, step: int) -> Tried:
    """Return the success AUC that a run's log has of `step`: clips -> mean, low, high."""
    if not log.is_file():
        return {}
    found: Tried = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        if '"success_auc"' in line and line.endswith("}"):  # a run that was killed left half a line
            entry = json.loads(line)
            if entry["step"] == step:  # done twice after a stop: the last counts
                found = entry["success_auc"]
    return found


def text(
    name: str, saved: Checkpoint, origin: Origin, counts: Counts, tried: Tried | None = None
) -> str:
    """Return the bundle's model card in Markdown."""
    rows = "\n".join(f"| {d.name} | {d.licence} | {d.credit} |" for d in origin.data)
    recipe_sha = hashlib.sha256(saved.recipe.encode()).hexdigest()[:12]
    return f"""# {name}

A {saved.tracker} tracker of size {saved.size} for single targets in thermal-infrared video.
It is a re-design after the paper of that name, not a reproduction; see the module's docstring.

| | |
|---|---|
| parameters, trained / running | {counts.trained:,} / {counts.fused:,} |
| track graph | {counts.bytes:,} bytes, fp32 |
| recipe | {origin.recipe} (sha256 {recipe_sha}), seed {origin.seed} |
| training pairs seen | {origin.samples:,} |
| code | {origin.commit} |
| date | {origin.date} |
| licence of the weights | {LICENCE} |

## Training data

| source | licence | credit |
|---|---|---|
{rows}
{_scores(tried or {})}
## Limits

What is not like the training data above is untested, visible-light pictures among it.
It follows one target; two look-alikes that cross can swap.
"""


def _scores(tried: Tried) -> str:
    """Return the section of what the run's own validation measured last, if it had one."""
    if not tried:
        return ""
    rows = "\n".join(
        f"| {group} | {mean:.3f} | {low:.3f} to {high:.3f} |"
        for group, (mean, low, high) in tried.items()
    )
    return f"""
## Validation

Of these weights at the end of training, in PyTorch, on the clips and frames that the
recipe's [validation] table names; none was trained on.

| clips | success AUC | 95 % interval over clips |
|---|---|---|
{rows}
"""


def put(folder: Path, section: str) -> None:
    """Write a section to the end of the card in `folder`, and take out an older one of its title.

    Args:
        folder: Of the bundle.
        section: Markdown; its first line is the title, "## Title".
    """
    take_out(folder, section.partition("\n")[0])
    card = folder / MODEL_CARD
    card.write_text(f"{card.read_text(encoding='utf-8').rstrip()}\n\n{section}", encoding="utf-8")


def take_out(folder: Path, title: str) -> None:
    """Remove the section `title`, as "## Title", from the card in `folder`, if it is there."""
    card = folder / MODEL_CARD
    text = card.read_text(encoding="utf-8")
    text = re.sub(rf"\n*^{re.escape(title)}\n.*?(?=^## |\Z)", "\n\n", text, flags=re.M | re.S)
    card.write_text(f"{text.rstrip()}\n", encoding="utf-8")


def accuracy(measured: Sequence[Average], how: str) -> str:
    """Return the section of what the bundle's own graphs reach on labelled recordings.

    Args:
        measured: The mean over the clips of each data set.
        how: Frames, precision and engine.
    """
    rows = "\n".join(
        f"| {one.group} | {one.num_scored} | {auc.mean:.3f} | {auc.low:.3f} to {auc.high:.3f} |"
        for one in measured
        for auc in [one.measures["success_auc"]]
    )
    return f"""## Accuracy

Success AUC of the graphs in this bundle, each clip counted alike ({how}).

| data set | clips | success AUC | 95 % interval over clips |
|---|---|---|---|
{rows}
"""
