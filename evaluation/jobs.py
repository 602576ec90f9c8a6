"""Run contenders over sequences: in this process, or in several."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context

from thermedge.errors import ThermedgeError
from thermedge.evaluation.contenders import Contender
from thermedge.evaluation.plan import Plan
from thermedge.evaluation.realtime import run_in_real_time
from thermedge.evaluation.reset import run_with_resets
from thermedge.evaluation.results import Result
from thermedge.evaluation.run import Tracker, one_pass
from thermedge.evaluation.sequences import Sequence


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One sequence, for every contender that has no result of it yet, one after another."""

    sequence: Sequence
    contenders: tuple[Contender, ...]
    plan: Plan


@dataclass(frozen=True, slots=True, eq=False)
class Done:
    """A finished job."""

    job: Job
    results: dict[str, Result]  # by Contender.run_name


def follow(tracker: Tracker, sequence: Sequence, plan: Plan) -> Result:
    """Run a tracker over a sequence as the protocol says."""
    if plan.kind == "reset":
        return run_with_resets(tracker, sequence, plan)
    if plan.kind == "real_time":
        return run_in_real_time(tracker, sequence, plan)
    return one_pass(tracker, sequence, max_frames=plan.max_frames)


def run_job(job: Job) -> Done:
    """Run one job here; every contender is opened for it, and closed again."""
    results = {}
    for contender in job.contenders:
        with closing(contender.open()) as tracker:
            results[contender.run_name] = follow(tracker, job.sequence, job.plan)
    return Done(job, results)


def run_all(jobs: list[Job], *, workers: int = 1) -> Iterator[Done]:
    """Run the jobs and yield each as it is done.

    Args:
        jobs: In the order they should begin.
        workers: Processes; 1 runs everything in this one. Latencies are only comparable
            with machines left alone, so with 1.

    Raises:
        ThermedgeError: A worker process died, as by lack of memory.
    """
    if workers <= 1:
        yield from map(run_job, jobs)
        return
    # Spawned, not forked: inference engines keep threads, which a fork would lose.
    pool = ProcessPoolExecutor(min(workers, max(len(jobs), 1)), mp_context=get_context("spawn"))
    waiting = iter(jobs)
    # No more are handed over than run: a queued one would still be run after an interrupt.
    running = {pool.submit(run_job, job) for job in islice(waiting, workers)}
    try:
        while running:
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            running |= {pool.submit(run_job, job) for job in islice(waiting, len(finished))}
            for future in finished:
                yield future.result()
    except BrokenProcessPool as error:
        raise ThermedgeError(
            "A worker process died, mostly by lack of memory or inside the engine.",
            "Run again with --workers 1: what is finished is kept.",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def shard_of(text: str | None, environment: Mapping[str, str] = os.environ) -> tuple[int, int]:
    """Return this process's part and the number of parts, (0, 1) for all of it.

    Args:
        text: "i/n" with i from 1; None takes RANK and WORLD_SIZE as torchrun sets them.
        environment: Where those are looked up.

    Raises:
        ThermedgeError: The text is of another form.
    """
    if text is None:
        rank, size = environment.get("RANK", "0"), environment.get("WORLD_SIZE", "1")
        text = f"{int(rank) + 1}/{size}" if rank.isdigit() else f"{rank}/{size}"
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise ThermedgeError(
            f"The shard is {text!r}, expected i/n with i from 1 to n.", "Write --shard 1/4."
        )
    return int(match[1]) - 1, int(match[2])
