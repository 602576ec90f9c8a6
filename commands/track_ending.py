"""How a run ends: SIGTERM ends it cleanly, and no signal disturbs the closing of its files."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Closable(Protocol):
    """Anything with files to complete."""

    def close(self) -> None:
        """Complete them."""
        ...


@contextmanager
def ending_on_sigterm() -> Iterator[None]:
    """Let SIGTERM, with which systemd stops a service, end the run cleanly with status 0."""

    def end(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the end is under way
        raise SystemExit(0)

    if not _is_main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def signals_waiting() -> Iterator[None]:
    """Let SIGINT and SIGTERM wait for the end of the body, where files are closed.

    Then they do what they would have done before. When the body fails they do not: its
    error ends the run, and is what should be told.
    """
    if not _is_main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in before:
            signal.signal(number, lambda number, frame: came.append(number))
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for late in came:
        signal.raise_signal(late)


@contextmanager
def closing_undisturbed(thing: Closable) -> Iterator[None]:
    """Close `thing` in the end; SIGINT and SIGTERM wait for that."""
    try:
        yield
    finally:
        with signals_waiting():
            thing.close()


def _is_main_thread() -> bool:
    """Return whether this thread may say what signals do."""
    return threading.current_thread() is threading.main_thread()
