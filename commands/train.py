"""thermedge train: train a tracker from a recipe, or go on where a run was stopped."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from thermedge.commands.options import add_training, check_training

_EPILOG = """\
RUN gets last.safetensors (weights), log.jsonl (a line every 50 steps) and curves.svg (loss,
IoU and, for a recipe with a [validation] table, success AUC, over minutes and samples).

many GPUs: torchrun starts one process for each, and the recipe stays as it is:
  torchrun --nproc-per-node 4 -m thermedge train stdtrack_nano --data FOLDER
many machines: the same command on each, with the address of the first:
  torchrun --nnodes 2 --nproc-per-node 4 --rdzv-backend c10d --rdzv-id 1 \\
    --rdzv-endpoint FIRST:29400 -m thermedge train stdtrack_nano --data FOLDER
The recipe's batch is that of all processes together and must be a multiple of their number.
Each draws its part of the same pairs; losses, batch norms and gradients are taken over all
parts, so the weights are those of one process but for rounding. Every machine needs the
data and makes its own packs; only the first process writes RUN and prints. A stopped run
may go on with another number of processes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("recipe", help="a shipped recipe's name, or a TOML file")
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
        help="begin a new run with the weights of another; stdtrack_nano is a file that ships: "
        "the shipped tracker's, to be taught your own camera",
    )
    parser.add_argument(
        "--teacher",
        type=Path,
        metavar="CHECKPOINT",
        help="a larger network of the same tracker and windows, to be imitated by a recipe "
        "that has a teacher_weight",
    )
    add_training(parser)


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

    check_training(args)

    from thermedge.training import loop, recipe

    plan, text = recipe.read(args.recipe)
    settings = None
    if plan.validation is not None:
        from thermedge.export import settings as online

        settings = online.read(online.shipped(plan.tracker, plan.size))
    folder = args.out or Path("runs") / plan.name
    columns = (
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("{task.fields[text]}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    is_first = os.environ.get("RANK", "0") == "0"  # of the processes that torchrun started
    is_shown = is_first and console.is_terminal
    with Progress(*columns, console=console, disable=not is_shown) as bar:
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
            start_from=_found(args.start_from),
            workers=args.workers,
            threads=args.threads,
            device=args.device,
            settings=settings,
            teacher=args.teacher,
            report=show,
        )
    if is_first:
        print(last)
    return 0


def _found(weights: Path | None) -> Path | None:
    """Return the file, or the shipped one of that name."""
    from thermedge import training

    if weights is None or weights.exists():
        return weights
    shipped = Path(training.__path__[0]) / "weights" / f"{weights}.safetensors"
    return shipped if shipped.exists() else weights
