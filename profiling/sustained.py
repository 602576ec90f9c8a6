"""How a long run changes from its beginning to its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thermedge.profiling.board_watch import Moment
from thermedge.profiling.latency import COLUMNS, Figures, Floats, are_warm, figures


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a run."""

    minute: float  # of the run, that it begins at
    figures: Figures
    hottest_c: float | None  # of any sensor
    slowest_mhz: dict[str, float]  # by clock
    is_throttled: bool | None


def parts(
    rows: Floats,
    moments: Sequence[Moment],
    *,
    warm_up: int,
    began_s: float | None = None,
    count: int = 10,
) -> list[Part]:
    """Return equal parts of the time after the warm-up, in their order.

    Args:
        rows: As `FrameTimes.rows` returns them.
        moments: Of the board during the run.
        warm_up: Number of updates.
        began_s: When the run did, which may be long before the oldest row that was kept; None:
            with the first row after the warm-up.
        count: Of parts.

    Returns:
        [] where there are fewer frames than parts, or where the clock stepped backwards:
        no frame has its place in time then.
    """
    rows = rows[are_warm(rows, warm_up)]
    ends = rows[:, COLUMNS.index("end_s")]
    if len(ends) < count or (np.diff(ends) < 0).any():
        return []
    began_s = float(ends.min()) if began_s is None else began_s
    edges = np.linspace(ends.min(), np.nextafter(ends.max(), np.inf), count + 1)
    found = []
    for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        inside = rows[(ends >= low) & (ends < high)]
        seen = [moment.state for moment in moments if low <= moment.at_s < high]
        heat = [celsius for state in seen for celsius in state.temperatures_c.values()]
        clocks = {name for state in seen for name in state.clocks_mhz}
        signs = [state.is_throttled for state in seen if state.is_throttled is not None]
        slowest = {
            name: min(state.clocks_mhz[name] for state in seen if name in state.clocks_mhz)
            for name in sorted(clocks)
        }
        found.append(
            Part(
                (low - began_s) / 60,
                figures(inside, warm_up=0),
                max(heat, default=None),
                slowest,
                any(signs) if signs else None,
            )
        )
    return found
