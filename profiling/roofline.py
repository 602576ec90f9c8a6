"""What bounds a layer on this machine: its arithmetic, its memory, or neither."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from thermedge.errors import BackendError
from thermedge.profiling.layers import Layer

Bound = Literal["compute", "memory", "overhead", ""]

_SIZES_BYTES = tuple(1 << power for power in (16, 18, 20, 22, 24, 26))
_SIDE = 320  # of the matrices whose product is timed: done before anybody interrupts it
_REPEATS = 60
# Below a tenth of what the machine could do, a layer's time is neither's: calls, shapes
# that vector units do not like, data that is moved about.
_FAR = 0.1
_ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "BLIS")}


@dataclass(frozen=True, slots=True)
class Machine:
    """What a processor can do here."""

    macs_per_s: float  # of one CPU thread: float32, in a product of large matrices
    bytes_per_s: dict[int, float]  # of a copy, by the bytes it touches
    of: str = "this machine, one thread"

    def copy_rate(self, moved_bytes: int) -> float:
        """Return the rate of the smallest measured copy that is as large: caches differ."""
        sizes = sorted(self.bytes_per_s)
        fitting = next((size for size in sizes if size >= moved_bytes), sizes[-1])
        return self.bytes_per_s[fitting]

    def raised(self, layers: Iterable[Layer]) -> Machine:
        """Return it with the arithmetic that the fastest layer showed, if that is more.

        Engines use instructions that numpy's BLAS does not, INT8 most of all.
        """
        rates = [layer.macs / (layer.ms / 1e3) for layer in layers if layer.ms > 0]
        return replace(self, macs_per_s=max([self.macs_per_s, *rates]))


def of_layers(layers: Iterable[Layer]) -> Machine | None:
    """Return the best rates that any layer reached, where the processor is not to be measured.

    A bound from below: what a GPU could do beyond that, its own layers do not tell. None where
    no layer has both a time and traffic.
    """
    timed = [layer for layer in layers if layer.ms > 0 and layer.moved_bytes > 0]
    if not timed:
        return None
    macs = max(layer.macs / (layer.ms / 1e3) for layer in timed)
    rate = max(layer.moved_bytes / (layer.ms / 1e3) for layer in timed)
    return Machine(macs, {1: rate}, of="the best of this engine's own layers")


@dataclass(frozen=True, slots=True)
class Hint:
    """What bounds one layer."""

    bound: Bound  # "": it can't be told
    reached: float  # share of the bound; above 1 where the engine beats what was measured


def measure() -> Machine:
    """Measure this machine in a process of its own, on one thread, in about a second.

    Raises:
        BackendError: The process failed.
    """
    # The number of threads of a BLAS can only be set before numpy is loaded.
    command = [sys.executable, "-m", __name__]
    # From "/": Python would import a user's random.py in the present folder for its own.
    done = subprocess.run(
        command, cwd="/", env=os.environ | _ONE_THREAD, capture_output=True, text=True, check=False
    )
    try:
        macs, *rates = (float(word) for word in done.stdout.split())
    except ValueError:
        macs, rates = 0.0, []
    if done.returncode or len(rates) != len(_SIZES_BYTES):
        raise BackendError(
            f"The measurement of this machine failed: {done.stderr.strip()[-200:]!r}.",
            "Leave the layers out: --no-layers",
        )
    return Machine(macs, dict(zip(_SIZES_BYTES, rates, strict=True)))


def hint(layer: Layer, machine: Machine) -> Hint:
    """Return what bounds `layer`: the slower one of its arithmetic and its traffic."""
    if layer.ms <= 0 or not layer.moved_bytes:
        return Hint("", float("nan"))
    seconds: dict[Bound, float] = {
        "compute": layer.macs / machine.macs_per_s if machine.macs_per_s else 0.0,
        "memory": layer.moved_bytes / machine.copy_rate(layer.moved_bytes),
    }
    bound = max(seconds, key=lambda name: seconds[name])
    reached = seconds[bound] / (layer.ms / 1e3)
    return Hint(bound if reached >= _FAR else "overhead", reached)


def shares(layers: Sequence[Layer], machine: Machine) -> dict[Bound, float]:
    """Return the share of all layers' time that each bound has."""
    total = sum(layer.ms for layer in layers)
    found: dict[Bound, float] = {}
    for layer in layers:
        bound = hint(layer, machine).bound
        found[bound] = found.get(bound, 0.0) + layer.ms / total if total else 0.0
    return found


def _fastest(work: int) -> tuple[float, list[float]]:
    """Return MAC/s and bytes/s per size: the best of `work` tries each."""
    random = np.random.default_rng(0)
    one, other = (random.random((_SIDE, _SIDE), np.float32) for _ in range(2))
    out = np.empty_like(one)
    macs = _SIDE**3 / min(_seconds(lambda: np.matmul(one, other, out=out)) for _ in range(work))
    rates = []
    for size in _SIZES_BYTES:
        times = max(1, (1 << 20) // size)
        source = np.ones(size // 2, np.uint8)  # read once, written once
        copy = partial(_copy, np.zeros_like(source), source, times)
        rates.append(size * times / min(_seconds(copy) for _ in range(work)))
    return macs, rates


def _copy(target: NDArray[np.uint8], source: NDArray[np.uint8], times: int) -> None:
    for _ in range(times):
        np.copyto(target, source)


def _seconds(function: Callable[[], object]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


if __name__ == "__main__":
    found, copies = _fastest(_REPEATS)
    sys.stdout.write(" ".join(str(number) for number in (found, *copies)))
