"""Draw times as SVG text: over time, as a histogram, as bars."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from thermedge.evaluation.svg import COLOURS
from thermedge.profiling.latency import Floats

_WIDTH, _HEIGHT = 560, 260  # px of a drawing
_LEFT, _TOP, _RIGHT, _BOTTOM = 56, 48, 14, 42  # px around the plot
_PLOT_W, _PLOT_H = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
_BINS = 60
_COLUMNS = 240  # of a line: more points than that are joined to their range
_BAR_PX = 18
_LEGEND_PX = 15  # a row of it
_LETTER_PX = 6.0


def histogram(title: str, x_label: str, samples: Mapping[str, Floats]) -> str:
    """Return how often each value occurs; the last bin has all that is beyond.

    Args:
        title: Above the drawing.
        x_label: Below it.
        samples: Name -> (N,) values from 0 up.
    """
    together = np.concatenate([np.empty(0), *samples.values()])
    high = _rounded(float(np.percentile(together, 99.5)) * 1.05) if len(together) else 1.0
    edges = np.linspace(0, high, _BINS + 1)
    shares = {
        name: np.histogram(np.minimum(values, high), edges)[0] / max(len(values), 1)
        for name, values in samples.items()
    }
    top = _rounded(max((float(counts.max()) for counts in shares.values()), default=1.0) * 100)
    shapes = []
    for number, counts in enumerate(shares.values()):
        colour, dashes = _look(number)
        x = np.repeat(edges, 2)[1:-1]
        path = _path(x, np.repeat(counts * 100, 2), (0, high), (0, top))
        base = _TOP + _PLOT_H
        shapes.append(
            f'<path d="{path}V{base}H{_LEFT}Z" fill="{colour}" fill-opacity=".25" '
            f'stroke="{colour}" stroke-width="1.2"{dashes}/>'
        )
    axes = _axes((0, high), (0, top), x_label, "% of frames")
    return _drawing(title, [*axes, *shapes], list(samples))


def series(
    title: str, y_label: str, lines: Mapping[str, tuple[Floats, Floats]], *, from_zero: bool = True
) -> str:
    """Return values over the seconds of a run.

    Where there are more values than columns, a column is drawn from its lowest to its
    highest: one slow frame among thousands stays visible.

    Args:
        title: Above the drawing.
        y_label: Of the values.
        lines: Name -> (seconds, values), each (N,).
        from_zero: Whether the axis of the values begins at 0.
    """
    ends = [float(at.max()) for at, _ in lines.values() if len(at)]
    values = np.concatenate([np.empty(0), *(found for _, found in lines.values())])
    seconds = max(ends, default=1.0) or 1.0
    low = 0.0 if from_zero or not len(values) else math.floor(float(values.min()))
    high = low + _rounded(max(float(values.max()) - low, 1e-3)) if len(values) else 1.0
    shapes = []
    for number, (at, found) in enumerate(lines.values()):
        colour, dashes = _look(number)
        path = _path(*_thinned(at, found), (0, seconds), (low, high))
        line = f'fill="none" stroke="{colour}" stroke-width="1.1"{dashes}'
        shapes.append(f'<path d="{path}" {line}/>')
    axes = _axes((0, seconds), (low, high), "seconds", y_label)
    return _drawing(title, [*axes, *shapes], list(lines))


def bars(
    title: str, unit: str, rows: Sequence[tuple[str, Sequence[float]]], names: list[str]
) -> str:
    """Return horizontal bars, each of parts that lie behind one another.

    Args:
        title: Above the drawing.
        unit: Of the parts.
        rows: Label and parts of each bar; at most as many parts as there are COLOURS.
        names: Of the parts, for the legend.
    """
    label_px = 12 + 6.2 * max((len(label) for label, _ in rows), default=0)
    left = min(max(label_px, 60), 230)
    width, height = _WIDTH, _TOP + _BAR_PX * len(rows) + 34
    high = _rounded(max((sum(parts) for _, parts in rows), default=1.0))
    scale = (width - left - 50) / high
    shapes = []
    for number, (label, parts) in enumerate(rows):
        x, y = left, _TOP + _BAR_PX * number
        shapes.append(_text(left - 6, y + 11, _cut(label), "end"))
        for colour, part in zip(COLOURS[: len(parts)], parts, strict=True):
            shapes.append(
                f'<rect x="{x:.1f}" y="{y}" width="{part * scale:.1f}" height="{_BAR_PX - 5}" '
                f'fill="{colour}"/>'
            )
            x += part * scale
        shapes.append(_text(x + 5, y + 11, f"{sum(parts):.3g}", "start"))
    shapes.append(_text(left, height - 10, unit, "start"))
    return _drawing(title, shapes, names, height=height)


def _drawing(title: str, shapes: list[str], names: list[str], *, height: int = _HEIGHT) -> str:
    """Return the whole drawing.

    Shapes are placed for a legend of one row: more rows move them down, none moves them up.
    """
    legend, rows = _legend(names)
    lower_px = _LEGEND_PX * (rows - 1)
    height += lower_px
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'height="{height}" role="img" font-family="sans-serif" font-size="11" '
        f'fill="currentColor"><title>{escape(title)}</title>'
        f"{_text(_LEFT, 16, title, 'start', 'bold')}{''.join(legend)}"
        f'<g transform="translate(0 {lower_px})">{"".join(shapes)}</g></svg>'
    )


def _axes(x: tuple[float, float], y: tuple[float, float], x_label: str, y_label: str) -> list[str]:
    found = []
    for value in _ticks(*x):
        at = _LEFT + (value - x[0]) / (x[1] - x[0]) * _PLOT_W
        found.append(_rule(f"M{at:.1f} {_TOP}v{_PLOT_H}"))
        found.append(_text(at, _TOP + _PLOT_H + 15, f"{value:g}", "middle"))
    for value in _ticks(*y):
        at = _TOP + _PLOT_H - (value - y[0]) / (y[1] - y[0]) * _PLOT_H
        found.append(_rule(f"M{_LEFT} {at:.1f}h{_PLOT_W}"))
        found.append(_text(_LEFT - 6, at + 4, f"{value:g}", "end"))
    found.append(_text(_LEFT + _PLOT_W / 2, _HEIGHT - 8, x_label, "middle"))
    found.append(
        f'<text transform="translate(13 {_TOP + _PLOT_H / 2}) rotate(-90)" text-anchor="middle">'
        f"{escape(y_label)}</text>"
    )
    return found


def _look(number: int) -> tuple[str, str]:
    """Return the colour and the dashes of one line among many: no two look alike.

    The first ones are drawn through; each time the colours are used up, the dashes get one
    more dot between them.
    """
    times, place = divmod(number, len(COLOURS))
    pattern = " ".join(["7 3", *["1.5 3"] * (times - 1)])
    return COLOURS[place], f' stroke-dasharray="{pattern}"' if times else ""


def _legend(names: list[str]) -> tuple[list[str], int]:
    """Return strokes and names, and the rows they take; one name alone needs none."""
    if len(names) < 2:
        return [], 0
    found, x, y = [], float(_LEFT), 34
    for number, name in enumerate(names):
        colour, dashes = _look(number)
        stroke_px = 14 if not dashes else 28  # long enough to show its dashes
        wide_px = stroke_px + 18 + _LETTER_PX * len(name)
        if x + wide_px > _WIDTH and x > _LEFT:
            x, y = float(_LEFT), y + _LEGEND_PX
        stroke = f'stroke="{colour}" stroke-width="{2 if dashes else 4}"{dashes}'
        found.append(f'<path d="M{x:.0f} {y}h{stroke_px}" {stroke}/>')
        found.append(_text(x + stroke_px + 5, y + 4, name, "start"))
        x += wide_px
    return found, (y - 34) // _LEGEND_PX + 1


def _path(x: Floats, y: Floats, x_range: tuple[float, float], y_range: tuple[float, float]) -> str:
    across = _LEFT + (x - x_range[0]) / (x_range[1] - x_range[0]) * _PLOT_W
    up = _TOP + _PLOT_H - (y - y_range[0]) / (y_range[1] - y_range[0]) * _PLOT_H
    points = (f"{a:.1f} {b:.1f}" for a, b in zip(across.tolist(), up.tolist(), strict=True))
    return f"M{'L'.join(points)}" if len(x) else ""


def _thinned(at: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Return at most two points per column: its lowest and its highest."""
    if len(at) <= 2 * _COLUMNS:
        return at, values
    parts = np.array_split(np.arange(len(at)), _COLUMNS)
    low = [int(part[0] + values[part].argmin()) for part in parts]
    high = [int(part[0] + values[part].argmax()) for part in parts]
    kept = np.unique([*low, *high])
    return at[kept], values[kept]


def _ticks(low: float, high: float) -> list[float]:
    step = _rounded((high - low) / 6)
    first = math.ceil(low / step)
    count = math.floor((high - low) / step + 1e-9)
    return [round((first + number) * step, 10) for number in range(count + 1)]


def _rounded(value: float) -> float:
    """Return the next number above that people count in: 1, 1.5, 2, 3, 4, 5, 6, 8 times ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(n * power for n in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if n * power >= value * 0.999999)


def _rule(path: str) -> str:
    return f'<path d="{path}" stroke="currentColor" stroke-opacity=".15" fill="none"/>'


def _cut(label: str) -> str:
    return label if len(label) <= 34 else f"{label[:16]}…{label[-17:]}"


def _text(x: float, y: float, text: str, anchor: str, weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">'
        f"{escape(text)}</text>"
    )
