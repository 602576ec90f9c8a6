"""thermedge demo: track a generated thermal scene with the shipped tracker."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from thermedge.commands.options import add_tracker

if TYPE_CHECKING:
    from thermedge.frame import Frame
    from thermedge.geometry import Box
    from thermedge.runtime.track import Track


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("demo_out"),
        metavar="FOLDER",
        help="where scene.mp4 and tracks.jsonl go; default: demo_out",
    )
    add_tracker(parser)


def run(args: argparse.Namespace) -> int:
    """Track the demo scene, write video and tracks, and print how well it went."""
    from rich.console import Console

    from thermedge.bundle import read
    from thermedge.bundles import find
    from thermedge.commands.track_camera import track_and_report
    from thermedge.errors import SinkError
    from thermedge.runtime.sources.synthetic import open_synthetic
    from thermedge.runtime.tracker import open_tracker

    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(
            f"{args.out} can't be made: {error.strerror}.", "Name another folder with --out."
        ) from error
    console = Console()
    with (
        open_tracker(
            read(find(args.bundle)), backend=args.backend, precision=args.precision
        ) as tracker,
        open_synthetic("synthetic:") as source,
    ):
        truths = Overlap(source.truths)
        track_and_report(
            source,
            tracker,
            source.start_box,
            console=console,
            out=args.out / "tracks.jsonl",
            video=args.out / "scene.mp4",
            also=[truths],
        )
    for line in truths.lines:
        console.print(line, highlight=False, soft_wrap=True)
    console.print(f"mean IoU with the scene's truth: {truths.mean():.3f}", highlight=False)
    return 0


class Overlap:
    """A sink that compares every track with the truth."""

    def __init__(self, truths: tuple[Box, ...]) -> None:
        self._truths = truths
        self._total, self._count = 0.0, 0
        self.lines: list[str] = []  # one per event: when, what, and how well the box lay then

    def write(self, frame: Frame, track: Track) -> None:
        """Note the IoU of one frame, hidden target and closed shutter included."""
        overlap = track.box.iou(self._truths[frame.index])
        self._total += overlap
        self._count += 1
        for event in track.events:
            when = f"{event.timestamp_ns * 1e-9:5.2f} s"
            self.lines.append(f"{when}  {event.kind:14}  {event.detail} IoU {overlap:.2f}")

    def close(self) -> None:
        """Nothing to close."""

    def mean(self) -> float:
        """Return the mean IoU over the frames seen, in [0, 1]."""
        return self._total / self._count
