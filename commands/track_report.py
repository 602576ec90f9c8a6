"""What track-camera tells a person: a live line, a journal, a closing table."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from thermedge.runtime.summary import Summary
    from thermedge.runtime.track import Track


def print_summary(console: Console, summary: Summary) -> None:
    """Print frames, FPS, states, events, faults, and ms per stage."""
    from rich.table import Table

    console.print(
        f"{summary.frames} frames, {summary.dropped} dropped, {summary.fps:.0f} FPS "
        f"with reading and writing; {counted(summary.states)}",
        highlight=False,
    )
    for name, counts in (("events", summary.events), ("faults", summary.faults)):
        if counts:
            text = f"{name}: {counted(counts)}"
            console.print(text, markup=False, highlight=False, soft_wrap=True)
    rows = summary.latency.percentiles(50, 95, 99)
    if not rows:
        return
    table = Table("stage", *(f"p{p}" for p in (50, 95, 99)), title="ms per frame")
    for row, values in rows.items():
        table.add_row(row, *(f"{value:.2f}" for value in values), end_section=row == "sinks")
    console.print(table)


def counted(counts: Mapping[str, int]) -> str:
    """Return names and counts as one text."""
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def live_line(
    console: Console, show: Callable[[str], None], num_frames: int | None
) -> Callable[[Track, Summary], None]:
    """Return a watcher that tells the newest track: ten times a second on a terminal.

    Elsewhere, in a service's journal say, it is a plain line every ten seconds.
    """
    every_s = 0.1 if console.is_terminal else 10.0
    shown = monotonic()

    def watch(track: Track, summary: Summary) -> None:
        nonlocal shown
        now = monotonic()
        if now - shown < every_s:
            return
        shown = now
        line = described(track, summary, num_frames)
        if console.is_terminal:
            show(line)
        else:
            console.print(line, highlight=False, soft_wrap=True)

    return watch


def described(track: Track, summary: Summary, num_frames: int | None) -> str:
    """Return one line about the newest track and the run so far."""
    total = f"/{num_frames}" if num_frames else ""
    line = f"frame {summary.frames}{total}  {track.state}"
    if track.state != "idle":
        x, y, w, h = track.box
        line += f"  score {track.score:.2f}  box {x:.0f},{y:.0f} {w:.0f}x{h:.0f}"
    line += f"  {summary.fps:.0f} FPS"
    if track.age_ms is not None:
        line += f"  age {track.age_ms:.0f} ms"
    faults = sum(summary.faults.values())
    return f"{line}  {faults} faults" if faults else line


@contextmanager
def journal(console: Console) -> Iterator[None]:
    """Show what the package logs, from "info" on, between the live lines."""
    handler = _Journal(console)
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    logger = logging.getLogger("thermedge")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


class _Journal(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
