"""thermedge export: turn a checkpoint into a bundle that boards can run."""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "checkpoint", type=Path, help="last.safetensors of a run of `thermedge train`"
    )
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="BUNDLE", help="folder to write"
    )
    parser.add_argument("--name", help="the bundle's name; default: the folder's")
    parser.add_argument(
        "--settings",
        type=Path,
        help="TOML with the constants of the online loop; default: the shipped ones of the tracker",
    )


def run(args: argparse.Namespace) -> int:
    """Export, print the parity table and where the bundle lies."""
    from rich.console import Console
    from rich.table import Table

    from thermedge.optional import require

    for needed in ("torch", "safetensors", "onnx", "onnxscript"):  # before what imports them
        require(needed, "exporting")

    from thermedge.export import package, settings
    from thermedge.models import checkpoint

    saved = checkpoint.load(args.checkpoint)
    chosen = args.settings or settings.shipped(saved.tracker, saved.size)
    name = args.name or Path(os.path.abspath(args.out)).name
    console = Console()
    with console.status("fusing, exporting and comparing"):
        manifest = package.export(args.checkpoint, settings.read(chosen), args.out, name)
    table = Table("output", "fused - trained", "ONNX - fused", title="largest absolute difference")
    for output, gap in manifest.parity.items():
        table.add_row(output, f"{gap.fused:.1e}", f"{gap.onnx:.1e}")
    console.print(table)
    print(args.out)
    return 0
