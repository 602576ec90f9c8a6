"""What is timed: a bundle in an engine, in a precision."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from thermedge import bundle, bundles
from thermedge.errors import BundleError, ThermedgeError
from thermedge.runtime.backends import BACKENDS
from thermedge.runtime.engines import PRECISIONS, open_engines
from thermedge.runtime.tracker import Tracker


@dataclass(frozen=True, slots=True)
class Subject:
    """One tracker, as it is asked for."""

    folder: Path
    backend: str = "auto"
    precision: str = "auto"
    threads: int = 1

    def open(self) -> Opened:
        """Load it.

        Raises:
            ThermedgeError: The bundle is damaged, or the engine is missing or refuses it.
        """
        began = time.perf_counter()
        found = bundle.read(self.folder)
        engines = open_engines(
            found, backend=self.backend, precision=self.precision, threads=self.threads
        )
        tracker = Tracker(found.manifest, engines.template, engines.track)
        loading_ms = (time.perf_counter() - began) * 1e3
        return Opened(tracker, found, engines.backend, engines.precision, loading_ms)


@dataclass(frozen=True, slots=True)
class Opened:
    """One tracker, as it runs: "auto" has become a name."""

    tracker: Tracker
    bundle: bundle.Bundle
    backend: str
    precision: str
    loading_ms: float

    @property
    def name(self) -> str:
        """Bundle, engine and precision: nothing less tells what a time is of."""
        return f"{self.bundle.manifest.name} {self.backend} {self.precision}"


def other(text: str, than: Subject) -> Subject:
    """Return `than` with what `text` names in its place: an engine, a precision or a bundle.

    Raises:
        ThermedgeError: It names none of the three.
    """
    if text in BACKENDS:
        return replace(than, backend=text)
    if text in PRECISIONS and text != "auto":
        return replace(than, precision=text)
    try:
        return replace(than, folder=bundles.find(text))
    except BundleError as error:
        engines, precisions = ", ".join(BACKENDS), ", ".join(PRECISIONS[1:])
        raise ThermedgeError(
            f"{text!r} is no engine, no precision and no bundle.",
            f"Name an engine ({engines}), a precision ({precisions}), or a bundle by name or "
            "folder.",
        ) from error
