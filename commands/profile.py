"""thermedge profile: time a tracker on this machine, with the conditions beside every figure."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from thermedge.commands.options import add_backend, check_auto_timeout, check_least

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console
    from rich.table import Table as RichTable

    from thermedge.profiling.board_watch import BoardWatch
    from thermedge.profiling.latency import Figures
    from thermedge.profiling.report import Profile
    from thermedge.profiling.runs import Run, Target
    from thermedge.profiling.subjects import Opened, Subject
    from thermedge.runtime.sources.base import FrameSource

_EPILOG = """\
examples:
  thermedge profile
  thermedge profile default --source v4l2:auto --auto hottest --minutes 30
  thermedge profile default --source synthetic: --compare ort openvino
  thermedge profile default --compare fp32 int8 --rounds 3 --out int8.html --out int8.jsonl
  thermedge profile default --source clip.mp4 --init 120,80,24,16 --accuracy

reports (--out, as often as wanted; profile.html where none is named):
  r.html    tables and drawings in one file
  r.jsonl   the same figures, one JSON object per line
  r.csv     the times of every frame, for `thermedge evaluate --latency`
Ctrl-C ends the run and still writes them, without layers and accuracy (exit status 130).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "bundle", nargs="?", default="default", help="a shipped bundle's name, or a folder"
    )
    what = parser.add_argument_group("what runs")
    add_backend(what)
    what.add_argument("--threads", type=int, default=1, help="CPU threads of one inference")
    what.add_argument(
        "--compare",
        nargs=2,
        metavar=("A", "B"),
        help="run two in turns on the same frames: engines, precisions, or bundles",
    )
    where = parser.add_argument_group("on what")
    where.add_argument("--source", default="synthetic:", help="as for track-camera")
    start = where.add_mutually_exclusive_group()
    start.add_argument("--init", metavar="X,Y,W,H", help="the target in the first frame, px")
    start.add_argument("--auto", choices=("hottest", "moving"), help="let it be chosen")
    where.add_argument(
        "--auto-timeout",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="before --auto gives up; default: 10",
    )
    long = parser.add_argument_group("how long")
    long.add_argument(
        "--max-frames", type=int, metavar="N", help="stop after N frames, per round of --compare"
    )
    long.add_argument(
        "--minutes",
        type=float,
        default=0.0,
        help="go on for so long, and tell how the beginning and the end differ",
    )
    long.add_argument(
        "--rounds", type=int, metavar="N", help="of --compare over the source; default: 1"
    )
    long.add_argument(
        "--warm-up", type=int, default=20, metavar="N", help="updates told apart; default: 20"
    )
    more = parser.add_argument_group("what else is told")
    more.add_argument(
        "--accuracy",
        nargs="?",
        const="",
        metavar="FOLDER",
        help="accuracy on cameras of 9, 25, 30 and 60 Hz at the pace measured here, on the "
        "recordings in FOLDER or on generated scenes",
    )
    more.add_argument("--no-layers", action="store_true", help="leave out the time per layer")
    more.add_argument("--tegrastats", action="store_true", help="run NVIDIA's tegrastats beside it")
    more.add_argument(
        "--out", type=Path, action="append", metavar="FILE", help="write a report; see below"
    )


def run(args: argparse.Namespace) -> int:
    """Measure, print the tables, write the reports."""
    from rich.console import Console

    from thermedge.bundles import find
    from thermedge.commands import INTERRUPTED
    from thermedge.commands.track_report import journal
    from thermedge.profiling import outputs, realtime, subjects

    _check_numbers(args)
    _check_together(args)
    paths = args.out or [Path("profile.html")]
    for path in paths:
        outputs.check_writable(path)
    if args.accuracy:  # refused now, not after the run
        realtime.read(Path(args.accuracy))
    base = subjects.Subject(find(args.bundle), args.backend, args.precision, args.threads)
    chosen = [subjects.other(text, base) for text in args.compare] if args.compare else [base]
    console = Console(stderr=True)
    with journal(console):
        profile, trouble = _measured(args, chosen, console)
    print_profile(profile)
    for path in paths:
        outputs.write(profile, path)
        console.print(f"wrote {path}", markup=False, highlight=False, soft_wrap=True)
    if trouble is not None:
        raise trouble
    return INTERRUPTED if profile.was_stopped else 0


def _measured(
    args: argparse.Namespace, chosen: list[Subject], console: Console
) -> tuple[Profile, BaseException | None]:
    """Return what was measured, and what ended the measurements after the runs too early."""
    from thermedge.errors import ThermedgeError
    from thermedge.profiling import board_watch, conditions
    from thermedge.profiling.report import Profile

    with ExitStack() as opened, console.status("loading") as status:
        machine = conditions.of_machine()
        ready = [subject.open() for subject in chosen]
        for one in ready:
            opened.callback(one.tracker.close)
        _check_different(ready)
        status.update("running")
        watch = opened.enter_context(_watch(args, opened))
        runs, source = _runs(args, ready)
        watch.stop()
        board = board_watch.told(watch.moments)
        profile = Profile(
            {
                "This machine": machine,
                **{one.name: conditions.of_subject(one, threads=args.threads) for one in ready},
                "Source": source,
                "Board during the run": conditions.of_board(board),
            },
            board,
            watch.moments,
            runs,
            _figures(runs, args.warm_up),
            args.warm_up,
            notes=_notes(args, runs, source),
        )
        _add_what_runs_say(args, profile)
        trouble: BaseException | None = None
        if not profile.was_stopped:  # who presses Ctrl-C does not wait for more measurements
            try:
                _add_more(args, profile, ready, status.update)
            except (ThermedgeError, KeyboardInterrupt) as error:  # the runs are not lost for it
                trouble = error
                told = error.problem if isinstance(error, ThermedgeError) else "Ctrl-C ended that."
                profile.notes.append(f"Layers or accuracy are missing. {told}")
    return profile, trouble


def _figures(runs: list[Run], warm_up: int) -> list[Figures]:
    from thermedge.errors import SourceError

    try:
        return [one.figures(warm_up) for one in runs]
    except SourceError:
        if runs[0].was_stopped:  # too early for any figure: nothing is to be told
            raise KeyboardInterrupt from None
        raise


def _watch(args: argparse.Namespace, opened: ExitStack) -> BoardWatch:
    from thermedge.profiling.board_watch import BoardWatch
    from thermedge.profiling.tegrastats import Stream

    if args.tegrastats:
        return BoardWatch(read=opened.enter_context(Stream()).state)
    return BoardWatch()


def _runs(args: argparse.Namespace, ready: list[Opened]) -> tuple[list[Run], dict[str, str]]:
    """Run one tracker in its loop, or two in turns."""
    from dataclasses import replace

    from thermedge.profiling import conditions, runs
    from thermedge.runtime.sources import open_source

    with open_source(args.source) as source:
        where = conditions.of_source(source, args.source)
        if len(ready) == 1:
            _check_ends(args, source)
    if len(ready) > 1:
        found = runs.in_turns(
            {one.name: one.tracker for one in ready},
            lambda: open_source(args.source),
            lambda source: _target(args, source),
            rounds=args.rounds or 1,
            max_frames=args.max_frames,
        )
    else:
        found = [
            runs.in_loop(
                ready[0].name,
                ready[0].tracker,
                lambda: open_source(args.source),
                lambda source: _target(args, source),
                minutes=args.minutes,
                max_frames=args.max_frames,
            )
        ]
    pairs = zip(found, ready, strict=True)
    return [replace(run, loading_ms=one.loading_ms) for run, one in pairs], where


def _add_what_runs_say(args: argparse.Namespace, profile: Profile) -> None:
    """Add what rests on several runs, or on the parts of one."""
    from thermedge.errors import SourceError
    from thermedge.profiling import compare, sustained

    if len(profile.runs) > 1:
        first, second = profile.runs
        try:
            profile.ratios = [compare.ratio(second, first, warm_up=args.warm_up)]
        except SourceError as error:
            if not profile.was_stopped:
                raise
            profile.notes.append(error.problem)
    if args.minutes:
        run = profile.runs[0]
        profile.parts = sustained.parts(
            run.times.rows(),
            profile.moments,
            warm_up=run.kept_of(args.warm_up),
            began_s=run.times.began_s if run.times.forgotten else None,
        )
        if not profile.parts:
            profile.notes.append(
                "Beginning and end are not told apart: there are too few frames after the "
                "warm-up, or the clock stepped backwards."
            )


def _add_more(
    args: argparse.Namespace, profile: Profile, ready: list[Opened], show: Callable[[str], None]
) -> None:
    """Add what is measured after the runs."""
    from thermedge.profiling import layers, roofline

    if not args.no_layers:
        show("timing layers")
        for one in ready:
            found = layers.measure(
                one.bundle, backend=one.backend, precision=one.precision, threads=args.threads
            )
            if found:
                profile.layers[one.name] = found
        profile.on_gpu = {one.name for one in ready if one.backend in layers.ON_GPU}
        if set(profile.layers) - profile.on_gpu:
            profile.machine = roofline.measure()
    if args.accuracy is not None:
        _add_accuracy(args, profile, ready, show)


def _add_accuracy(
    args: argparse.Namespace, profile: Profile, ready: list[Opened], show: Callable[[str], None]
) -> None:
    from thermedge.profiling import realtime

    data = realtime.read(Path(args.accuracy)) if args.accuracy else None
    profile.accuracy_on = args.accuracy or "generated scenes, which are no real recordings"
    for one, seen in zip(ready, profile.runs, strict=True):
        latencies = seen.update_ms(args.warm_up)
        profile.accuracy[one.name] = realtime.measure(one.tracker, latencies, data=data, watch=show)


def _notes(args: argparse.Namespace, runs: list[Run], source: dict[str, str]) -> list[str]:
    notes = []
    passes = runs[0].passes
    frames = sum(runs[0].states.values())  # of all passes; the oldest may not be kept
    if runs[0].was_stopped:
        notes.append(
            f"Ctrl-C ended the run after {frames} frames; layers and accuracy were left out."
        )
    elif args.minutes:  # a source that ends is opened again
        if frames == args.max_frames:
            notes.append(
                f"--max-frames ended the run before its {args.minutes:g} minutes were over."
            )
    elif args.max_frames is not None and frames < args.max_frames * passes:
        each = "" if passes == 1 else f" in each of {passes} rounds"
        told = f"{frames // passes} of {args.max_frames} frames{each}"
        notes.append(f"The source ended early: {told}.")
    if passes > 1:
        notes.append(f"The source was gone over {passes} times.")
    if forgotten := runs[0].times.forgotten:
        notes.append(
            f"So many frames are not kept: times rest on the newest {frames - forgotten:,} of "
            f"{frames:,}."
        )
    if source["camera in the loop"] == "no":
        notes.append("No camera was in the loop: capture is in no figure.")
    return notes


def print_profile(profile: Profile) -> None:
    """Print the tables on stdout."""
    from rich.console import Console

    from thermedge.evaluation.document import Bullets, Heading, Paragraph, Table
    from thermedge.profiling.report import blocks

    console = Console(highlight=False, markup=False, soft_wrap=True)
    for block in blocks(profile):
        match block:
            case Heading(text, level):
                console.print(f"\n{text}" if level < 3 else text, style="bold")
            case Paragraph(text):
                console.print(text)
            case Bullets(items):
                for item in items:
                    console.print(f"- {item}")
            case Table(_, rows, of_numbers=False):
                for name, text in rows:
                    console.print(f"  {name}: {text}")
            case Table(header, rows):
                console.print(_table(header, rows))


def _table(header: list[str], rows: list[list[str]]) -> RichTable:
    from rich.table import Table as RichTable

    table = RichTable()
    for number, name in enumerate(header):
        table.add_column(name, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _target(args: argparse.Namespace, source: FrameSource) -> Target:
    """Return what to follow in a source that was just opened."""
    from thermedge.commands.track_camera import box_of
    from thermedge.errors import TargetError
    from thermedge.runtime.start import AutoChooser

    if args.auto is not None:
        return AutoChooser(args.auto, timeout_s=args.auto_timeout)
    if args.init is not None:
        return box_of(args.init)
    if source.start_box is None:
        raise TargetError(
            "No target was given: --init is missing.",
            "Give its box in the first frame in px: --init X,Y,W,H; or --auto hottest",
        )
    return source.start_box


def _check_ends(args: argparse.Namespace, source: FrameSource) -> None:
    from thermedge.errors import SourceError

    is_endless = source.live and source.num_frames is None
    if is_endless and not args.minutes and args.max_frames is None:
        raise SourceError(
            f"{args.source} never ends.", "Say how long: --minutes 1 or --max-frames 2000"
        )


def _check_different(ready: list[Opened]) -> None:
    from thermedge.errors import ThermedgeError

    names = [one.name for one in ready]
    if len(set(names)) < len(names):
        raise ThermedgeError(
            f"--compare names the same thing twice: both are {names[0]!r}.",
            "Name two engines, two precisions, or two bundles.",
        )


def _check_numbers(args: argparse.Namespace) -> None:
    from thermedge.errors import ThermedgeError

    check_least(
        ("--threads", args.threads, 1),
        ("--max-frames", args.max_frames, 1),
        ("--rounds", args.rounds, 1),
        ("--warm-up", args.warm_up, 0),
    )
    check_auto_timeout(args)
    if not 0 <= args.minutes < 1e5:
        raise ThermedgeError(f"--minutes is {args.minutes:g}.", "Give a number from 0 up.")


def _check_together(args: argparse.Namespace) -> None:
    """Refuse flags that others would leave without effect."""
    from thermedge.errors import ThermedgeError
    from thermedge.runtime.backends import BACKENDS
    from thermedge.runtime.engines import PRECISIONS

    if not args.compare:
        if args.rounds is not None:
            raise ThermedgeError(
                "--rounds is of --compare, which was not given.",
                "Give --compare A B too, or --minutes M to go on for longer.",
            )
        return
    if args.minutes:
        raise ThermedgeError(
            "--compare and --minutes don't go together.", "Give --rounds N to compare for longer."
        )
    for flag, value, known in (
        ("--backend", args.backend, BACKENDS),
        ("--precision", args.precision, PRECISIONS),
    ):
        if value != "auto" and all(name in known for name in args.compare):
            both = " and ".join(args.compare)
            raise ThermedgeError(
                f"{flag} {value} has no effect beside --compare {both}.", f"Leave {flag} out."
            )
