"""thermedge evaluate: score trackers on data sets, by the field's protocols."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from thermedge.commands.options import add_backend, check_least

if TYPE_CHECKING:
    from thermedge.evaluation.contenders import Contender
    from thermedge.evaluation.datasets.layout import DataSet
    from thermedge.evaluation.foreign import Foreign
    from thermedge.evaluation.plan import Plan
    from thermedge.evaluation.scoreboard import Scoreboard
    from thermedge.evaluation.store import Store

_EPILOG = """\
examples:
  thermedge evaluate --data recordings/ --bundle default --peer mil
  thermedge evaluate --data LSOTB-TIR/ --bundle default --results SiamRPN=results/siamrpn/
  thermedge evaluate --data recordings/ --protocol real_time --rate 60 --latency board.csv

A second call with the same arguments goes on where the first was stopped. The exit status is
1 when a tracker threw on some sequence; all others are scored nevertheless.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    data = parser.add_argument_group("what to run on")
    data.add_argument(
        "--data", type=Path, action="append", required=True, metavar="FOLDER",
        help="a data set, may be given again",
    )  # fmt: skip
    data.add_argument(
        "--layout", default="auto", help="how the data sets are arranged; default: recognised"
    )
    who = parser.add_argument_group("who runs (may be given again)")
    who.add_argument(
        "--bundle", action="append", default=[], metavar="NAME|FOLDER",
        help="a tracker; default: the shipped one, where neither --peer nor --results is given",
    )  # fmt: skip
    who.add_argument(
        "--peer", action="append", default=[], metavar="NAME",
        help="mil of OpenCV, kcf and csrt of opencv-contrib-python-headless, or static; with "
        "-round or -trunc behind, how boxes become whole px",
    )  # fmt: skip
    who.add_argument(
        "--results", action="append", default=[], metavar="[NAME=]FOLDER",
        help="result files of another toolkit, scored as they are",
    )  # fmt: skip
    how = parser.add_argument_group("how")
    how.add_argument("--protocol", help="a shipped one's name or a TOML file; default: the data's")
    how.add_argument("--max-frames", type=int, metavar="N", help="per sequence; 0: all")
    how.add_argument("--rate", type=float, metavar="HZ", help="real time: the sensor's rate")
    how.add_argument(
        "--latency", type=Path, metavar="FILE",
        help="real time: ms per frame as measured on a board; default: measured here",
    )  # fmt: skip
    how.add_argument(
        "--convention", action="append", default=[], metavar="KEY=VALUE",
        help="score otherwise than the data's authors, as invalid_truth=skip",
    )  # fmt: skip
    add_backend(how)
    how.add_argument("--threads", type=int, default=1, help="CPU threads of one inference")
    how.add_argument("--workers", type=int, default=1, help="processes; default: 1")
    how.add_argument(
        "--shard", metavar="I/N",
        help="run only part I of N; default: what torchrun's RANK and WORLD_SIZE say",
    )  # fmt: skip
    out = parser.add_argument_group("results")
    out.add_argument("-o", "--out", type=Path, metavar="FOLDER", help="default: runs/evaluate/...")
    out.add_argument(
        "--merge", type=Path, action="append", default=[], metavar="FOLDER",
        help="take results from another --out too, as of another machine's shard",
    )  # fmt: skip
    out.add_argument("--json", action="store_true", help="print scores as JSON instead of a table")


def run(args: argparse.Namespace) -> int:
    """Run what has no result yet, report on all, and return the exit status."""
    from thermedge.evaluation import datasets, foreign, jobs, report
    from thermedge.evaluation.datasets.layout import with_conventions
    from thermedge.evaluation.store import Store

    check_least(("--threads", args.threads, 1), ("--workers", args.workers, 1))
    data = [
        with_conventions(datasets.read(folder, args.layout), args.convention)
        for folder in args.data
    ]
    datasets.check_names(data)
    plan = _plan(args, data)
    others = [foreign.parse_named(text) for text in args.results]
    _check_merged(args.merge)
    contenders = _contenders(args, has_results=bool(others))
    foreign.check_names(others, [name for one in contenders for name in (one.name, one.run_name)])
    out = args.out or Path("runs") / "evaluate" / f"{plan.name}-{plan.digest[:6]}"
    store = Store(out, tuple(args.merge))
    shard = jobs.shard_of(args.shard)
    _make(out)
    _run_missing(data, contenders, plan, store, shard=shard, workers=args.workers)
    board = _board(data, contenders, plan, store, others)
    paths = report.write(board, out)
    if args.json:
        print(report.to_json(board), end="")
    else:
        _print(board, paths)
    return 1 if board.errors else 0


def _check_merged(folders: list[Path]) -> None:
    from thermedge.errors import DatasetError

    for folder in folders:
        if not folder.is_dir():
            raise DatasetError(
                f"The results to merge {folder} are not a folder.",
                "Give what was the --out of another run.",
            )


def _plan(args: argparse.Namespace, data: list[DataSet]) -> Plan:
    from dataclasses import replace

    from thermedge.errors import ThermedgeError
    from thermedge.evaluation import plan
    from thermedge.evaluation.realtime import read_latencies

    usual = sorted({data_set.layout.protocol for data_set in data})
    if args.protocol is None and len(usual) > 1:
        raise ThermedgeError(
            f"The data sets' own protocols differ: {', '.join(usual)}.",
            f"Choose one with --protocol: {', '.join(plan.names())}.",
        )
    chosen = plan.read(args.protocol or usual[0])
    if args.max_frames is not None and args.max_frames != chosen.max_frames:
        summary = f"{chosen.summary} (--max-frames {args.max_frames})"
        chosen = replace(chosen, max_frames=args.max_frames, summary=summary)
    if chosen.kind != "real_time" and (args.rate is not None or args.latency is not None):
        raise ThermedgeError(
            f"--rate and --latency have no meaning in the protocol {chosen.name}.",
            "Add --protocol real_time.",
        )
    if args.rate is not None:
        summary = f"{chosen.summary}, {args.rate:g} Hz"
        chosen = replace(chosen, rate_hz=args.rate, summary=summary)
    if args.latency is not None:
        summary = f"{chosen.summary}, latencies of {args.latency.name}"
        chosen = replace(chosen, latencies_ms=read_latencies(args.latency), summary=summary)
    if chosen.kind == "real_time" and not chosen.latencies_ms and args.workers > 1:
        raise ThermedgeError(
            "Latencies can't be measured while several workers share this machine.",
            "Leave --workers at 1, or give latencies with --latency FILE.",
        )
    return plan.checked(chosen)


def _contenders(args: argparse.Namespace, *, has_results: bool) -> list[Contender]:
    from thermedge.bundles import find
    from thermedge.evaluation import contenders

    names = args.bundle or ([] if args.peer or has_results else ["default"])
    chosen = [
        contenders.from_bundle(
            find(name), backend=args.backend, precision=args.precision, threads=args.threads
        )
        for name in names
    ]
    for peer in args.peer:
        chosen += contenders.from_peer(peer)
    return contenders.checked(chosen)


def _make(out: Path) -> None:
    from thermedge.errors import ThermedgeError

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ThermedgeError(
            f"The folder {out} can't be made: {error.strerror}.", "Give another with --out."
        ) from error


def _run_missing(
    data: list[DataSet],
    contenders: list[Contender],
    plan: Plan,
    store: Store,
    *,
    shard: tuple[int, int],
    workers: int,
) -> None:
    from thermedge.evaluation import jobs

    for contender in contenders:
        store.prepare(contender, plan)
    part, parts = shard
    sequences = [sequence for data_set in data for sequence in data_set.sequences][part::parts]
    todo = []
    for sequence in sequences:
        missing = tuple(one for one in contenders if not store.is_done(one, sequence))
        if missing:
            todo.append(jobs.Job(sequence, missing, plan))
    if not todo:
        return
    with progress(len(todo)) as tell:
        for done in jobs.run_all(todo, workers=workers):
            sequence = done.job.sequence
            for contender in done.job.contenders:
                store.save(contender, sequence, done.results[contender.run_name])
            tell(f"{sequence.group} {sequence.name}")


def _board(
    data: list[DataSet],
    contenders: list[Contender],
    plan: Plan,
    store: Store,
    others: list[Foreign],
) -> Scoreboard:
    from thermedge.evaluation import scoreboard

    conditions: dict[str, dict[str, str]] = {}
    for contender in contenders:
        noted = store.conditions(contender)
        conditions[contender.run_name] = {**noted["results"], **noted["run"]}
    for other in others:
        conditions[other.name] = {"results": str(other.folder)}
    return scoreboard.build(
        data, contenders, store.load, plan, foreign=others, conditions=conditions
    )


def _print(board: Scoreboard, paths: list[Path]) -> None:
    from rich.console import Console
    from rich.table import Table

    from thermedge.evaluation import report

    console = Console()
    console.print(f"protocol {board.plan.title}", markup=False, soft_wrap=True)
    for group in board.groups:
        found = report.brief(group)
        table = Table(title=group.name)
        for number, header in enumerate(found.header):
            table.add_column(header, no_wrap=number < 2)  # the tracker and its first number
        for row in found.rows:
            table.add_row(*row)
        console.print(table)
    threw = [f"threw: {error}" for error in board.errors]
    for text in (*board.notes, *threw):
        console.print(text, markup=False, soft_wrap=True)
    for path in paths:
        print(path)


@contextmanager
def progress(total: int) -> Iterator[Callable[[str], None]]:
    """Show how far `total` steps are, on stderr: a bar on a terminal, else a line per step.

    Yields:
        The function to call with a step's name when it is done.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        done = 0

        def line(text: str) -> None:
            nonlocal done
            done += 1
            print(f"[{done}/{total}] {text}", file=sys.stderr, flush=True)

        yield line
        return
    columns = (
        TextColumn("{task.completed}/{task.total}"),
        BarColumn(),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("starting", total=total)
        yield lambda text: bar.update(task, advance=1, description=text)
