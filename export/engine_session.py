"""Build the engines of a bundle on this board, try them, and install those that pass."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from thermedge.bundle import Bundle
from thermedge.errors import BackendError
from thermedge.export import engine, engine_gate, engine_layers, engine_plan
from thermedge.export.engine import Built, Options
from thermedge.export.engine_gate import Verdict
from thermedge.export.engine_plan import Job
from thermedge.files import sha256_of
from thermedge.runtime import engine_cache, signed_files
from thermedge.runtime.backends.device_memory import Device
from thermedge.runtime.backends.trt import TrtBackend, platform
from thermedge.runtime.engine_cache import EngineFacts, Platform
from thermedge.runtime.signed_files import SignatureError

_LOG = logging.getLogger(__name__)

# Is told which graph is being built and how far it is, [0, 1]; says whether to go on.
Progress = Callable[[str, float], bool]


@dataclass(frozen=True, slots=True)
class Accepted:
    """Two engines that passed."""

    job: Job
    built: Mapping[str, Built]  # graph -> its engine
    layers: Mapping[str, dict[str, int]]  # graph -> type -> layers that compute in it
    verdict: Verdict


class Session:
    """Builds for the GPU of this machine.

    Args:
        trt: The module tensorrt.
        open_device: Opens the GPU; every engine that is tried has it for itself.
        workspace_mib: Scratch memory of the builder; None takes it from what is free.
        dla_core: An accelerator to use besides the GPU.
    """

    def __init__(
        self,
        trt: Any,
        open_device: Callable[[], Device],
        *,
        workspace_mib: int | None = None,
        dla_core: int | None = None,
    ) -> None:
        self._trt, self._open, self._dla_core = trt, open_device, dla_core
        device = open_device()
        try:
            self.here: Platform = platform(trt, device)
            free_mib, self.total_mib = device.memory_mib()
        finally:
            device.close()
        self.workspace_mib = workspace_mib or engine.workspace_mib(free_mib)

    def is_current(self, bundle: Bundle, jobs: tuple[Job, ...]) -> bool:
        """Return whether engines of one of these jobs are installed and fit."""
        try:
            found = [
                engine_cache.load(jobs[0].sources[graph], self.here).facts
                for graph in engine_plan.GRAPHS
            ]
        except BackendError:
            return False
        wanted = {job.precision for job in jobs}
        kinds = {(facts.precision, facts.dla_core) for facts in found}
        return len(kinds) == 1 and kinds <= {(kind, self._dla_core) for kind in wanted}

    def make(self, bundle: Bundle, job: Job, progress: Progress | None = None) -> Accepted:
        """Build and try the engines of one job; nothing is installed.

        Raises:
            BackendError: A graph does not build, or the engines do not pass.
        """
        built = {graph: self._build(job, graph, progress) for graph in engine_plan.GRAPHS}
        specs = engine_plan.specs(bundle)
        with ExitStack() as stack:
            opened = {}
            for graph, made in built.items():
                device = self._open()
                stack.callback(device.close)
                opened[graph] = TrtBackend(
                    self._trt,
                    device,
                    made.data,
                    specs[graph],
                    precision=job.precision,
                    dla_core=self._dla_core,
                )
                stack.callback(opened[graph].close)
            layers = {
                graph: engine_layers.layer_types(self._trt, backend.engine)
                for graph, backend in opened.items()
            }
            verdict = engine_gate.judge(bundle, job.precision, opened["template"], opened["track"])
        return Accepted(job, built, layers, verdict)

    def install(self, accepted: Accepted) -> tuple[Path, ...]:
        """Make these engines the ones that run; return where their notes lie.

        Raises:
            BackendError: The cache can't be written.
        """
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        return tuple(
            engine_cache.install(
                source,
                accepted.built[graph].data,
                EngineFacts(
                    platform=self.here,
                    source=source.name,
                    source_sha256=sha256_of(source),
                    precision=accepted.job.precision,
                    flags=accepted.built[graph].flags,
                    built=now,
                    build_s=accepted.built[graph].build_s,
                    dla_core=self._dla_core,
                    layers=accepted.layers[graph],
                    gaps=accepted.verdict.gaps,
                ),
            )
            for graph, source in accepted.job.sources.items()
        )

    def _build(self, job: Job, graph: str, progress: Progress | None) -> Built:
        options = Options(
            precision=job.precision,
            workspace_mib=self.workspace_mib,
            dla_core=self._dla_core,
            timing_cache=self._timings(),
        )
        tell = None if progress is None else lambda done: progress(graph, done)
        built = engine.build(self._trt, job.sources[graph], options, tell)
        if built.timing_cache:
            self._keep_timings(built.timing_cache)
        return built

    def _timings(self) -> bytes:
        """Return what earlier builds measured; nothing that was not written here."""
        try:
            return signed_files.read(engine_cache.folder(), self._timing_name)
        except (OSError, SignatureError):
            return b""  # the build takes longer, no more

    def _keep_timings(self, timings: bytes) -> None:
        try:
            facts = {"tensorrt": self.here.tensorrt}
            signed_files.write(engine_cache.folder(), self._timing_name, timings, facts)
        except OSError as error:
            _LOG.warning("the timing cache can't be kept: %s", error.strerror)

    @property
    def _timing_name(self) -> str:
        here = self.here
        return f"timings-{here.tensorrt}-{here.compute_capability}-{here.driver}"


def fastest(accepted: list[Accepted]) -> Accepted:
    """Return the engines whose track graph runs in the least time."""
    return min(accepted, key=lambda one: one.verdict.p50_ms)
