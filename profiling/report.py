"""A profile as a whole, and its tables for people."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator
from dataclasses import dataclass, field

from thermedge.evaluation.document import Block, Bullets, Heading, Paragraph, Table
from thermedge.profiling import roofline
from thermedge.profiling.board_watch import BoardRun, Moment
from thermedge.profiling.compare import Ratio
from thermedge.profiling.latency import Figures
from thermedge.profiling.layers import Layer
from thermedge.profiling.realtime import AtRate
from thermedge.profiling.runs import Run
from thermedge.profiling.sustained import Part

_MS = ("p50", "p90", "p95", "p99", "max")
_TOP_LAYERS = 15


@dataclass(slots=True)
class Profile:
    """Everything that one profile found."""

    conditions: dict[str, dict[str, str]]  # topic -> name -> text
    board: BoardRun
    moments: list[Moment]
    runs: list[Run]
    figures: list[Figures]  # of the runs
    warm_up: int  # updates that the figures leave out
    ratios: list[Ratio] = field(default_factory=list)
    layers: dict[str, list[Layer]] = field(default_factory=dict)  # by run
    machine: roofline.Machine | None = None  # bounds the layers of runs on the CPU
    on_gpu: set[str] = field(default_factory=set)  # runs, bound by their own best layers
    accuracy: dict[str, list[AtRate]] = field(default_factory=dict)  # by run
    accuracy_on: str = ""
    parts: list[Part] = field(default_factory=list)  # of a long run
    notes: list[str] = field(default_factory=list)

    @property
    def was_stopped(self) -> bool:
        """Whether Ctrl-C ended the runs."""
        return any(run.was_stopped for run in self.runs)

    @property
    def title(self) -> str:
        """What was run, and whether the figures are worth anything."""
        names = " and ".join(run.name for run in self.runs)
        return f"{names}{', THROTTLED' if self.board.is_throttled else ''}"


def blocks(profile: Profile) -> list[Block]:
    """Return the tables of a profile, as blocks of a document."""
    found: list[Block] = [Heading(f"Profile of {profile.title}", 1), Paragraph(_lead(profile))]
    found += [Bullets(profile.notes)] if profile.notes else []
    for run, seen in zip(profile.runs, profile.figures, strict=True):
        hidden = () if run.in_loop else ("wait", "sinks")
        table = stages(seen, hidden=hidden)
        found += [Heading(f"{run.name}: ms per frame"), table, Bullets(_facts(run, seen))]
    if profile.ratios:
        found += [Heading("Comparison on the same frames, in turns"), ratios(profile.ratios)]
    if profile.board.total_w is not None:
        found += [Heading("Energy"), energy(profile)]
    if profile.parts:
        found += [Heading("From the beginning to the end"), trend(profile.parts)]
    for name, rates in profile.accuracy.items():
        found += [Heading(f"{name}: accuracy at this pace"), accuracy(rates)]
        found.append(Paragraph(_PACE.format(on=profile.accuracy_on)))
    for name, layers in profile.layers.items():
        on_gpu = name in profile.on_gpu
        machine = roofline.of_layers(layers) if on_gpu else profile.machine
        found += [Heading(f"{name}: layers"), *_layers(layers, machine)]
    found.append(Heading("Conditions"))
    for topic, values in profile.conditions.items():
        rows = [[name, text] for name, text in values.items()]
        found += [Heading(topic, 3), Table(["condition", "value"], rows, of_numbers=False)]
    return found


_PACE = (
    "Simulated with the real-time protocol of `thermedge evaluate` on {on}: the tracker gets the "
    "frames that it would have been in time for, if it took the measured times in turns. At "
    "once: the same tracker if it took no time."
)


def stages(seen: Figures, *, hidden: Container[str] = ()) -> Table:
    """Return ms per stage: the parts of one update in their order, then sums."""
    rows = [
        [name, *(shown(getattr(found, column)) for column in _MS)]
        for name, found in seen.stages.items()
        if name not in hidden
    ]
    return Table(["stage", *_MS], rows)


def ratios(found: list[Ratio]) -> Table:
    """Return how long one tracker takes in units of another."""
    header = ["tracker", "against", "time ratio", "95 % interval", "frames"]
    rows = [
        [one.name, one.to, f"{one.ratio:.3f}", f"{one.low:.3f} to {one.high:.3f}", str(one.frames)]
        for one in found
    ]
    return Table(header, rows)


def energy(profile: Profile) -> Table:
    """Return joules per result; only a run alone can be told apart from others."""
    watts, rows = profile.board.total_w or math.nan, []
    for run, seen in zip(profile.runs, profile.figures, strict=True):
        if run.in_loop:
            rows.append([run.name, f"{watts:.2f}", f"{seen.fps:.1f}", f"{watts / seen.fps:.4f}"])
    of = " + ".join(profile.board.total_of)
    return Table(["tracker", f"mean W ({of})", "results per s", "J per result"], rows)


def trend(parts: list[Part]) -> Table:
    """Return what changed over a long run."""
    clocks = sorted({name for part in parts for name in part.slowest_mhz})
    header = ["from minute", "results per s", "p50 ms", "p99 ms", "hottest °C", "throttled"]
    said = {None: "-", True: "YES", False: "no"}
    rows = []
    for part in parts:
        tracker = part.figures.stages.get("tracker")
        times = ["-", "-"] if tracker is None else [shown(tracker.p50), shown(tracker.p99)]
        rows.append(
            [
                f"{part.minute:.1f}",
                shown(part.figures.fps),
                *times,
                shown(math.nan if part.hottest_c is None else part.hottest_c),
                said[part.is_throttled],
                *(shown(part.slowest_mhz.get(name, math.nan)) for name in clocks),
            ]
        )
    return Table([*header, *(f"lowest {name} MHz" for name in clocks)], rows)


def accuracy(rates: list[AtRate]) -> Table:
    """Return accuracy by the camera's frame rate."""
    header = ["camera", "success AUC", "95 % interval", "at once", "frames seen"]
    rows = [
        [
            f"{one.rate_hz:g} Hz",
            f"{one.success_auc.mean:.3f}",
            f"{one.success_auc.low:.3f} to {one.success_auc.high:.3f}",
            f"{one.at_once:.3f}",
            f"{one.frames_seen:.0%}",
        ]
        for one in rates
    ]
    return Table(header, rows)


def shown(value: float) -> str:
    """Return a number, or a dash where it can't be told."""
    return f"{value:.2f}" if math.isfinite(value) else "-"


def _lead(profile: Profile) -> str:
    if profile.board.is_throttled:
        return (
            "This machine was throttled during the run: the figures tell how it runs when it is "
            "too hot or takes too much power."
        )
    return "What a figure rests on stands under Conditions; it holds for these alone."


def _facts(run: Run, seen: Figures) -> list[str]:
    facts = [
        f"figures rest on {seen.frames} updates; in sight: those that found the target",
        _start(run, seen),
    ]
    if run.in_loop:
        facts.append(
            f"{shown(seen.fps)} results per s with reading (slowest second "
            f"{shown(seen.slowest_fps)}), jitter {shown(seen.jitter_ms)} ms, "
            f"{seen.dropped} frames dropped"
        )
    tracker = seen.stages["tracker"]
    facts.append(f"the tracker alone could give {1e3 / tracker.mean:.1f} results per s")
    if seen.clock_steps:
        facts.append(f"the clock stepped backwards {seen.clock_steps} times; left out")
    facts.append(", ".join(f"{name} {count}" for name, count in run.states.items()))
    return facts


def _start(run: Run, seen: Figures) -> str:
    told = [] if run.loading_ms is None else [f"loading {run.loading_ms:.0f} ms"]
    if seen.starts is not None:
        told.append(f"starting a track {seen.starts.p50:.1f} ms")
    if seen.warm_up is not None:
        told.append(
            f"the first {seen.warm_up.count} updates p50 {seen.warm_up.p50:.2f} ms, "
            f"max {seen.warm_up.max:.2f} ms"
        )
    return f"apart from the table: {', '.join(told) or 'nothing'}"


def _layers(layers: list[Layer], machine: roofline.Machine | None) -> Iterator[Block]:
    total = sum(layer.ms for layer in layers)
    facts = [f"{len(layers)} layers, {total:.2f} ms in all, {sum(x.macs for x in layers):,} MAC"]
    if machine is not None:
        peak = machine.raised(layers)
        told = roofline.shares(layers, peak)
        spoken = {"compute": "its arithmetic", "memory": "memory", "overhead": "neither"}
        shares = (f"{share:.0%} by {spoken.get(n, 'unknown')}" for n, share in told.items())
        facts.append(f"bound of the time: {', '.join(shares)}")
        rate = machine.copy_rate(1 << 26) / 1e9
        facts.append(
            f"{machine.of}: {peak.macs_per_s / 1e9:.1f} GMAC/s; beyond its caches {rate:.1f} GB/s"
        )
    yield Bullets(facts)
    header = ["layer", "kind", "ms", "share", "MMAC", "kB moved"]
    header += ["bound", "reached"] if machine else []
    rows = []
    for layer in sorted(layers, key=lambda one: -one.ms)[:_TOP_LAYERS]:
        row = [layer.name, layer.kind, f"{layer.ms:.3f}", f"{layer.ms / total:.1%}"]
        row += [f"{layer.macs / 1e6:.2f}", f"{layer.moved_bytes / 1e3:.0f}"]
        if machine is not None:
            found = roofline.hint(layer, machine.raised(layers))
            row += [found.bound or "-", f"{found.reached:.0%}" if found.bound else "-"]
        rows.append(row)
    yield Table(header, rows)
