"""thermedge ablate: train variants of a recipe, and say what each part of it is worth."""

from __future__ import annotations

import argparse
from pathlib import Path

from thermedge.commands.options import add_training, check_training

_EPILOG = """\
PLAN is a TOML file, or a shipped one: data (sources and augmentations), ainet, fgsgt,
siamcross, smmt, stdtrack (parts of the network). It names a recipe, changes for all
variants (the budget), and [[variants]] with what each leaves out. Every variant is trained
into a folder of its own below RUNS; the same command goes on where it was stopped. The table
with intervals of the differences is printed, and kept as RUNS/ablation.md."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("plan", metavar="PLAN", help="a shipped plan's name, or a TOML file")
    parser.add_argument("-o", "--out", type=Path, metavar="RUNS", help="default: runs/ablate_PLAN")
    add_training(parser)


def run(args: argparse.Namespace) -> int:
    """Train with a progress line, and print the table."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    check_training(args)

    from thermedge.export import settings as online
    from thermedge.training import ablate, loop
    from thermedge.training.recipe import Recipe

    plan = ablate.read(args.plan)
    folder = args.out or Path("runs") / f"ablate_{plan.name}"
    names = [variant.name for variant in plan.variants]
    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), BarColumn())
    console = Console(stderr=True)

    def settings(one: Recipe) -> online.Settings:
        return online.read(online.shipped(one.tracker, one.size))

    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("preparing the data", total=None)

        def show(name: str, now: loop.Progress) -> None:
            which = f"{names.index(name) + 1} of {len(names)}: {name}"
            bar.update(task, description=which, completed=now.step, total=now.steps)

        outcomes = ablate.run(
            plan,
            folder,
            data=args.data,
            settings=settings,
            workers=args.workers,
            threads=args.threads,
            device=args.device,
            report=show,
        )
    print(ablate.table(plan, outcomes), end="")
    return 0
