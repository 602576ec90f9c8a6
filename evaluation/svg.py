"""Draw curves as SVG text, small enough to live inside a report."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Literal

from thermedge.evaluation.metrics import Floats

_WIDTH, _HEIGHT = 460, 330  # px of the whole drawing
_LEFT, _TOP, _PLOT_W, _PLOT_H = 52, 30, 390, 250  # px of the plot inside it
# Distinguishable for the colour-blind, and on white as on black (Okabe and Ito 2008).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")


def line_chart(
    title: str,
    x_label: str,
    x: Floats,
    curves: Mapping[str, Floats],
    *,
    legend: Literal["left", "right"],
) -> str:
    """Return an <svg> element with one line per curve, on axes from 0 to 1 upwards.

    Args:
        title: Above the plot.
        x_label: Below the plot; what is drawn upwards is a share, 0 to 1.
        x: (N,) increasing.
        curves: Legend text -> (N,) values in [0, 1], drawn in the order of COLOURS.
        legend: The lower corner that it stands in.
    """
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}" role="img" font-family="sans-serif" font-size="11" '
        'fill="currentColor">',
        f"<title>{escape(title)}</title>",
        _text(_LEFT + _PLOT_W / 2, 18, title, "middle", "bold"),
        *_axes(x_label, float(x[0]), float(x[-1])),
    ]
    for number, (name, values) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        parts.append(_line(x, values, colour))
        parts += _legend(name, colour, len(curves) - number, legend)
    return "".join([*parts, "</svg>"])


def _legend(name: str, colour: str, row: int, side: str) -> list[str]:
    """Return a dash and a name; row 1 is the lowest."""
    y = _TOP + _PLOT_H + 6 - 15 * row
    dash_x = _LEFT + 8 if side == "left" else _LEFT + _PLOT_W - 24
    text_x, anchor = (dash_x + 22, "start") if side == "left" else (dash_x - 6, "end")
    return [
        f'<path d="M{dash_x} {y - 4}h16" stroke="{colour}" stroke-width="3"/>',
        _text(text_x, y, name, anchor),
    ]


def _axes(x_label: str, first: float, last: float) -> list[str]:
    grid = []
    for step in range(6):
        share = step / 5
        x, y = _LEFT + share * _PLOT_W, _TOP + (1 - share) * _PLOT_H
        grid.append(
            f'<path d="M{x:g} {_TOP}V{_TOP + _PLOT_H}M{_LEFT} {y:g}H{_LEFT + _PLOT_W}" '
            'stroke="currentColor" stroke-opacity=".18" fill="none"/>'
        )
        grid.append(_text(x, _TOP + _PLOT_H + 15, f"{first + share * (last - first):g}", "middle"))
        grid.append(_text(_LEFT - 6, y + 4, f"{share:.1f}", "end"))
    return [*grid, _text(_LEFT + _PLOT_W / 2, _TOP + _PLOT_H + 36, x_label, "middle")]


def _line(x: Floats, values: Floats, colour: str) -> str:
    span = float(x[-1] - x[0])
    points = " ".join(
        f"{_LEFT + (at - x[0]) / span * _PLOT_W:.1f},{_TOP + (1 - value) * _PLOT_H:.1f}"
        for at, value in zip(x.tolist(), values.tolist(), strict=True)
    )
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _text(x: float, y: float, text: str, anchor: str, weight: str = "normal") -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-weight="{weight}">'
        f"{escape(text)}</text>"
    )
