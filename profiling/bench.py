"""The trackers of `thermedge bench` in figures that are no accuracy: time, start, memory, disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from thermedge import bundle
from thermedge.errors import MissingDependencyError
from thermedge.evaluation.peers import PEERS, open_peer
from thermedge.evaluation.run import Tracker
from thermedge.evaluation.sequences import Sequence as Clip
from thermedge.profiling import compare, runs, startup
from thermedge.profiling.compare import Ratio
from thermedge.profiling.latency import Spread
from thermedge.profiling.runs import Run
from thermedge.profiling.startup import Startup
from thermedge.profiling.subjects import Subject

# backend -> the package it needs; those that run on any CPU.
_CPU_BACKENDS = {"ort": "onnxruntime", "openvino": "openvino"}
_WARM_UP = 10
_STARTS = 3


@dataclass(frozen=True, slots=True)
class Timed:
    """One tracker on the same frames as the others."""

    name: str
    update: Spread  # ms, frames with the target in sight
    against: Ratio | None  # to the reference; None for itself


@dataclass(frozen=True, slots=True)
class Footprint:
    """What one tracker takes besides time."""

    name: str
    start: Startup  # the median one
    disk_bytes: int


def cpu_backends() -> list[str]:
    """Return the CPU engines that are installed here."""
    return [name for name, package in _CPU_BACKENDS.items() if find_spec(package) is not None]


def opened(folders: Iterable[Path], peers: Iterable[str]) -> dict[str, Tracker]:
    """Open each bundle in each CPU engine, and each peer, by the row's name.

    Raises:
        ThermedgeError: One does not run here.
    """
    subjects = [Subject(folder, backend) for folder in folders for backend in cpu_backends()]
    ours = {found.name: found.tracker for found in (subject.open() for subject in subjects)}
    return {**ours, **{peer: open_peer(peer) for peer in peers}}


def timed(
    trackers: dict[str, Tracker],
    clips: Iterable[Clip],
    *,
    max_frames: int = 100,
    reference: str | None = None,
    watch: Callable[[str], None] = lambda text: None,
) -> list[Timed]:
    """Time all trackers in turns on the same frames of the clips.

    Args:
        trackers: By name.
        clips: Each begins at its first truth; all times are put together.
        max_frames: Of each clip.
        reference: What ratios are told against; None tells none.
        watch: Called with the name of each clip.

    Raises:
        ThermedgeError: Of a clip or a tracker.
    """
    together: list[Run] = []
    for clip in clips:
        if clip.start is not None:
            watch(clip.name)
            together = _turns(trackers, clip, clip.start, max_frames, together)
    others = {run.name: run for run in together}
    return [_row(run, others.get(reference or "")) for run in together]


def known_peers() -> list[str]:
    """Return those of OpenCV's trackers that this build of OpenCV has."""
    known = []
    for name in PEERS:
        with suppress(MissingDependencyError):
            open_peer(name).close()
            known.append(name)
    return known


def _turns(
    trackers: dict[str, Tracker], clip: Clip, start: int, max_frames: int, together: list[Run]
) -> list[Run]:
    return runs.in_turns(
        trackers,
        lambda: clip.frames.open(start, None),
        lambda source: clip.box(start),
        max_frames=max_frames,
        runs=together,
    )


def footprint(folder: Path, backend: str) -> Footprint:
    """Measure what a bundle takes besides time, in processes of their own.

    Raises:
        BackendError: It does not run.
    """
    subject = Subject(folder, backend)
    starts = sorted(
        (startup.measure(subject) for _ in range(_STARTS)), key=lambda one: one.first_box_s
    )
    middle = starts[len(starts) // 2]
    found = bundle.read(folder)
    name = f"{found.manifest.name} {middle.backend} {middle.precision}"
    return Footprint(name, middle, startup.size_bytes(found))


def _row(run: Run, reference: Run | None) -> Timed:
    spread = run.figures(_WARM_UP).stages["in sight"]
    if reference is None or reference is run:
        return Timed(run.name, spread, None)
    return Timed(run.name, spread, compare.ratio(run, reference, warm_up=_WARM_UP))
