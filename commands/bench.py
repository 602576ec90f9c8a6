"""thermedge bench: compare the shipped tracker with OpenCV's, in accuracy and time."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from thermedge.commands.options import check_least

if TYPE_CHECKING:
    from thermedge.evaluation.contenders import Contender
    from thermedge.evaluation.datasets.layout import DataSet
    from thermedge.evaluation.plan import Plan
    from thermedge.evaluation.results import Result
    from thermedge.evaluation.scoreboard import Scoreboard

# Recordings are kept beside the checkout, never in it.
_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "sequences"
_DEFAULT_DATA = ("drone_ir/val", "anti_uav_ir/val")
_STILLS = _BESIDE.parent / "pairs" / "roadscene" / "thermal"
_MILLION = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "--data",
        type=Path,
        action="append",
        metavar="FOLDER",
        help="sequences to run on, may be given again; default: the validation recordings "
        "beside the checkout, and clips in which the size changes, generated and of stills",
    )
    parser.add_argument(
        "--bundle",
        action="append",
        metavar="NAME|FOLDER",
        help="tracker to compare, may be given again; default: the shipped one",
    )
    parser.add_argument(
        "--peer",
        action="append",
        metavar="NAME",
        help="kcf, csrt, mil or static, may be given again; default: kcf for accuracy, all that "
        "this OpenCV has for time. csrt takes minutes",
    )
    parser.add_argument(
        "--max-frames", type=int, default=300, help="accuracy: per sequence; default: 300"
    )
    parser.add_argument(
        "--backend", default="auto", help="accuracy: inference engine of the bundles"
    )
    parser.add_argument(
        "--only",
        choices=("accuracy", "time"),
        help="leave out the other half: accuracy on whole clips, or time in turns on some frames, "
        "start-up, memory and disk",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        help="processes; more than 1 is quicker, but its times are not comparable",
    )


def run(args: argparse.Namespace) -> int:
    """Run everybody over the same frames, and print the tables."""
    from thermedge.evaluation import datasets

    check_least(("--max-frames", args.max_frames, 0), ("--workers", args.workers, 1))
    data = [datasets.read(folder) for folder in args.data or _recordings()]
    status = 0
    if args.only != "time":
        status = _print_accuracy(args, data if args.data else data + _made())
    if args.only != "accuracy":
        from thermedge.commands import bench_times

        bench_times.run(args, data)
    return status


def _made() -> list[DataSet]:
    """Return the clips whose truth is known because they are made: generated, and of stills."""
    from thermedge.evaluation import changing_size, zoomed_stills

    stills = [zoomed_stills.data_set(_STILLS)] if _STILLS.is_dir() else []
    return [changing_size.data_set(), *stills]


def _print_accuracy(args: argparse.Namespace, data: list[DataSet]) -> int:
    from dataclasses import replace

    from thermedge.bundles import find
    from thermedge.evaluation import contenders, datasets, plan, scoreboard

    datasets.check_names(data)
    rivals = [
        contenders.from_bundle(find(name), backend=args.backend)
        for name in args.bundle or ["default"]
    ]
    for peer in args.peer or ["kcf"]:
        rivals += contenders.from_peer(peer)
    frames = args.max_frames
    protocol = replace(
        plan.read("short"),
        max_frames=frames,
        summary=f"one pass over {f'the first {frames}' if frames else 'all'} frames",
    )
    plan.checked(protocol)
    rivals = contenders.checked(rivals)
    results = _results(data, rivals, protocol, args.workers)
    board = scoreboard.build(
        data,
        rivals,
        lambda contender, sequence: results[sequence.group, sequence.name][contender.run_name],
        protocol,
    )
    _print(board)
    for name in args.bundle or ["default"]:
        _print_loop_cost(name, args.backend)
    return 1 if board.errors else 0


def _print_loop_cost(name: str, backend: str) -> None:
    from rich.console import Console

    from thermedge import bundle
    from thermedge.bundles import find
    from thermedge.errors import SourceError
    from thermedge.evaluation import loop_cost

    console = Console()
    try:
        cost = loop_cost.measure(bundle.read(find(name)), backend=backend)
    except SourceError as error:
        console.print(f"no cost of the loop: {error.problem}", markup=False, soft_wrap=True)
        return
    console.print(
        f"{name}: the loop adds {cost.added:.1%} to its network: update {cost.update_ms:.2f} ms, "
        f"network alone {cost.network_ms:.2f} ms, medians of {cost.frames} frames at 320x256, "
        "16 bit, one thread",
        highlight=False,
        soft_wrap=True,
    )


def _recordings() -> list[Path]:
    from thermedge.errors import DatasetError

    folders = [_BESIDE / name for name in _DEFAULT_DATA]
    there = [folder for folder in folders if folder.is_dir()]
    if not there:
        raise DatasetError(
            f"There is no recording to run on: {folders[0]} is missing.",
            "Give one with --data FOLDER: NAME/groundtruth.txt beside a video or pictures.",
        )
    return there


def _results(
    data: list[DataSet], rivals: list[Contender], protocol: Plan, workers: int
) -> dict[tuple[str, str], dict[str, Result]]:
    from thermedge.commands.evaluate import progress
    from thermedge.evaluation import jobs

    todo = [
        jobs.Job(sequence, tuple(rivals), protocol)
        for data_set in data
        for sequence in data_set.sequences
    ]
    results = {}
    with progress(len(todo)) as tell:
        for done in jobs.run_all(todo, workers=workers):
            sequence = done.job.sequence
            results[sequence.group, sequence.name] = done.results
            tell(f"{sequence.group} {sequence.name}")
    return results


def _print(board: Scoreboard) -> None:
    from rich.console import Console
    from rich.table import Table

    from thermedge.evaluation import changing_size, report, scoreboard, zoomed_stills
    from thermedge.evaluation.environment import machine

    made = (changing_size.GROUP, zoomed_stills.GROUP)
    recorded = [group for group in board.groups if group.name not in made]
    first = recorded[0].standings[0].average.contender
    leads = scoreboard.leads(recorded)

    table = Table("tracker", "data", "success AUC", "95 % interval", "clips", "update ms")
    table.title = f"{board.plan.summary}; {machine()}"
    for group in board.groups:
        for standing in group.standings:
            row = standing.average
            auc, _, interval = report.shown(row.measures.get("success_auc")).partition(" ")
            update_ms = "-" if math.isnan(row.update_ms) else f"{row.update_ms:.2f}"
            name, clips = report.label(standing), report.clips(standing)
            table.add_row(name, group.name, auc, interval, clips, update_ms)
        table.add_section()
    console = Console()
    console.print(table)
    for name, (lead, count) in leads.items():
        console.print(
            f"{first} is ahead of {name} by {lead.mean:+.3f} [{lead.low:+.3f}, {lead.high:+.3f}] "
            f"on the {count} recorded clips together, each counted alike",
            highlight=False,
            soft_wrap=True,
        )
    for error in board.errors:
        console.print(f"threw: {error}", markup=False, soft_wrap=True)
    console.print(f"scoring {_MILLION:,} boxes: {_seconds_per_million():.2f} s on one core")


def _seconds_per_million() -> float:
    """Return the processor's time to score a million boxes with all metrics."""
    from time import process_time

    import numpy as np

    from thermedge.evaluation import metrics

    random = np.random.default_rng(0)
    truth = random.uniform(1, 100, (_MILLION, 4))
    prediction = truth + random.normal(0, 5, truth.shape)
    began = process_time()
    metrics.score(metrics.measure(prediction, truth, metrics.OTB), metrics.OTB)
    return process_time() - began
