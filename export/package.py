"""Write a bundle: all of it, or nothing."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

import thermedge
from thermedge import bundle
from thermedge.export import copies, graph, parity
from thermedge.export.copies import Finish, unchanged
from thermedge.export.settings import Settings
from thermedge.files import sha256_of
from thermedge.manifest import FORMAT, DataCredit, Manifest, Origin
from thermedge.models import checkpoint as checkpoints
from thermedge.models.checkpoint import Checkpoint
from thermedge.models.fuse import fused
from thermedge.models.net import TrackerNet
from thermedge.toml import loads

_LICENCE = "Apache-2.0"
_LOG = "log.jsonl"  # beside the checkpoint of a run

Tried = dict[str, list[float]]
_DECISIVE = ("core", "models", "runtime", "export")  # folders whose code makes a bundle


def export(
    checkpoint_path: Path,
    settings: Settings,
    folder: Path,
    name: str,
    *,
    finish: Finish = unchanged,
) -> Manifest:
    """Turn a checkpoint into the bundle `folder`.

    An older bundle of that name is replaced once the new one is complete and verified.

    Args:
        checkpoint_path: Of a training run.
        settings: The constants of the online loop.
        folder: Where the bundle goes.
        name: What it is called.
        finish: Adds files to the unfinished bundle, as other precisions, and returns the
            manifest with what is to be said of them; the files' checksums are added after.

    Raises:
        RecipeError: The checkpoint can't be read.
        BundleError: `folder` holds something that is not a bundle, or can't be written.
        ThermedgeError: The exported graphs do not compute what was trained.
    """
    saved = checkpoints.load(checkpoint_path)
    sha256 = sha256_of(checkpoint_path)
    tried = validated(checkpoint_path.with_name(_LOG), saved.step)
    return copies.write(
        folder, lambda draft: _fill(draft, saved, sha256, settings, name, tried), finish
    )


def _fill(
    draft: Path,
    saved: Checkpoint,
    checkpoint_sha256: str,
    settings: Settings,
    name: str,
    tried: Tried,
) -> Manifest:
    net = checkpoints.network(saved)
    plain = fused(net)
    template, track = draft / bundle.TEMPLATE_GRAPH, draft / bundle.TRACK_GRAPH
    template_spec, track_spec = graph.to_onnx(plain, template, track)
    gaps, golden = parity.compare(
        net, plain, {"template": (template, template_spec), "track": (track, track_spec)}
    )
    _write_golden(draft / bundle.GOLDEN, golden)
    origin = _origin(saved, checkpoint_sha256)
    counts = Counts(trained=_parameters(net), fused=_parameters(plain), bytes=track.stat().st_size)
    (draft / bundle.MODEL_CARD).write_text(
        model_card(name, saved, origin, counts, tried), encoding="utf-8"
    )
    return Manifest(
        format=FORMAT,
        name=name,
        tracker=saved.tracker,
        size=saved.size,
        crop=net.config.crop,
        scaling=settings.scaling,
        head=settings.head,
        loop=settings.loop,
        memory=settings.memory,
        template=template_spec,
        track=track_spec,
        cached=graph.cached(net),
        carried=dict(net.carried),
        initial=dict(net.initial),
        tokens=settings.tokens,
        precision="fp32",
        files={},
        origin=origin,
        parity=gaps,
        licence=_LICENCE,
    )


def _write_golden(path: Path, golden: list[tuple[parity.Arrays, parity.Arrays]]) -> None:
    arrays = {
        f"{index}.{side}.{name}": value
        for index, (feeds, outputs) in enumerate(golden[:2])
        for side, tensors in (("in", feeds), ("out", outputs))
        for name, value in tensors.items()
    }
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Counts:
    """Sizes for the model card."""

    trained: int  # parameters with the branches apart
    fused: int  # parameters that run
    bytes: int  # of the track graph


def _parameters(net: TrackerNet) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def _origin(saved: Checkpoint, checkpoint_sha256: str) -> Origin:
    plan = loads(saved.recipe)  # training has checked its keys
    return Origin(
        commit=_commit(),
        checkpoint_sha256=checkpoint_sha256,
        recipe=plan["name"],
        samples=saved.samples,
        seed=plan["seed"],
        date=datetime.now(timezone.utc).date().isoformat(),
        data=tuple(
            DataCredit(name=data["name"], licence=data["licence"], credit=data["credit"])
            for data in plan["data"]
        ),
    )


def _commit() -> str:
    """Return the checkout's commit, marked when code differs, or the version outside one."""
    here = Path(__file__)

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(here.parents[1]), *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        # An installed copy can lie in somebody else's checkout, which does not track it.
        known = git("ls-files", "--", str(here))
        commit = git("rev-parse", "--short=12", "HEAD") if known else ""
    except FileNotFoundError:
        commit = ""
    if not commit:
        return f"thermedge {thermedge.__version__}"
    return f"{commit}-modified" if git("status", "--porcelain", "--", *_DECISIVE) else commit


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


def model_card(
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
| licence of the weights | {_LICENCE} |

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
