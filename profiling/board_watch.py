"""Watch a board's sensors while something runs, and tell what they did."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from thermedge.runtime import board_state
from thermedge.runtime.board_state import BoardState

_KEPT = 7200  # moments: two hours at one per second; of longer runs fewer
# The rail through which everything flows, by board; of AGX boards their parts. A part that
# another one contains is left out. Source: INA3221 labels of Nano, TX2, Xavier, Orin, Thor.
_TOTALS = (
    ("POM_5V_IN",),
    ("VDD_IN",),
    ("VIN",),
    ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"),
    ("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"),
)


@dataclass(frozen=True, slots=True)
class Moment:
    """The sensors at one time."""

    at_s: float  # on the clock of time.perf_counter
    state: BoardState


@dataclass(frozen=True, slots=True)
class Range:
    """A sensor during a run."""

    first: float
    low: float
    median: float
    high: float
    last: float


@dataclass(frozen=True, slots=True)
class BoardRun:
    """What the sensors told during a run; what this machine does not have is absent."""

    samples: int
    power_mode: str | None
    are_clocks_locked: bool | None
    governors: dict[str, str]
    temperatures_c: dict[str, Range]
    clocks_mhz: dict[str, Range]
    rails_w: dict[str, Range]
    total_w: float | None  # mean over time of the rails in `total_of`
    total_of: tuple[str, ...]
    throttle_events: dict[str, int]  # that came during the run
    is_throttled: bool | None  # at any moment, or by an event; None: nothing tells here


class BoardWatch:
    """Reads the sensors once a second in a thread, from entering until leaving.

    Args:
        every_s: Seconds between two looks.
        read: Returns the sensors.
    """

    def __init__(
        self, *, every_s: float = 1.0, read: Callable[[], BoardState] = board_state.read
    ) -> None:
        self._every_s, self._read = every_s, read
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="board", daemon=True)
        self._moments: list[Moment] = []

    def __enter__(self) -> BoardWatch:
        self.look()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Look once more, for the last time. Calling it twice is allowed."""
        if not self._done.is_set():
            self._done.set()
            self._thread.join()
            self.look()

    @property
    def moments(self) -> list[Moment]:
        """Moments of the whole run, in their order; the older, the fewer."""
        return list(self._moments)

    def _run(self) -> None:
        while not self._done.wait(self._every_s):
            self.look()

    def look(self) -> Moment:
        """Read the sensors now."""
        moment = Moment(time.perf_counter(), self._read())
        if len(self._moments) >= _KEPT:
            self._moments = _thinned(self._moments)
        self._moments.append(moment)
        return moment


def _thinned(moments: list[Moment]) -> list[Moment]:
    """Return the first one, and of each two after it the throttled one, else the later."""
    first, *others = moments
    pairs = zip(others[::2], others[1::2])  # noqa: B905  an odd one has no partner
    kept = [max(pair[::-1], key=lambda one: bool(one.state.is_throttled)) for pair in pairs]
    return [first, *kept, *others[len(others) // 2 * 2 :]]


def told(moments: list[Moment]) -> BoardRun:
    """Return what the sensors did from the first to the last of `moments` (at least one)."""
    states = [moment.state for moment in moments]
    before, after = states[0], states[-1]
    events = {
        name: count - before.throttle_counts[name]
        for name, count in after.throttle_counts.items()
        if count > before.throttle_counts.get(name, count)
    }
    signs = [state.is_throttled for state in states if state.is_throttled is not None]
    can_tell = signs or after.throttle_counts
    total_of = total_rails(after.rails_w)
    return BoardRun(
        samples=len(states),
        power_mode=after.power_mode,
        are_clocks_locked=after.are_clocks_locked,
        governors=after.governors,
        temperatures_c=_ranges(state.temperatures_c for state in states),
        clocks_mhz=_ranges(state.clocks_mhz for state in states),
        rails_w=_ranges(state.rails_w for state in states),
        total_w=_mean_power(moments, total_of),
        total_of=total_of,
        throttle_events=events,
        is_throttled=any(signs) or bool(events) if can_tell else None,
    )


def total_rails(rails: Iterable[str]) -> tuple[str, ...]:
    """Return the rails whose sum is what the board takes; () where that can't be told."""
    known = set(rails)
    return next((names for names in _TOTALS if known.issuperset(names)), ())


def _ranges(readings: Iterable[dict[str, float]]) -> dict[str, Range]:
    series: dict[str, list[float]] = {}
    for reading in readings:
        for name, value in reading.items():
            series.setdefault(name, []).append(value)
    return {
        name: Range(values[0], min(values), statistics.median(values), max(values), values[-1])
        for name, values in series.items()
    }


def _mean_power(moments: list[Moment], rails: tuple[str, ...]) -> float | None:
    """Return the mean power over time; a clock that steps backwards adds nothing."""
    seen = [
        (moment.at_s, sum(moment.state.rails_w[rail] for rail in rails))
        for moment in moments
        if rails and all(rail in moment.state.rails_w for rail in rails)
    ]
    joules = seconds = 0.0
    for (began, first), (ended, second) in zip(seen, seen[1:]):  # noqa: B905  pairs
        step = max(ended - began, 0.0)
        joules += step * (first + second) / 2
        seconds += step
    return joules / seconds if seconds > 0 else None
