"""The half of thermedge bench that is no accuracy: time, start-up, memory, disk, capture."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from thermedge.evaluation.datasets.layout import DataSet
    from thermedge.evaluation.sequences import Sequence

_REFERENCE = "csrt"  # the best of OpenCV's on thermal recordings
_CLIPS = 4  # per data set
_MAX_FRAMES = 80  # of each


def run(args: argparse.Namespace, data: list[DataSet]) -> None:
    """Measure and print, with the conditions first."""
    from rich.console import Console

    from thermedge.bundles import find
    from thermedge.profiling import conditions
    from thermedge.profiling.board_watch import BoardWatch, told

    console = Console(highlight=False, soft_wrap=True)
    folders = [find(name) for name in args.bundle or ["default"]]
    known = conditions.of_machine()
    with BoardWatch() as watch:
        _print_times(console, folders, args.peer, [clip for one in data for clip in _some(one)])
        for folder in folders:
            _print_footprints(console, folder)
            _print_own_cost(console, folder)
        _print_capture(console)
    known |= conditions.of_board(told(watch.moments))
    console.print("; ".join(f"{name} {text}" for name, text in known.items()), markup=False)


def _some(data: DataSet) -> list[Sequence]:
    """Return a few clips from all over the data set."""
    step = max(len(data.sequences) // _CLIPS, 1)
    return list(data.sequences[::step][:_CLIPS])


def _print_times(
    console: Console, folders: list[Path], peers: list[str] | None, clips: list[Sequence]
) -> None:
    from rich.table import Table

    from thermedge.errors import SourceError
    from thermedge.profiling import bench
    from thermedge.profiling.report import shown

    trackers = bench.opened(folders, peers or bench.known_peers())
    reference = _REFERENCE if _REFERENCE in trackers else list(trackers)[-1]
    try:
        rows = bench.timed(trackers, clips, max_frames=_MAX_FRAMES, reference=reference)
    except SourceError as error:
        console.print(f"no times: {error.problem}", markup=False)
        return
    finally:
        for tracker in trackers.values():
            tracker.close()
    table = Table("tracker", "p50", "p99", "max", f"time / {reference}", "95 % interval", "frames")
    table.title = f"ms per update, in turns on the same frames of {len(clips)} clips, one thread"
    for row in rows:
        ratio, interval = "1", "-"
        if row.against is not None:
            ratio = f"{row.against.ratio:.4f}"
            interval = f"{row.against.low:.4f} to {row.against.high:.4f}"
        times = [shown(value) for value in (row.update.p50, row.update.p99, row.update.max)]
        table.add_row(row.name, *times, ratio, interval, str(row.update.count))
    console.print(table)


def _print_footprints(console: Console, folder: Path) -> None:
    from rich.table import Table

    from thermedge.profiling import bench

    table = Table("tracker", "first box s", "of it CPU s", "peak RSS MiB", "on disk MiB")
    table.title = "in a process of its own, from its start"
    for backend in bench.cpu_backends():
        found = bench.footprint(folder, backend)
        table.add_row(
            found.name,
            f"{found.start.first_box_s:.2f}",
            f"{found.start.first_box_cpu_s:.2f}",
            f"{found.start.peak_rss_mib:.0f}",
            f"{found.disk_bytes / 2**20:.1f}",
        )
    console.print(table)


def _print_own_cost(console: Console, folder: Path) -> None:
    from thermedge.profiling import own_cost
    from thermedge.profiling.subjects import Subject

    opened = Subject(folder).open()
    with opened.tracker:
        cost = own_cost.measure(opened)
    console.print(
        f"profiling costs {cost.share:.2%} of the loop: {cost.noting_us:.1f} us beside an update "
        f"of {cost.update_us:.0f} us, and {cost.looking_us:.0f} us a second for the board's sensors"
    )


def _print_capture(console: Console) -> None:
    from thermedge.errors import MissingDependencyError
    from thermedge.runtime.sources.capture import cost

    try:
        spent_us = cost.measure()
    except MissingDependencyError as error:
        console.print(f"no cost of capture: {error.problem}", markup=False)
        return
    console.print(f"capture of a 640x512 frame of 16 bit: {spent_us:.0f} us of CPU, no system call")
