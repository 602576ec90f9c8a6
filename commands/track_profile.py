"""track-camera --profile: the times of a run, with its conditions, in a report."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thermedge.bundle import Bundle
    from thermedge.runtime.sources.base import FrameSource
    from thermedge.runtime.summary import Summary
    from thermedge.runtime.tracker import Tracker

_LOG = logging.getLogger(__name__)
_WARM_UP = 20  # updates


def add_profile(parser: argparse.ArgumentParser) -> None:
    """Declare --profile."""
    parser.add_argument(
        "--profile",
        type=Path,
        metavar="FILE",
        help="write a report of the run's times with their conditions: .html, .jsonl or .csv",
    )


def summary_of(args: argparse.Namespace) -> Summary:
    """Return what the run fills in; one that keeps every frame's times if they are wanted.

    Raises:
        SinkError: The report can't be written where it should be.
    """
    if args.profile is None:
        from thermedge.runtime.summary import Summary

        return Summary()
    from thermedge.profiling.latency import RecordedSummary
    from thermedge.profiling.outputs import check_writable

    check_writable(args.profile)
    return RecordedSummary()


@contextmanager
def profiled(
    args: argparse.Namespace,
    bundle: Bundle,
    tracker: Tracker,
    source: FrameSource,
    summary: Summary,
) -> Iterator[None]:
    """Watch the board until leaving, then write the report, also of a run that broke off."""
    if args.profile is None:
        yield
        return
    from thermedge.errors import SourceError
    from thermedge.profiling import conditions, outputs
    from thermedge.profiling.board_watch import BoardWatch, told
    from thermedge.profiling.latency import RecordedSummary
    from thermedge.profiling.report import Profile
    from thermedge.profiling.runs import Run

    assert isinstance(summary, RecordedSummary)
    machine = conditions.of_machine()
    where = conditions.of_source(source, args.source)
    ran = conditions.of_tracker(bundle, tracker, precision=args.precision, threads=args.threads)
    watch = BoardWatch()
    try:
        with watch:
            yield
    finally:
        board = told(watch.moments)
        run = Run(f"{bundle.manifest.name} {ran['engine']}", summary.times, states=summary.states)
        try:
            figures = run.figures(_WARM_UP)
        except SourceError as error:
            _LOG.warning("No profile: %s", error.problem)
        else:
            topics = {"This machine": machine, "What ran": ran, "Source": where}
            topics["Board during the run"] = conditions.of_board(board)
            profile = Profile(topics, board, watch.moments, [run], [figures], _WARM_UP)
            outputs.write(profile, args.profile)
            _LOG.info("wrote %s", args.profile)
