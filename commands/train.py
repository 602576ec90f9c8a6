"""thermedge train: train a tracker from a recipe, or go on where a run was stopped."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("recipe", help="a shipped recipe's name, or a TOML file")
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="the folder that the recipe's paths are relative to",
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        metavar="RUN",
        help="checkpoint and log go here, and a stopped run goes on from here; "
        "default: runs/RECIPE",
    )
    parser.add_argument(
        "--from",
        dest="start_from",
        type=Path,
        metavar="CHECKPOINT",
        help="begin a new run with the weights of another",
    )
    parser.add_argument(
        "--threads", type=int, default=0, help="CPU threads for the network; default: all cores"
    )
    parser.add_argument(
        "--workers", type=int, default=1, help="processes that prepare pairs; default: 1"
    )


def run(args: argparse.Namespace) -> int:
    """Train with a progress line, and print where the checkpoint lies."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from thermedge.errors import ThermedgeError
    from thermedge.optional import require

    for flag, value in (("--threads", args.threads), ("--workers", args.workers)):
        if value < 0:
            raise ThermedgeError(f"{flag} is {value}.", "Give a whole number from 0 up.")
    for needed in ("torch", "safetensors"):  # before the modules that import them
        require(needed, "training")

    from thermedge.training import loop, recipe

    plan, text = recipe.read(args.recipe)
    folder = args.out or Path("runs") / plan.name
    columns = (
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("{task.fields[text]}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("train", total=None, text="preparing the data")

        def show(now: loop.Progress) -> None:
            bar.update(
                task,
                completed=now.step,
                total=now.steps,
                text=f"{now.samples_per_s:.0f} pairs/s  loss {now.loss:.2f}  "
                f"found {now.hit:.3f}  IoU {now.iou:.3f}",
            )

        last = loop.train(
            text,
            folder,
            data=args.data,
            start_from=args.start_from,
            workers=args.workers,
            threads=args.threads,
            report=show,
        )
    print(last)
    return 0
