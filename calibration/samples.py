"""A calibration set: what a tracker's two networks were fed on recordings."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from thermedge import __version__
from thermedge.bundle import TEMPLATE_GRAPH, TRACK_GRAPH, Bundle
from thermedge.calibration.clips import ClipRef
from thermedge.calibration.coverage import Coverage
from thermedge.calibration.rollout import Collector, Feed, Graph, Sample, SampleOrigin
from thermedge.errors import CalibrationError
from thermedge.files import replace_folder, strangers
from thermedge.manifest import GraphSpec, Manifest
from thermedge.records import RecordError, from_mapping, to_mapping

FORMAT = 1
HEADER, ARRAYS = "calibration.json", "samples.npz"
REPORT, PICTURE = "coverage.txt", "coverage.png"
_FILES = (HEADER, ARRAYS, REPORT, PICTURE)

_AGAIN = "Make it again: thermedge calibrate RECORDING... -o SET --bundle BUNDLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingUse:
    """What became of one recording's frames."""

    name: str
    labelled: bool
    frames: int
    left_out: dict[str, int]  # reason -> frames
    starts: int  # of the tracker


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Everything that a set says about its arrays."""

    format: int
    made_by: str
    bundle: str  # its name
    tracker: str
    size: str
    graphs: dict[str, str]  # file name -> sha256 of the graphs that were fed
    seed: int
    offered: dict[str, int]  # graph -> feeds that there were to choose from
    recordings: tuple[RecordingUse, ...]
    template: tuple[SampleOrigin, ...]
    track: tuple[SampleOrigin, ...]
    held_back: tuple[ClipRef, ...]
    sha256: str  # of the arrays


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationSet:
    """Feeds of the template and the track graph, with where each came from.

    Attributes:
        header: What `calibration.json` holds.
        arrays: "template.<input>" (N_t, ...), "track.<input>" (N, ...), float32 without the
            inputs' first dimension of 1, and "clip" (N,) int64: samples of one number were
            taken from one roll-out, in its order.
    """

    header: Header
    arrays: Mapping[str, NDArray[Any]]

    def feeds(self, graph: str) -> Iterator[Feed]:
        """Yield the named inputs of every sample, ready to run; clip by clip, in their order.

        Args:
            graph: "template" or "track".
        """
        origins = {"template": self.header.template, "track": self.header.track}[graph]
        prefix = f"{graph}."
        inputs = {
            name.removeprefix(prefix): array
            for name, array in self.arrays.items()
            if name.startswith(prefix)
        }
        for number in range(len(origins)):
            yield {name: array[number : number + 1] for name, array in inputs.items()}

    @property
    def sha256(self) -> str:
        """Of the arrays, hexadecimal: what a manifest says its ranges were taken from."""
        return self.header.sha256

    @property
    def origin(self) -> tuple[SampleOrigin, ...]:
        """Where each search window came from."""
        return self.header.track

    @property
    def held_back(self) -> tuple[ClipRef, ...]:
        """The labelled recordings that nothing was taken from, to measure accuracy on."""
        return self.header.held_back

    @property
    def num_frames(self) -> int:
        """Different frames that search windows were cut from."""
        return len({(one.recording, one.frame) for one in self.header.track})

    @property
    def num_windows(self) -> int:
        """Feeds of the track graph."""
        return len(self.header.track)

    @property
    def coverage(self) -> Coverage:
        """What the set shows, and what is missing."""
        header = self.header
        left_out: dict[str, int] = {}
        for use in header.recordings:
            for reason, count in use.left_out.items():
                left_out[reason] = left_out.get(reason, 0) + count
        return Coverage.of(
            header.track,
            num_templates=len(header.template),
            recordings=tuple((use.name, use.frames, use.starts) for use in header.recordings),
            left_out=left_out,
            num_labelled=sum(use.labelled for use in header.recordings),
            num_held_back=len(header.held_back),
        )

    def check(self, bundle: Bundle) -> None:
        """Raise unless the set was made for this bundle's networks.

        Raises:
            CalibrationError: It was made for another tracker, size, shape or weights.
        """
        manifest, header = bundle.manifest, self.header
        made_for, asked = (header.tracker, header.size), (manifest.tracker, manifest.size)
        if made_for != asked:
            raise CalibrationError(
                f"The calibration set was made for {' '.join(made_for)}, "
                f"the bundle holds {' '.join(asked)}.",
                _AGAIN,
            )
        self._check_shapes(manifest)
        for name, made_with in header.graphs.items():
            if manifest.files.get(name) != made_with:
                raise CalibrationError(
                    f"The calibration set was made with another {name} than the bundle's: "
                    "its features are those of other weights.",
                    _AGAIN,
                )

    def save(self, folder: Path) -> None:
        """Write the set, its coverage report and picture; an older set there is replaced.

        Raises:
            CalibrationError: `folder` holds something else, or can't be written.
        """
        folder = Path(os.path.realpath(folder))  # a link stays one
        check_target(folder)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
            try:
                draft.chmod(0o755)
                self._fill(draft)
                replace_folder(draft, folder)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        except OSError as error:
            raise CalibrationError(
                f"{folder} can't be written: {error.strerror}.",
                "Free space on its disk, or choose another folder with -o.",
            ) from error

    def _fill(self, draft: Path) -> None:
        from thermedge.calibration.chart import write_chart

        np.savez(draft / ARRAYS, **self.arrays)  # type: ignore[arg-type]
        text = json.dumps(to_mapping(self.header), indent=1) + "\n"
        (draft / HEADER).write_text(text, encoding="utf-8")
        coverage = self.coverage
        (draft / REPORT).write_text(coverage.text(), encoding="utf-8")
        windows = next(array for name, array in self.arrays.items() if name == "track.search")
        write_chart(draft / PICTURE, coverage, windows[:, 0])

    def _check_shapes(self, manifest: Manifest) -> None:
        graphs: tuple[tuple[Graph, GraphSpec], ...] = (
            ("template", manifest.template),
            ("track", manifest.track),
        )
        for graph, spec in graphs:
            came = {
                name: array.shape[1:]
                for name, array in self.arrays.items()
                if name.startswith(f"{graph}.")
            }
            wanted = {f"{graph}.{item.name}": item.shape[1:] for item in spec.inputs}
            if came != wanted:
                raise CalibrationError(
                    f"The calibration set feeds {came}, the {graph} graph takes {wanted}.",
                    _AGAIN,
                )


def build(
    collector: Collector, bundle: Bundle, *, seed: int, held_back: tuple[ClipRef, ...] = ()
) -> CalibrationSet:
    """Make a set of what the collector kept.

    Raises:
        CalibrationError: It kept nothing of one of the graphs.
    """
    kept: dict[Literal["template", "track"], list[Sample]] = {
        graph: collector.samples(graph) for graph in ("template", "track")
    }
    arrays: dict[str, NDArray[Any]] = {}
    for graph, samples in kept.items():
        if not samples:
            raise _empty(collector, graph)
        for name in samples[0].feed:
            arrays[f"{graph}.{name}"] = np.concatenate([one.feed[name] for one in samples])
    arrays["clip"] = np.array([one.origin.clip for one in kept["track"]], np.int64)
    manifest = bundle.manifest
    header = Header(
        format=FORMAT,
        made_by=f"thermedge {__version__}",
        bundle=manifest.name,
        tracker=manifest.tracker,
        size=manifest.size,
        graphs={name: manifest.files[name] for name in (TEMPLATE_GRAPH, TRACK_GRAPH)},
        seed=seed,
        offered={graph: collector.offered(graph) for graph in kept},
        recordings=tuple(
            RecordingUse(
                name=tally.name,
                labelled=tally.is_labelled,
                frames=tally.frames,
                left_out=dict(tally.left_out),
                starts=tally.starts,
            )
            for tally in collector.tallies
        ),
        template=tuple(one.origin for one in kept["template"]),
        track=tuple(one.origin for one in kept["track"]),
        held_back=held_back,
        sha256="",
    )
    return CalibrationSet(replace(header, sha256=_hash(arrays)), arrays)


def read(folder: Path) -> CalibrationSet:
    """Read a set and verify its arrays.

    Raises:
        CalibrationError: There is none, it is damaged, or of a newer format.
    """
    header = _header(folder / HEADER)
    try:
        with (folder / ARRAYS).open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, BadZipFile, EOFError) as error:
        raise CalibrationError(f"{folder / ARRAYS} can't be read: {error}.", _AGAIN) from error
    came = _hash(arrays)
    if came != header.sha256:
        raise CalibrationError(
            f"{folder / ARRAYS} has sha256 {came[:12]}..., {HEADER} says {header.sha256[:12]}...",
            "Copy the set again, with all its files, or make it again.",
        )
    _check_lengths(folder, header, arrays)
    return CalibrationSet(header, arrays)


def _header(path: Path) -> Header:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CalibrationError(
            f"{path.parent} is no calibration set: {HEADER} can't be read ({error.strerror}).",
            "Make one of recordings: thermedge calibrate RECORDING... -o SET",
        ) from error
    except ValueError as error:
        raise CalibrationError(f"{path} is damaged: {error}.", _AGAIN) from error
    came = values.get("format") if isinstance(values, dict) else None
    if isinstance(came, int) and came > FORMAT:
        raise CalibrationError(
            f"{path} has format {came}; this version of thermedge reads up to {FORMAT}.",
            "Upgrade thermedge, or make the set again with this version.",
        )
    try:
        return from_mapping(Header, values)
    except RecordError as error:
        raise CalibrationError(f"{path}: {error}.", _AGAIN) from error


def _check_lengths(folder: Path, header: Header, arrays: Mapping[str, NDArray[Any]]) -> None:
    lengths = {
        name: len(header.template) if name.startswith("template.") else len(header.track)
        for name in arrays
    }
    wrong = [name for name, array in arrays.items() if len(array) != lengths[name]]
    if wrong or not header.track or not header.template or "clip" not in arrays:
        raise CalibrationError(
            f"{folder} lists {len(header.template)} templates and {len(header.track)} windows; "
            f"{wrong[0] if wrong else 'its arrays'} disagree or are empty.",
            _AGAIN,
        )


def _hash(arrays: Mapping[str, NDArray[Any]]) -> str:
    state = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        state.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        state.update(array.data)
    return state.hexdigest()


def _empty(collector: Collector, graph: str) -> CalibrationError:
    told = "; ".join(
        f"{tally.name}: {tally.frames} frames, {tally.starts} starts, left out "
        + ", ".join(f"{count} {reason}" for reason, count in tally.left_out.items())
        for tally in collector.tallies
    )
    return CalibrationError(
        f"The recordings gave no {graph} window ({told or 'there are none'}).",
        "Give recordings that show a target, with --init, --auto or labels that say where.",
    )


def check_target(folder: Path) -> None:
    """Refuse to write a set where something else lies, which would be lost.

    Raises:
        CalibrationError: `folder` is a file, or holds something else than a set.
    """
    if not folder.exists():
        return
    others = strangers(folder, _FILES) if folder.is_dir() else [folder.name]
    if others:
        raise CalibrationError(
            f"{folder} exists and is no calibration set: there is {others[0]!r}.",
            "Choose another folder with -o.",
        )
