"""What each tracker costs, before and after fusion; measured here, kept in `figures.toml`."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from thermedge.evaluation.environment import machine
from thermedge.files import replacing
from thermedge.records import from_mapping, to_mapping
from thermedge.toml import loads

if TYPE_CHECKING:
    from thermedge.models.net import TrackerNet
    from thermedge.runtime.backends.base import Backend

FILE = Path(__file__).parent / "figures.toml"
_RUNS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The costs of one tracker in one size."""

    tracker: str
    size: str
    needs: str  # "thermal", or "thermal+visible": the latter may be missing
    trained: int  # parameters with all branches apart
    running: int  # parameters after fusion
    track_mmacs: float  # million multiply-accumulates per frame
    template_mmacs: float  # per template
    nodes_before: int  # of the track graph, as trained
    nodes_after: int  # of the track graph, fused
    cached: tuple[str, ...]  # what the template graph computes once for all frames
    latency_ms: float  # median of the track graph, ONNX Runtime, one CPU thread


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """All figures, and where their times were taken."""

    machine: str
    date: str  # ISO 8601
    figures: tuple[Figures, ...]


def read() -> Table:
    """Return the figures that come with the package; needs no torch."""
    return from_mapping(Table, loads(FILE.read_text(encoding="utf-8")))


def measure(tracker: str, size: str) -> Figures:
    """Build, fuse and export an untrained network, and count and time it; needs torch."""
    from thermedge import models
    from thermedge.export import graph
    from thermedge.export.counts import count
    from thermedge.models.fuse import fused
    from thermedge.runtime.backends import open_backend

    net = models.build(tracker, size).eval()
    plain = fused(net)
    with tempfile.TemporaryDirectory() as folder:
        before = [Path(folder) / f"before_{part}.onnx" for part in ("template", "track")]
        after = [Path(folder) / f"after_{part}.onnx" for part in ("template", "track")]
        graph.to_onnx(net, *before)
        template_spec, track_spec = graph.to_onnx(plain, *after)
        template, track = (count(path) for path in after)
        backend = open_backend("ort", after[1], track_spec)
        latency_ms = _timed(backend)
        backend.close()
        return Figures(
            tracker=tracker,
            size=size,
            needs=needs(net),
            trained=_parameters(net),
            running=_parameters(plain),
            track_mmacs=round(track.macs / 1e6, 1),
            template_mmacs=round(template.macs / 1e6, 1),
            nodes_before=count(before[1]).nodes,
            nodes_after=track.nodes,
            cached=tuple(item.name for item in template_spec.outputs),
            latency_ms=round(latency_ms, 2),
        )


def needs(net: TrackerNet) -> str:
    """Return which cameras the network looks through."""
    has_visible = "search_visible" in net.track_inputs
    return "thermal+visible" if has_visible else "thermal"


def write(figures: list[Figures]) -> None:
    """Keep the figures, with this machine's name and today's date."""
    lines = [
        "# Written by `thermedge models --measure`.",
        f'machine = "{machine()}"',
        f'date = "{date.today().isoformat()}"',
    ]
    for one in figures:
        lines += ["", "[[figures]]"]
        lines += [f"{name} = {_shown(value)}" for name, value in to_mapping(one).items()]
    with replacing(FILE) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _shown(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_shown(item) for item in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _parameters(net: TrackerNet) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def _timed(backend: Backend) -> float:
    """Return the median of a few runs on noise, ms."""
    rng = np.random.default_rng(0)
    for buffer in backend.inputs.values():
        np.copyto(buffer, rng.random(buffer.shape, np.float32))
    times = []
    for _ in range(_RUNS):
        began = perf_counter()
        backend.run()
        times.append((perf_counter() - began) * 1e3)
    return float(np.median(times))
