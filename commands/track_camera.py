"""track-camera: follow one target in a recording, pictures, or a generated scene."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from thermedge.commands import guarded
from thermedge.commands.options import add_tracker

if TYPE_CHECKING:
    from rich.console import Console

    from thermedge.frame import Frame
    from thermedge.geometry import Box
    from thermedge.runtime.loop import Summary
    from thermedge.runtime.sinks.base import Sink
    from thermedge.runtime.sources.base import FrameSource
    from thermedge.runtime.track import Track
    from thermedge.runtime.tracker import Tracker

_EPILOG = """\
sources:
  clip.mp4, clip.avi      a recorded video, 8 bit
  FOLDER                  numbered 8- or 16-bit pictures
  synthetic:              a generated thermal scene; needs no --init

examples:
  track-camera synthetic: --video scene.mp4
  track-camera clip.mp4 --init 120,80,24,16 --out tracks.jsonl --video seen.mp4
  track-camera frames/ --init 71,40,12,18 --out boxes.txt
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("source", help="a file, a folder, or a URI; see below")
    parser.add_argument("--init", metavar="X,Y,W,H", help="the target in the first frame, px")
    add_tracker(parser)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of one inference")
    parser.add_argument(
        "--out", type=Path, help="write tracks: .jsonl, .csv, or .txt (x,y,w,h per line)"
    )
    parser.add_argument("--video", type=Path, help="write an annotated video: .mp4 or .avi")
    parser.add_argument("--start-frame", type=int, default=0, metavar="N", help="begin at frame N")
    parser.add_argument("--max-frames", type=int, metavar="N", help="stop after N frames")
    parser.add_argument(
        "--check-golden",
        action="store_true",
        help="first re-run the bundle's golden vectors on this machine",
    )


def run(args: argparse.Namespace) -> int:
    """Track, show a live line and a closing table on stderr, and return the exit status."""
    from rich.console import Console

    from thermedge.bundle import read
    from thermedge.bundles import find
    from thermedge.runtime.golden import check
    from thermedge.runtime.sources import open_source
    from thermedge.runtime.tracker import open_tracker

    _check_numbers(args)
    bundle = read(find(args.bundle))
    if args.check_golden:
        check(bundle, backend=args.backend)
    console = Console(stderr=True)
    with (
        open_tracker(bundle, backend=args.backend, threads=args.threads) as tracker,
        open_source(args.source, start_frame=args.start_frame) as source,
    ):
        track_and_report(
            source,
            tracker,
            _start_box(args.init, source),
            console=console,
            out=args.out,
            video=args.video,
            max_frames=args.max_frames,
        )
    return 0


def track_and_report(
    source: FrameSource,
    tracker: Tracker,
    box: Box,
    *,
    console: Console,
    out: Path | None = None,
    video: Path | None = None,
    max_frames: int | None = None,
    also: Sequence[Sink] = (),
) -> Summary:
    """Follow `box` with a live line, and print the table of the run, also of a broken one."""
    from thermedge.runtime import loop

    summary = loop.Summary()
    with ExitStack() as files, console.status("starting") as status:

        def sinks(frame: Frame) -> list[Sink]:
            return [*also, *_opened(files, out, video, frame, source.rate_hz)]

        try:
            loop.follow(
                source,
                tracker,
                box,
                sinks=sinks,
                max_frames=max_frames,
                watch=_live_line(console, status.update, source.num_frames),
                summary=summary,
            )
        finally:
            status.stop()
            if summary.frames > 1:
                print_summary(console, summary)
    for path in (out, video):
        if path is not None:
            console.print(f"wrote {path}", highlight=False, soft_wrap=True)
    return summary


def print_summary(console: Console, summary: Summary) -> None:
    """Print frames, FPS, states, and ms per stage."""
    from rich.table import Table

    states = ", ".join(f"{name} {count}" for name, count in summary.states.items())
    console.print(
        f"{summary.frames} frames, {summary.dropped} dropped, {summary.fps:.0f} FPS "
        f"with reading and writing; {states}",
        highlight=False,
    )
    table = Table("stage", *(f"p{p}" for p in (50, 95, 99)), title="ms per frame")
    for row, values in summary.latency.percentiles(50, 95, 99).items():
        table.add_row(row, *(f"{value:.2f}" for value in values), end_section=row == "sinks")
    console.print(table)


def _opened(
    files: ExitStack, out: Path | None, video: Path | None, frame: Frame, rate_hz: float
) -> list[Sink]:
    from thermedge.runtime.sinks import open_sink, open_video

    opened: list[Sink] = []
    for path, opener in ((out, open_sink), (video, open_video)):
        if path is not None:
            sink = opener(path, width_px=frame.width_px, height_px=frame.height_px, rate_hz=rate_hz)
            opened.append(files.enter_context(closing(sink)))
    return opened


def _live_line(
    console: Console, show: Callable[[str], None], num_frames: int | None
) -> Callable[[Track, Summary], None]:
    """Return a watcher that tells the newest track: ten times a second on a terminal.

    Elsewhere, in a service's journal say, it is a plain line every ten seconds.
    """
    from time import monotonic

    every_s = 0.1 if console.is_terminal else 10.0
    shown = monotonic()

    def watch(track: Track, summary: Summary) -> None:
        nonlocal shown
        now = monotonic()
        if now - shown < every_s:
            return
        shown = now
        x, y, w, h = track.box
        total = f"/{num_frames}" if num_frames else ""
        line = (
            f"frame {summary.frames}{total}  {track.state}  score {track.score:.2f}  "
            f"box {x:.0f},{y:.0f} {w:.0f}x{h:.0f}  {summary.fps:.0f} FPS"
        )
        if console.is_terminal:
            show(line)
        else:
            console.print(line, highlight=False, soft_wrap=True)

    return watch


def _check_numbers(args: argparse.Namespace) -> None:
    from thermedge.errors import ThermedgeError

    for flag, value, least in (
        ("--start-frame", args.start_frame, 0),
        ("--max-frames", args.max_frames, 1),
        ("--threads", args.threads, 1),
    ):
        if value is not None and value < least:
            raise ThermedgeError(f"{flag} is {value}.", f"Give a whole number from {least} up.")


def _start_box(text: str | None, source: FrameSource) -> Box:
    from thermedge.errors import TargetError
    from thermedge.geometry import Box

    if text is None:
        if source.start_box is None:
            raise TargetError(
                "No target was given: --init is missing.",
                "Give its box in the first frame in px: --init X,Y,W,H",
            )
        return source.start_box
    try:
        x, y, w, h = (float(part) for part in text.split(","))
    except ValueError as error:
        raise TargetError(
            f"--init {text!r} is not four numbers with commas between them.",
            "Give the target's box in px, for example --init 120,80,24,16",
        ) from error
    return Box(x, y, w, h)


def main() -> int:
    """Run track-camera as its own program."""
    parser = argparse.ArgumentParser(
        prog="track-camera",
        description="Follow one target in a thermal recording, pictures, or a generated scene.",
    )
    add_arguments(parser)
    return guarded(lambda: run(parser.parse_args(sys.argv[1:])))
