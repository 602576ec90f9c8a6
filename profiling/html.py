"""A profile as one page that needs nothing else."""

from __future__ import annotations

import numpy as np

from thermedge.evaluation.document import Block, Figures, Heading, to_html
from thermedge.profiling import plots
from thermedge.profiling.latency import COLUMNS, Floats, are_updates
from thermedge.profiling.report import Profile, blocks

_PARTS = ("scale", "crop", "infer", "decode", "update", "sinks")
_TOP_LAYERS = 12


def page(profile: Profile) -> str:
    """Return the HTML: the report's tables, with drawings under the first ones."""
    found = blocks(profile)
    place = next(
        (number for number, block in enumerate(found) if _is_after_tables(block)), len(found)
    )
    return to_html(
        [*found[:place], Heading("Drawings"), Figures(drawings(profile)), *found[place:]]
    )


def drawings(profile: Profile) -> list[str]:
    """Return the SVG drawings of what was measured."""
    rows_of = {run.name: run.times.rows() for run in profile.runs}
    updates = {name: rows[are_updates(rows)] for name, rows in rows_of.items()}
    tracker = {name: rows[:, COLUMNS.index("tracker")] for name, rows in updates.items()}
    over_time = {
        name: (_seconds(rows[:, COLUMNS.index("end_s")]), tracker[name])
        for name, rows in updates.items()
        if len(rows)
    }
    found = [
        plots.histogram("Time of an update", "ms; the last bar has all beyond", tracker),
        plots.series("Time of each update, warm-up included", "ms", over_time),
        _stages(profile),
    ]
    found += _sensors(profile)
    for name, layers in profile.layers.items():
        slowest = sorted(layers, key=lambda layer: -layer.ms)[:_TOP_LAYERS]
        rows = [(layer.name, [layer.ms]) for layer in slowest]
        found.append(plots.bars(f"Slowest layers of {name}", "ms", rows, []))
    return found


def _is_after_tables(block: Block) -> bool:
    """Whether the tables of the runs and their comparison are over with this block."""
    if not isinstance(block, Heading) or block.level != 2:
        return False
    return not block.text.endswith(("ms per frame", "in turns"))


def _seconds(times: Floats) -> Floats:
    """Return times since the first; by a clock that steps backwards that need not come first."""
    since: Floats = times - times.min()
    return since


def _stages(profile: Profile) -> str:
    rows = [
        (run.name, [seen.stages[name].mean if name in seen.stages else 0.0 for name in _PARTS])
        for run, seen in zip(profile.runs, profile.figures, strict=True)
    ]
    return plots.bars("Mean time per stage, without waiting", "ms", rows, list(_PARTS))


def _sensors(profile: Profile) -> list[str]:
    """Return temperatures, clocks and rails over time, as far as there are any."""
    moments = profile.moments
    found = []
    for attribute, title, unit in (
        ("temperatures_c", "Temperatures", "°C"),
        ("clocks_mhz", "Clocks", "MHz"),
        ("rails_w", "Rails", "W"),
    ):
        names = sorted({name for one in moments for name in getattr(one.state, attribute)})
        lines = {}
        for name in names:
            seen = [
                (one.at_s - moments[0].at_s, getattr(one.state, attribute)[name])
                for one in moments
                if name in getattr(one.state, attribute)
            ]
            at, values = np.array(seen).T
            lines[name] = (at, values)
        if lines and len(moments) > 2:
            found.append(plots.series(title, unit, lines, from_zero=attribute != "temperatures_c"))
    return found
