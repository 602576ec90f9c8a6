"""What INT8 did to a bundle, in words for someone who never quantised a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx

from thermedge.bundle import graph_file
from thermedge.export import truth
from thermedge.export.int8 import GRAPHS, Outcome
from thermedge.export.layers import Layer
from thermedge.export.truth import Timing
from thermedge.manifest import Int8Spec, Manifest

_WORTH = 0.9  # of the fp32 time: less of a gain is within what other work on a machine moves

_READING = """\
## How to read this

A network in INT8 computes with whole numbers from -127 to 127 instead of floating point: a
quarter of the memory, and on most chips several times the speed. Each tensor has a *range*,
taken from recordings (the calibration set): what lies beyond it is cut off, what lies within is
rounded to 127 steps of each sign. So ranges from the wrong recordings spoil a tracker silently.
That is why this report counts in tracking accuracy: *success AUC* is the mean overlap of the
tracker's box with the labelled one, from 0 to 1, on recordings that no range was taken from.
"""


@dataclass(frozen=True, slots=True)
class Report:
    """The report, and its short form."""

    text: str  # Markdown
    verdict: str  # one line per engine


def make(folder: Path, manifest: Manifest, outcome: Outcome) -> Report:
    """Return the report of the bundle in `folder`, timed on this machine.

    Args:
        folder: Holds the graphs in fp32 and in INT8.
        manifest: Of that bundle.
        outcome: What `export.int8.write` returned.
    """
    done = {
        backend: {
            graph: truth.achieved(folder / graph_file(graph, "int8"), backend) for graph in GRAPHS
        }
        for backend in truth.engines_here()
    }
    files = {precision: folder / graph_file("track", precision) for precision in ("fp32", "int8")}
    times = truth.timings(files, manifest.track)
    verdict = "\n".join(_verdicts(times))
    parts = [
        f"# {manifest.name} in INT8\n",
        f"## Verdict\n\n{verdict}\n",
        _accuracy(outcome),
        _engines(times, done, outcome),
        _sizes(folder),
        _layers(outcome, done),
        _search(outcome),
        _READING,
    ]
    return Report("\n".join(part for part in parts if part), verdict)


def _verdicts(times: Iterable[Timing]) -> Iterable[str]:
    by_key = {(one.backend, one.precision): one.median_ms for one in times}
    for backend in dict.fromkeys(backend for backend, _ in by_key):
        ratio = by_key[backend, "int8"] / by_key[backend, "fp32"]
        says = "pays" if ratio < _WORTH else "is not worth it: stay with fp32"
        yield f"- {backend}: INT8 takes {ratio:.2f} of the fp32 time here, so it {says}."


def _accuracy(outcome: Outcome) -> str:
    spec = outcome.spec
    rows = [
        (name, f"{value:.4f}", "chosen" if name == spec.method else "")
        for name, value in spec.success_auc.items()
        if name != "int8"
    ]
    rows.append(("as shipped", f"{spec.success_auc['int8']:.4f}", ""))
    return f"""## What it costs in tracking accuracy

Over {spec.clips} labelled recordings that no range was taken from, INT8 loses {spec.lost:+.4f}
success AUC ({_interval(spec)});
{spec.budget:.4f} was allowed. Ranges come from {spec.calibration_windows} frames, set
{spec.calibration_sha256[:12]}. Of the ranges that keep within what was allowed, those
are chosen with which single clips score most like fp32.

{_table(("ranges", "success AUC", ""), rows)}
"""


def _interval(spec: Int8Spec) -> str:
    if spec.clips < 2:
        return "of one recording alone: how far chance moves it is not known"
    return f"95 % interval of the paired difference {spec.lost_low:+.4f} to {spec.lost_high:+.4f}"


def _engines(
    times: Iterable[Timing],
    done: Mapping[str, Mapping[str, frozenset[str]]],
    outcome: Outcome,
) -> str:
    asked = outcome.spec.layers
    rows = []
    for one in times:
        count = sum(len(found) for found in done[one.backend].values())
        achieved = f"{count} of {asked}" if one.precision == "int8" else "-"
        rows.append((one.backend, one.precision, f"{one.median_ms:.2f}", achieved))
    head = ("engine", "graphs", "track graph, ms", "layers that really run in INT8")
    return f"""## What engines here do with it

One thread of this machine, in turns, medians. {outcome.spec.mac_share:.0%} of the track graph's
multiply-accumulates were asked to be INT8.

{_table(head, rows)}
"""


def _sizes(folder: Path) -> str:
    rows = []
    for graph in GRAPHS:
        whole, small = (folder / graph_file(graph, p) for p in ("fp32", "int8"))
        ops = [node.op_type for node in onnx.load(small).graph.node]
        count = f"{ops.count('QuantizeLinear')} / {ops.count('DequantizeLinear')}"
        share = f"{small.stat().st_size / whole.stat().st_size:.0%}"
        rows.append((graph, f"{whole.stat().st_size:,}", f"{small.stat().st_size:,}", share, count))
    head = ("graph", "fp32, bytes", "INT8, bytes", "share", "Q / DQ nodes")
    return f"## Size\n\n{_table(head, rows)}\n"


def _layers(outcome: Outcome, done: Mapping[str, Mapping[str, frozenset[str]]]) -> str:
    errors = {one.name: one.error for one in outcome.ranks}
    rows = []
    for graph, layers in outcome.layers.items():
        for layer in layers:
            name = f"{graph}:{layer.name}"
            is_kept = name in outcome.kept
            asked = "fp32" if layer.floating or is_kept else "INT8"
            why = layer.floating or _why_kept(errors, name, is_kept=is_kept)
            came = [_came(found[graph], layer) for found in done.values()]
            rows.append(
                (graph, layer.module, layer.op, f"{layer.macs / 1e6:.2f}", asked, *came, why)
            )
    head = ("graph", "layer", "operation", "MMAC", "requested", *done, "why not INT8")
    return f"## Every layer: requested and achieved\n\n{_table(head, rows)}\n"


def _why_kept(errors: Mapping[str, float], name: str, *, is_kept: bool) -> str:
    if not is_kept:
        return ""
    return f"alone it puts {errors[name]:.1%} of error into the outputs, and accuracy suffers"


def _came(found: frozenset[str], layer: Layer) -> str:
    return "INT8" if layer.name in found else "fp32"


def _search(outcome: Outcome) -> str:
    if not outcome.ranks:
        return ""
    rows = [
        (
            str(len(trial.kept)),
            f"{trial.success_auc:.4f}",
            f"{trial.lost.mean:+.4f}",
            f"{trial.lost.low:+.4f} to {trial.lost.high:+.4f}",
        )
        for trial in outcome.trials
    ]
    head = ("layers kept in fp32", "success AUC", "lost", "95 % interval")
    return f"""## The search

All layers in INT8 lost more than was allowed. So the layers that put most error into the outputs
were kept in floating point, as few as the budget allows.

{_table(head, rows)}
"""


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)
