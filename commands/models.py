"""thermedge models: the trackers that can be trained, with what they cost and need."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thermedge.export.figures import Figures, Table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--measure",
        action="store_true",
        help="build and export every tracker again, and keep the new figures; needs torch",
    )


def run(args: argparse.Namespace) -> int:
    """Print one row per tracker and size, and the bundles that are ready to run."""
    import json
    from dataclasses import asdict

    from thermedge.export import figures

    if args.measure:
        figures.write(_measured())
    table = figures.read()
    if args.json:
        print(json.dumps(asdict(table), indent=2))
        return 0
    _print(table)
    return 0


def _measured() -> list[Figures]:
    from rich.console import Console
    from rich.progress import track

    from thermedge import models
    from thermedge.export import figures
    from thermedge.optional import require

    for needed in ("torch", "onnx", "onnxscript"):
        require(needed, "measuring the trackers")
    pairs = [(tracker, size) for tracker in models.TRACKERS for size in models.sizes(tracker)]
    shown = track(pairs, "exporting", console=Console(stderr=True), transient=True)
    return [figures.measure(*pair) for pair in shown]


def _print(table: Table) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table as Rows

    from thermedge import bundles

    console = Console()
    shown = Rows(
        *("tracker", "size", "trained", "running", "MMAC", "nodes", "ms", "needs"),
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        caption="parameters as trained and as running; track graph per frame; fp32, ONNX Runtime, "
        f"one thread of {table.machine}, {table.date}",
        caption_justify="left",
    )
    for one in table.figures:
        shown.add_row(
            *(one.tracker, one.size, f"{one.trained:,}", f"{one.running:,}"),
            *(f"{one.track_mmacs:.0f}", f"{one.nodes_before}>{one.nodes_after}"),
            *(f"{one.latency_ms:.1f}", one.needs),
        )
    console.print(shown)
    console.print(f"ready to run: {', '.join(bundles.names())}", highlight=False)
