"""TensorRT engines built on this board: where they lie, and which of them may be loaded.

An engine fits one TensorRT, one GPU and one driver. Whether it does is read from its signed
note, before TensorRT sees a byte of it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from thermedge.errors import BackendError, BundleError
from thermedge.files import sha256_of
from thermedge.records import RecordError, from_mapping
from thermedge.runtime import signed_files
from thermedge.runtime.signed_files import SignatureError

_SYSTEM = Path("/var/cache/thermedge")  # what the service owns


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What an engine is bound to."""

    tensorrt: str  # "10.3.0"
    gpu: str  # as the driver calls it: "Orin"
    compute_capability: str  # "8.7"
    driver: str  # the newest CUDA that it knows: "12.6"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """What the note beside an engine tells of it."""

    platform: Platform
    source: str  # the graph's file name: "track.int8.onnx"
    source_sha256: str
    precision: str  # requested
    flags: tuple[str, ...]  # builder options that change the engine, sorted
    built: str  # ISO 8601, UTC
    build_s: float
    dla_core: int | None = None
    layers: dict[str, int] = field(default_factory=dict)  # type of the output -> layers
    gaps: dict[str, float] = field(default_factory=dict)  # measured when it was accepted


@dataclass(frozen=True, slots=True)
class StoredEngine:
    """An engine that this machine built for itself."""

    data: bytes
    facts: EngineFacts


def folder() -> Path:
    """Return where engines are kept.

    $THERMEDGE_CACHE if set, the service's cache where it exists, else ~/.cache/thermedge.
    """
    if chosen := os.environ.get("THERMEDGE_CACHE"):
        return Path(chosen) / "engines"
    base = _SYSTEM if _SYSTEM.is_dir() else Path.home() / ".cache" / "thermedge"
    return base / "engines"


def network_of(graph: Path) -> Path:
    """Return the fp32 file of the network that `graph` is one precision of.

    All precisions of a network share one place: what was installed last is what runs.
    """
    plain = graph.with_name(graph.name.partition(".")[0] + ".onnx")
    return plain if plain.is_file() else graph


def install(graph: Path, data: bytes, facts: EngineFacts) -> Path:
    """Make `data` the engine of the network `graph`; return where its note lies.

    Raises:
        BackendError: The cache can't be written.
    """
    place, name = folder(), _name(graph)
    try:
        signed_files.write(place, name, data, asdict(facts))
    except OSError as error:
        raise BackendError(
            f"The engine can't be kept in {place}: {error.strerror}.",
            "Make room there, run as the user that owns it, or choose another place: "
            "THERMEDGE_CACHE=FOLDER",
        ) from error
    return place / f"{name}.json"


def load(graph: Path, here: Platform) -> StoredEngine:
    """Return the engine that was built here for the network `graph`.

    Args:
        graph: Any precision of the network.
        here: What this machine has now.

    Raises:
        BackendError: None was built, it does not fit this machine, it is damaged, or it
            was not written here. The remedy is the command that builds it.
        BundleError: The graph can't be read.
    """
    place, name = folder(), _name(graph)
    try:
        facts = _facts(signed_files.facts(place, name))
        _check_platform(facts.platform, here, graph)
        _check_source(facts, graph)
        return StoredEngine(signed_files.read(place, name), facts)
    except FileNotFoundError as error:
        raise BackendError(
            f"No TensorRT engine was built on this board for {network_of(graph)}.",
            rebuild(graph),
        ) from error
    except OSError as error:
        raise BackendError(
            f"The engine of {network_of(graph)} in {place} can't be read: {error.strerror}.",
            f"Run as the user that built it, or build it again as this one: {build_command(graph)}",
        ) from error
    except SignatureError as error:
        raise BackendError(
            f"The engine of {network_of(graph)} in {place} {error}. It is not loaded.",
            rebuild(graph),
        ) from error


def build_command(graph: Path) -> str:
    """Return the command that builds the engines of the graph's bundle."""
    return f"thermedge build {graph.parent}"


def rebuild(graph: Path) -> str:
    """Return the advice to build the engines of the graph's bundle."""
    return f"Build it on this board, which takes minutes: {build_command(graph)}"


def _name(graph: Path) -> str:
    plain = network_of(graph)
    try:
        return f"{plain.stem}-{sha256_of(plain)[:16]}"
    except OSError as error:
        raise BundleError(
            f"The graph {graph} can't be read: {error.strerror}.",
            "Give a bundle with all its files.",
        ) from error


def _facts(values: Mapping[str, Any]) -> EngineFacts:
    try:
        return from_mapping(EngineFacts, dict(values))
    except RecordError as error:  # signed here, but by another version of thermedge
        raise SignatureError("was written by another version of thermedge") from error


def _check_platform(built: Platform, here: Platform, graph: Path) -> None:
    names = {
        "tensorrt": "TensorRT",
        "gpu": "the GPU",
        "compute_capability": "compute capability",
        "driver": "a driver for CUDA",
    }
    before, now = asdict(built), asdict(here)
    differing = [key for key in names if before[key] != now[key]]
    if differing:
        told = ", ".join(f"{names[key]} {before[key]}" for key in differing)
        has = ", ".join(f"{names[key]} {now[key]}" for key in differing)
        raise BackendError(
            f"The engine of {network_of(graph)} was built with {told}; this board has {has}.",
            rebuild(graph),
        )


def _check_source(facts: EngineFacts, graph: Path) -> None:
    source = graph.with_name(facts.source)
    if not source.is_file() or sha256_of(source) != facts.source_sha256:
        raise BackendError(
            f"The engine of {network_of(graph)} was built from another {facts.source} than the "
            "bundle has now.",
            rebuild(graph),
        )
