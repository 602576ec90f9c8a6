"""Write a bundle: all of it, or nothing."""

from __future__ import annotations

import subprocess
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

import thermedge
from thermedge import bundle
from thermedge.export import copies, graph, model_card, parity
from thermedge.export.copies import Finish, unchanged
from thermedge.export.settings import Settings
from thermedge.files import sha256_of
from thermedge.manifest import FORMAT, DataCredit, Manifest, Origin
from thermedge.models import checkpoint as checkpoints
from thermedge.models.checkpoint import Checkpoint
from thermedge.models.fuse import fused
from thermedge.models.net import TrackerNet
from thermedge.toml import loads

_LOG = "log.jsonl"  # beside the checkpoint of a run

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
    tried = model_card.validated(checkpoint_path.with_name(_LOG), saved.step)
    return copies.write(
        folder, lambda draft: _fill(draft, saved, sha256, settings, name, tried), finish
    )


def _fill(
    draft: Path,
    saved: Checkpoint,
    checkpoint_sha256: str,
    settings: Settings,
    name: str,
    tried: model_card.Tried,
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
    counts = model_card.Counts(
        trained=_parameters(net), fused=_parameters(plain), bytes=track.stat().st_size
    )
    card = model_card.text(name, saved, origin, counts, tried)
    (draft / bundle.MODEL_CARD).write_text(card, encoding="utf-8")
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
        licence=model_card.LICENCE,
    )


def _write_golden(path: Path, golden: list[tuple[parity.Arrays, parity.Arrays]]) -> None:
    arrays = {
        f"{index}.{side}.{name}": value
        for index, (feeds, outputs) in enumerate(golden[:2])
        for side, tensors in (("in", feeds), ("out", outputs))
        for name, value in tensors.items()
    }
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]


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
