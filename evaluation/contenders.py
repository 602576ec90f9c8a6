"""Who is evaluated: bundles, peers, and the result files of other toolkits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from thermedge import bundle
from thermedge.errors import ThermedgeError
from thermedge.evaluation.peers import open_peer
from thermedge.evaluation.run import Tracker
from thermedge.files import sha256_of
from thermedge.runtime import tracker
from thermedge.runtime.engines import open_engines

# OpenCV's CSRT is reported by the better of two ways to make its boxes whole, chosen per data
# set: on targets of a dozen px the choice decides, and neither is always better.
_VARIANTS = {"csrt": ("csrt-round", "csrt-trunc")}


@dataclass(frozen=True, slots=True)
class Contender:
    """One tracker that can be opened as often as needed, in any process."""

    name: str  # its row in tables
    run_name: str  # its folder of results; differs from `name` where a row is the best of several
    bundle: Path | None = None  # a folder; None: the peer `run_name`
    backend: str = "auto"
    threads: int = 1
    precision: str = "auto"
    runs_at: str = ""  # the precision that was opened, once it is `settled`

    def open(self) -> Tracker:
        """Load the tracker.

        Raises:
            ThermedgeError: It can't be loaded.
        """
        if self.bundle is None:
            return open_peer(self.run_name)
        return tracker.open_tracker(
            bundle.read(self.bundle),
            backend=self.backend,
            precision=self.precision,
            threads=self.threads,
        )

    def settled(self) -> Contender:
        """Open it once, and return it with the engine that "auto" comes to on this machine.

        Raises:
            ThermedgeError: It can't be loaded.
        """
        if self.bundle is None:
            self.open().close()
            return self
        found = bundle.read(self.bundle)
        engines = open_engines(
            found, backend=self.backend, precision=self.precision, threads=self.threads
        )
        tracker.Tracker(found.manifest, engines.template, engines.track).close()
        # The precision stays as it was asked for: TensorRT's engines have names of their own.
        return replace(self, backend=engines.backend, runs_at=engines.precision)

    @property
    def identity(self) -> dict[str, str]:
        """What decides over its results, and is kept with them; ask once it is `settled`."""
        if self.bundle is None:
            return {"peer": self.run_name}
        manifest = bundle.read(self.bundle).manifest
        return {
            "bundle": manifest.name,
            "bundle_sha256": sha256_of(self.bundle / bundle.MANIFEST),
            "precision": self.runs_at or self.precision,
            "backend": self.backend,
            "threads": str(self.threads),
        }


def from_bundle(
    folder: Path, *, backend: str = "auto", precision: str = "auto", threads: int = 1
) -> Contender:
    """Return the bundle in `folder` as a contender, named as it names itself.

    Raises:
        BundleError: It is damaged, or none.
    """
    name = bundle.read(folder).manifest.name
    return Contender(name, name, folder, backend, threads, precision)


def from_peer(name: str) -> list[Contender]:
    """Return the runs that a peer's row is the best of; mostly one."""
    return [Contender(name, run) for run in _VARIANTS.get(name, (name,))]


def checked(contenders: list[Contender]) -> list[Contender]:
    """Open each contender once, so that what can't run is known before hours are spent.

    Returns:
        The same, each with the engine that it runs in: see `Contender.settled`.

    Raises:
        ThermedgeError: One can't be loaded, or two have one name.
    """
    runs = [contender.run_name for contender in contenders]
    double = sorted({run for run in runs if runs.count(run) > 1})
    if double:
        raise ThermedgeError(
            f"Two contenders are called {double[0]!r}.",
            "Name each once; a bundle is named by its manifest: export it with another --name.",
        )
    return [contender.settled() for contender in contenders]
