"""track-camera: follow one target of a camera, a recording, or a generated scene."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from thermedge.commands import guarded
from thermedge.commands.options import (
    add_target,
    add_tracker,
    check_auto_timeout,
    check_least,
)
from thermedge.commands.track_ending import (
    closing_undisturbed,
    ending_on_sigterm,
    signals_waiting,
)
from thermedge.commands.track_preview import (
    add_preview,
    check_preview,
    opened_preview,
    watchable,
)
from thermedge.commands.track_profile import add_profile, profiled, summary_of
from thermedge.commands.track_report import journal, live_line, print_summary

if TYPE_CHECKING:
    from rich.console import Console

    from thermedge.frame import Frame
    from thermedge.geometry import Box
    from thermedge.runtime.control import Control, Orders
    from thermedge.runtime.recording import Quota, RecordingSink
    from thermedge.runtime.sinks.base import Sink
    from thermedge.runtime.sources.base import FrameSource
    from thermedge.runtime.start import Chooser
    from thermedge.runtime.summary import Summary
    from thermedge.runtime.track import Track
    from thermedge.runtime.tracker import Tracker

_EPILOG = """\
sources:
  v4l2:/dev/video0        a thermal camera; also v4l2:auto (`thermedge cameras` lists them)
  clip.mp4, clip.avi      a recorded video, 8 bit
  FOLDER                  numbered 8- or 16-bit pictures, or what --record wrote
  pair:RIG.toml           a thermal and a visible camera, paired by time: thermal = "v4l2:...",
                          visible = "v4l2:...", max_gap_ms = 40, homography = [[...], ...]
  synthetic:              a generated thermal scene; needs no --init

outputs (--out, as often as wanted):
  t.jsonl, t.csv, t.txt   a file, complete when the run ends; .txt is x,y,w,h per line
  udp://HOST:PORT         one JSON datagram per frame, the same object as in .jsonl
  mavlink:udp://HOST:PORT CAMERA_TRACKING_IMAGE_STATUS for autopilots and ground stations
  mqtt://HOST/TOPIC       one JSON message per frame; TOPIC/status says online or offline
  A network that fails costs messages, never the track.

examples:
  track-camera synthetic: --preview       # open the address it prints; Ctrl-C ends it
  track-camera synthetic: --video scene.mp4
  track-camera clip.mp4 --init 120,80,24,16 --out tracks.jsonl --video seen.mp4
  track-camera v4l2:auto --auto hottest --out udp://192.168.1.20:5600
  track-camera v4l2:auto --control /run/user/1000/t.sock --record 'rec?max=8G' --metrics 9464
  echo '{"command":"init","x":120,"y":80,"w":24,"h":16}' | nc -NU /run/user/1000/t.sock
  track-camera rec --out again.jsonl      # the same frames, orders and boxes once more

exit status:
  0    the source ended, --max-frames was reached, or SIGTERM came: files are complete
  2    an error, told with its remedy; or no target was found
  130  Ctrl-C: files are complete too

under systemd: Type=notify says READY=1 with the first frame; with WatchdogSec= a run that
gets no fresh frame for so long is started anew.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("source", nargs="?", help="a camera, file, folder, or URI; see below")
    parser.add_argument(
        "--self-test",
        action="store_true",
        help="track nothing: prove that the bundle works on this machine, exit 0 or 1",
    )
    add_target(parser)
    tracker = parser.add_argument_group("tracker")
    add_tracker(tracker)
    tracker.add_argument("--threads", type=int, default=1, help="CPU threads of one inference")
    tracker.add_argument(
        "--check-golden",
        action="store_true",
        help="first re-run the bundle's golden vectors on this machine",
    )
    results = parser.add_argument_group("results")
    results.add_argument(
        "--out", action="append", default=[], metavar="WHERE", help="write tracks; see below"
    )
    results.add_argument("--video", type=Path, help="write an annotated video: .mp4 or .avi")
    results.add_argument(
        "--record",
        metavar="FOLDER[?max=2G&rotate=60s]",
        help="keep the newest frames, every count of them, and what is needed to replay them; "
        "max bounds the folder, rotate is the length of a file",
    )
    results.add_argument(
        "--metrics",
        metavar="[ADDR:]PORT",
        help="serve figures for Prometheus; without ADDR to this machine alone",
    )
    add_preview(parser)
    add_profile(parser)
    frames = parser.add_argument_group("frames")
    frames.add_argument("--start-frame", type=int, default=0, metavar="N", help="begin at frame N")
    frames.add_argument("--max-frames", type=int, metavar="N", help="stop after N frames")


def run(args: argparse.Namespace) -> int:
    """Track, show a live line and a closing table on stderr, and return the exit status."""
    if args.self_test:
        from thermedge.commands import self_test

        return self_test.run(args)
    from rich.console import Console

    from thermedge.bundle import read
    from thermedge.bundles import find
    from thermedge.runtime.golden import check
    from thermedge.runtime.health import Notifier
    from thermedge.runtime.preview.pace import Pace
    from thermedge.runtime.recording import parse_record
    from thermedge.runtime.sources import open_source
    from thermedge.runtime.tracker import open_tracker

    _check_numbers(args)
    _check_outputs(args)
    record = parse_record(args.record) if args.record is not None else None
    check_preview(args)
    bundle = read(find(args.bundle))
    if args.check_golden:
        check(bundle, backend=args.backend, precision=args.precision)
    console, summary = Console(stderr=True), summary_of(args)
    watchers: list[Callable[[Track, Summary], None]] = []
    with ending_on_sigterm(), journal(console), ExitStack() as opened:
        tracker = opened.enter_context(
            open_tracker(
                bundle, backend=args.backend, precision=args.precision, threads=args.threads
            )
        )
        source = opened.enter_context(open_source(watchable(args), start_frame=args.start_frame))
        opened.enter_context(profiled(args, bundle, tracker, source, summary))
        control = _control(args, opened, watchers)
        target, orders = _target(args, source, control)
        also: list[Sink] = []
        if args.preview is not None and control is not None:
            preview = opened_preview(
                args, source, control, summary=summary, record=record, tracker=bundle.manifest.name
            )
            opened.enter_context(closing_undisturbed(preview))
            also, record = [preview.feed, preview.recorder], None
            orders = [*orders, *([] if source.live else [Pace(source.rate_hz)])]
            watchers.append(preview.frame)
            _say(console, f"preview: {preview.address}")
        if args.metrics is not None:
            watchers.append(_metrics(args.metrics, summary, opened))
        watchers.append(opened.enter_context(Notifier()).frame)
        track_and_report(
            source,
            tracker,
            target,
            console=console,
            out=args.out,
            video=args.video,
            record=record,
            source_name=args.source,
            orders=orders,
            max_frames=args.max_frames,
            also=also,
            watchers=watchers,
            summary=summary,
        )
    return 0


def track_and_report(
    source: FrameSource,
    tracker: Tracker,
    target: Box | Chooser | None,
    *,
    console: Console,
    out: str | Path | Sequence[str | Path] = (),
    video: Path | None = None,
    record: tuple[Path, Quota] | None = None,
    source_name: str = "",
    orders: Sequence[Orders] = (),
    max_frames: int | None = None,
    also: Sequence[Sink] = (),
    watchers: Sequence[Callable[[Track, Summary], None]] = (),
    summary: Summary | None = None,
) -> Summary:
    """Follow a target with a live line, and print the table of the run, also of a broken one."""
    from thermedge.runtime import loop
    from thermedge.runtime.summary import Summary

    result = Summary() if summary is None else summary
    names = [out] if isinstance(out, (str, Path)) else [*out]
    names += [] if video is None else [video]
    wrote: list[str | Path] = []
    with ExitStack() as files, console.status("starting") as status:
        line = live_line(console, status.update, source.num_frames)

        def sinks(frame: Frame) -> list[Sink]:
            opened = _opened(files, names, frame, source.rate_hz)
            if record is not None:
                recording = _recording(files, record, source_name, source)
                opened.append(recording)
                wrote.append(recording.folder)
            return [*also, *opened]

        def watch(track: Track, now: Summary) -> None:
            line(track, now)
            for watcher in watchers:
                watcher(track, now)

        try:
            loop.follow(
                source,
                tracker,
                target,
                sinks=sinks,
                orders=orders,
                max_frames=max_frames,
                watch=watch,
                summary=result,
            )
        finally:
            with signals_waiting():  # a second Ctrl-C would take a file that is not closed yet
                status.stop()
                files.close()  # before the table: what is still to be written may fail
                if result.frames > 1:
                    print_summary(console, result)
    for name in (*_files(names), *wrote):
        _say(console, f"wrote {name}")
    return result


def _say(console: Console, text: str) -> None:
    # Brackets are no markup: addresses and names of files have them too.
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _opened(
    files: ExitStack, names: Sequence[str | Path], frame: Frame, rate_hz: float
) -> list[Sink]:
    from thermedge.runtime.sinks import is_address, open_sink

    size = {"width_px": frame.width_px, "height_px": frame.height_px}
    # Networks first: they leave nothing behind when a later one can't be opened.
    ordered = sorted(names, key=lambda name: not is_address(str(name)))
    return [
        files.enter_context(closing(open_sink(name, **size, rate_hz=rate_hz))) for name in ordered
    ]


def _files(names: Sequence[str | Path]) -> list[str | Path]:
    from thermedge.runtime.sinks import is_address

    return [name for name in names if not is_address(str(name))]


def _recording(
    files: ExitStack, record: tuple[Path, Quota], name: str, source: FrameSource
) -> RecordingSink:
    from thermedge.runtime.recording import RecordingSink

    folder, quota = record
    sink = RecordingSink(
        folder, quota=quota, source=name, rate_hz=source.rate_hz, is_live=source.live
    )
    return files.enter_context(closing(sink))


def _control(
    args: argparse.Namespace,
    opened: ExitStack,
    watchers: list[Callable[[Track, Summary], None]],
) -> Control | None:
    if args.control is None and args.preview is None:
        return None
    from thermedge.runtime.control import Control
    from thermedge.runtime.control_socket import ControlSocket

    control = Control()
    if args.control is not None:
        opened.enter_context(ControlSocket(args.control, control))
    watchers.append(control.publish)
    return control


def _metrics(address: str, summary: Summary, opened: ExitStack) -> Callable[[Track, Summary], None]:
    from thermedge.runtime.metrics import MetricsServer

    return opened.enter_context(MetricsServer(address, summary)).frame


def _target(
    args: argparse.Namespace, source: FrameSource, control: Control | None
) -> tuple[Box | Chooser | None, list[Orders]]:
    """Return what to follow, and who may give orders."""
    from thermedge.errors import TargetError
    from thermedge.runtime.control import Orders

    orders: list[Orders] = [] if control is None else [control]
    if args.init is not None:
        return box_of(args.init), orders
    if args.auto is not None:
        from thermedge.runtime.start import AutoChooser

        return AutoChooser(args.auto, timeout_s=args.auto_timeout), orders
    if args.select:
        from thermedge.runtime.select_window import WindowChooser

        return WindowChooser(is_live=source.live), orders
    if isinstance(source, Orders):  # a recording brings those that it was made with
        return None, [source, *orders]
    if control is not None and (args.control is not None or source.start_box is None):
        return None, orders
    if source.start_box is None:
        raise TargetError(
            "No target was given: --init is missing.",
            "Give its box in the first frame in px: --init X,Y,W,H; or --auto hottest, "
            "--select, --preview, or --control PATH.",
        )
    return source.start_box, orders


def _check_numbers(args: argparse.Namespace) -> None:
    from thermedge.errors import SourceError

    if args.source is None:
        raise SourceError(
            "No source was given.",
            "Name a camera, recording or scene: v4l2:auto, clip.mp4, synthetic:; "
            "or ask for --self-test.",
        )
    check_least(
        ("--start-frame", args.start_frame, 0),
        ("--max-frames", args.max_frames, 1),
        ("--threads", args.threads, 1),
    )
    check_auto_timeout(args)


def _check_outputs(args: argparse.Namespace) -> None:
    """Refuse what is no output, and what would take the place of the recording that is read."""
    from thermedge.errors import SinkError
    from thermedge.runtime.sinks import check_target, check_video, is_address
    from thermedge.runtime.sources import path_of

    for name in args.out:
        check_target(name)
    if args.video is not None:
        check_video(args.video)
    source = path_of(args.source)
    if source is None or not os.path.exists(source):
        return
    _check_folder(args, source)
    names = [name for name in args.out if not is_address(name)]
    for name in [*names, *([] if args.video is None else [args.video])]:
        if os.path.exists(name) and os.path.samefile(name, source):
            raise SinkError(
                f"{name} is the recording that is read; it would be replaced.",
                "Name another file.",
            )


def _check_folder(args: argparse.Namespace, source: Path) -> None:
    """Refuse to record where the quota would let new frames take the room of those read."""
    from thermedge.errors import SinkError
    from thermedge.runtime.recording import parse_record
    from thermedge.runtime.recording_files import MARK
    from thermedge.runtime.sources import is_recording

    given = [parse_record(text)[0] for text in (args.record, args.preview_record) if text]
    for folder in given if is_recording(source) else []:
        # A run lies in the folder that --record was given.
        places = [source, *([source / ".."] if os.path.isfile(source / MARK) else [])]
        if os.path.isdir(folder) and any(os.path.samefile(folder, place) for place in places):
            raise SinkError(
                f"{folder} holds the recording that is read; its frames would make room for "
                "new ones.",
                "Record to another folder.",
            )


def box_of(text: str) -> Box:
    """Return the box that `--init` gives, px.

    Raises:
        TargetError: The text is not four numbers.
    """
    from thermedge.errors import TargetError
    from thermedge.geometry import Box

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
        description="Follow one target of a thermal camera, a recording, or a generated scene.",
        allow_abbrev=False,
    )
    add_arguments(parser)
    return guarded(lambda: run(parser.parse_args(sys.argv[1:])))
