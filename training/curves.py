"""Draw a run's log as SVG text: one small panel per figure, over minutes and samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermedge.evaluation.svg import COLOURS

Entry = Mapping[str, Any]  # of training.record
Floats = NDArray[np.float64]

_COLUMNS = 3
_PANEL_W, _PANEL_H = 300, 190  # px of a panel
_LEFT, _TOP, _RIGHT, _BOTTOM = 44, 26, 16, 40  # px around the plot in it
_PLOT_W, _PLOT_H = _PANEL_W - _LEFT - _RIGHT, _PANEL_H - _TOP - _BOTTOM
_HEAD = 30  # px of the title
_POINTS = 120  # of a line: more entries than that are averaged
_NOT_DRAWN = {"step", "samples", "minutes", "rate", "samples_per_s", "hit", "iou"}


@dataclass(frozen=True, slots=True)
class _Line:
    """One curve; with low and high of an interval, or without."""

    minutes: Floats
    values: Floats
    low: Floats | None = None
    high: Floats | None = None


@dataclass(frozen=True, slots=True)
class _Panel:
    title: str
    lines: Mapping[str, _Line]
    is_share: bool = False  # its axis goes from 0 to 1


def draw(name: str, log: Sequence[Entry]) -> str:
    """Return an <svg> element: validation, found and IoU, then the loss and its parts.

    Args:
        name: Of the recipe.
        log: As `record.entries` gives it; may be empty.
    """
    steps = [entry for entry in log if "success_auc" not in entry]
    tries = [entry for entry in log if "success_auc" in entry]
    panels = [*_validation(tries), *_figures(steps)]
    rows = max(math.ceil(len(panels) / _COLUMNS), 1)
    width, height = _COLUMNS * _PANEL_W, _HEAD + rows * _PANEL_H
    minutes = max((float(entry["minutes"]) for entry in log), default=0.0)
    samples = max((int(entry["samples"]) for entry in log), default=0)
    title = f"{name}: {samples:,} samples in {minutes:.1f} minutes of training"
    shapes = [_text(12, 20, title, "start", "bold")]
    clock = [(float(entry["minutes"]), float(entry["samples"])) for entry in log]
    for number, panel in enumerate(panels):
        x = number % _COLUMNS * _PANEL_W
        y = _HEAD + number // _COLUMNS * _PANEL_H
        shapes.append(f'<g transform="translate({x} {y})">{"".join(_drawn(panel, clock))}</g>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" font-family="sans-serif" font-size="11" fill="#222">'
        f'<title>{escape(title)}</title><rect width="{width}" height="{height}" fill="#fff"/>'
        f"{''.join(shapes)}</svg>\n"
    )


def _validation(tries: list[Entry]) -> list[_Panel]:
    if not tries:
        return []
    lines = {}
    for group in dict.fromkeys(group for entry in tries for group in entry["success_auc"]):
        scored = [entry for entry in tries if group in entry["success_auc"]]
        mean, low, high = np.array([entry["success_auc"][group] for entry in scored], float).T
        lines[group] = _Line(_column(scored, "minutes"), mean, low, high)
    return [_Panel("success AUC, 95 % interval over clips", lines, is_share=True)]


def _figures(steps: list[Entry]) -> list[_Panel]:
    if not steps:
        return []
    minutes = _column(steps, "minutes")

    def line(name: str) -> _Line:
        return _Line(*_averaged(minutes, _column(steps, name)))

    found = {"found": line("hit"), "IoU": line("iou")}
    parts = [name for name in steps[-1] if name not in _NOT_DRAWN]
    return [
        _Panel("training pairs", found, is_share=True),
        *(_Panel(f"loss: {name}", {name: line(name)}) for name in parts),
    ]


def _column(log: list[Entry], name: str) -> Floats:
    return np.array([entry.get(name, math.nan) for entry in log], float)


def _averaged(minutes: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Return at most _POINTS means of neighbours."""
    parts = np.array_split(np.arange(len(values)), min(len(values), _POINTS))
    at = np.array([minutes[part].mean() for part in parts])
    return at, np.array([values[part].mean() for part in parts])


def _drawn(panel: _Panel, clock: list[tuple[float, float]]) -> list[str]:
    end = max((at for at, _ in clock), default=0.0) or 1.0
    low, high = (0.0, 1.0) if panel.is_share else _range(panel)
    found = [_text(_LEFT, 16, panel.title, "start", "bold"), *_axes(end, (low, high), clock)]

    def points(at: Floats, values: Floats) -> str:
        x = _LEFT + at / end * _PLOT_W
        y = _TOP + (high - np.clip(values, low, high)) / (high - low) * _PLOT_H
        pairs = zip(x.tolist(), y.tolist(), strict=True)
        return " ".join(f"{a:.1f},{b:.1f}" for a, b in pairs if not math.isnan(b))

    for number, (name, line) in enumerate(panel.lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        if line.low is not None and line.high is not None:
            around = (
                f"{points(line.minutes, line.high)} {points(line.minutes[::-1], line.low[::-1])}"
            )
            found.append(f'<polygon points="{around}" fill="{colour}" fill-opacity=".15"/>')
        curve = points(line.minutes, line.values)
        found.append(
            f'<polyline points="{curve}" fill="none" stroke="{colour}" stroke-width="1.6"/>'
        )
        last = curve.rpartition(" ")[2].split(",")
        if last != [""]:
            found.append(f'<circle cx="{last[0]}" cy="{last[1]}" r="2.5" fill="{colour}"/>')
        if len(panel.lines) > 1 or panel.is_share:
            ends = f"{name} {line.values[-1]:.3f}"
            y = _TOP + _PLOT_H - 8 - 14 * (len(panel.lines) - 1 - number)
            found.append(_text(_PANEL_W - _RIGHT - 4, y, ends, "end", "bold", colour))
    if len(panel.lines) == 1 and not panel.is_share:
        (line,) = panel.lines.values()
        ends = f"{line.values[-1]:.3g}"
        found.append(_text(_PANEL_W - _RIGHT, 16, ends, "end", "bold", COLOURS[0]))
    return found


def _range(panel: _Panel) -> tuple[float, float]:
    """Return bounds around the lines; the first twentieth, where the loss falls, may leave them."""
    kept = [line.values[len(line.values) // 20 :] for line in panel.lines.values()]
    values = np.concatenate(kept)
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    room = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
    return low - room, high + room


def _axes(end: float, bounds: tuple[float, float], clock: list[tuple[float, float]]) -> list[str]:
    found = []
    at, seen = (np.array(column) for column in zip(*[(0.0, 0.0), *clock], strict=True))
    for minute in _ticks(0.0, end):
        x = _LEFT + minute / end * _PLOT_W
        samples = float(np.interp(minute, at, seen))
        found.append(_rule(f"M{x:.1f} {_TOP}v{_PLOT_H}"))
        found.append(_text(x, _TOP + _PLOT_H + 14, f"{minute:g} min", "middle"))
        found.append(_text(x, _TOP + _PLOT_H + 27, _short(samples), "middle", colour="#777"))
    low, high = bounds
    for value in _ticks(low, high):
        y = _TOP + (high - value) / (high - low) * _PLOT_H
        found.append(_rule(f"M{_LEFT} {y:.1f}h{_PLOT_W}"))
        found.append(_text(_LEFT - 5, y + 4, f"{value:g}", "end"))
    return found


def _ticks(low: float, high: float) -> list[float]:
    raw = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(n * power for n in (1, 2, 5, 10) if n * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first + 1
    return [round((first + number) * step, 10) for number in range(count)]


def _short(samples: float) -> str:
    """Return 950, 12.5k or 1.2M."""
    if samples >= 999_500:
        return f"{samples / 1e6:.3g}M"
    return f"{samples / 1e3:.3g}k" if samples >= 1000 else f"{samples:.0f}"


def _rule(path: str) -> str:
    return f'<path d="{path}" stroke="#222" stroke-opacity=".13" fill="none"/>'


def _text(
    x: float, y: float, text: str, anchor: str, weight: str = "normal", colour: str = ""
) -> str:
    fill = f' fill="{colour}"' if colour else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}"{fill}>'
        f"{escape(text)}</text>"
    )
