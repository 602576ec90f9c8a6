"""thermedge build: turn a bundle's graphs into TensorRT engines for this board."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from thermedge.bundle import Bundle
    from thermedge.export.engine_plan import Job
    from thermedge.export.engine_session import Accepted, Session

_LOW_PRIORITY = 10  # nice: a tracker that runs meanwhile keeps its frames


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "bundle",
        nargs="?",
        default="default",
        metavar="BUNDLE",
        help="a shipped tracker's name, or a folder written by `thermedge export`",
    )
    parser.add_argument(
        "--precision",
        choices=("best", "fp16", "int8", "fp32"),
        default="best",
        help="best builds fp16 and int8, where the bundle has it, and keeps the faster one that "
        "tracks as the exported graphs do; default: best",
    )
    parser.add_argument(
        "--workspace-mib",
        type=int,
        metavar="MIB",
        help="scratch memory of the builder; default: a quarter of what is free, 1024 at most",
    )
    parser.add_argument(
        "--dla",
        type=int,
        metavar="CORE",
        help="run what it takes on this deep-learning accelerator, the rest on the GPU; "
        "FP16 only, and only where the board and its TensorRT have one",
    )
    parser.add_argument(
        "--force", action="store_true", help="build even if engines for this board are installed"
    )


def run(args: argparse.Namespace) -> int:
    """Build, try and install; print where the engines lie."""
    import os

    from rich.console import Console

    from thermedge import bundle
    from thermedge.bundles import find
    from thermedge.errors import BackendError
    from thermedge.export import engine_plan
    from thermedge.export.engine_adapters import adapter
    from thermedge.export.engine_session import Session
    from thermedge.runtime.backends import trt_library
    from thermedge.runtime.backends.device_memory import open_device

    if args.workspace_mib is not None and args.workspace_mib < 1:
        raise BackendError(
            f"--workspace-mib is {args.workspace_mib}, expected 1 or more.", "Leave it out."
        )
    console = Console(stderr=True)
    read = bundle.read(find(args.bundle))
    trt = trt_library.imported("building engines")
    jobs = engine_plan.jobs(read, adapter(trt), args.precision, dla_core=args.dla)
    session = Session(trt, open_device, workspace_mib=args.workspace_mib, dla_core=args.dla)
    here = session.here
    console.print(
        f"TensorRT {here.tensorrt}, {here.gpu} (compute capability {here.compute_capability}), "
        f"a driver for CUDA {here.driver}, {session.workspace_mib} MiB of workspace",
        highlight=False,
        soft_wrap=True,
    )
    if not args.force and session.is_current(read, jobs):
        console.print("Engines for this board are installed already; --force builds them again.")
        return 0
    if args.precision == "best" and len(jobs) == 1:
        console.print(
            f"The bundle has no other graphs for this TensorRT: {jobs[0].precision} only."
        )
    os.nice(_LOW_PRIORITY)
    for path in session.install(_best(console, session, read, jobs)):
        print(path)
    return 0


def _best(console: Console, session: Session, read: Bundle, jobs: tuple[Job, ...]) -> Accepted:
    """Return the fastest engines that pass; raise what refused the last ones if none do."""
    from thermedge.errors import BackendError
    from thermedge.export.engine_session import fastest

    passed: list[Accepted] = []
    for job in jobs:
        try:
            passed.append(_made(console, session, read, job))
        except BackendError as error:
            if job is jobs[-1] and not passed:
                raise
            console.print(
                f"{job.precision}: {error.problem}", highlight=False, markup=False, soft_wrap=True
            )
    return fastest(passed)


def _made(console: Console, session: Session, read: Bundle, job: Job) -> Accepted:
    from rich.progress import Progress

    with Progress(console=console, transient=True) as bar:
        tasks = {
            graph: bar.add_task(f"{job.precision} {graph}", total=None) for graph in job.sources
        }

        def tell(graph: str, done: float) -> bool:
            bar.update(tasks[graph], total=1.0, completed=done)
            return True

        made = session.make(read, job, tell)
    _tell(console, made)
    return made


def _tell(console: Console, made: Accepted) -> None:
    from thermedge.export import engine_layers

    verdict, precision = made.verdict, made.job.precision
    for graph, built in made.built.items():
        layers = made.layers[graph]
        counted = ", ".join(f"{count} in {kind}" for kind, count in layers.items())
        console.print(
            f"{precision} {graph}: {len(built.data) / 1e6:.1f} MB, built in {built.build_s:.0f} s; "
            f"layers: {counted or 'this TensorRT does not tell'}",
            highlight=False,
            soft_wrap=True,
        )
        if short := engine_layers.shortfall(precision, layers):
            console.print(f"note: {graph}: {short}", highlight=False, soft_wrap=True)
    console.print(
        f"{precision}: track graph {verdict.p50_ms:.2f} ms (p99 {verdict.p99_ms:.2f}); largest "
        f"difference to the exported outputs {max(verdict.gaps.values()):.1e}; its boxes and "
        f"ONNX Runtime's share {verdict.overlap:.1%} of their area",
        highlight=False,
        soft_wrap=True,
    )
