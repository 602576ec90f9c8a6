"""Run a bundle's golden vectors again, on the machine that is to use it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from thermedge.bundle import GOLDEN, Bundle
from thermedge.errors import BackendError, BundleError
from thermedge.runtime.backends.base import Backend

# Between CPUs fp32 sums differ in their last bits: 1e-5 was the most seen. Scores are in
# [0, 1], offsets in cells of 8 px: a thousandth of either moves no box.
TOLERANCE = 1e-3
# Of the largest stored value of an output: fp16 has 11 bits, and hundreds of terms are summed.
HALF_TOLERANCE = 2e-2


# An INT8 engine rounds otherwise than another one: levels flip, and differences to fp32 come
# out larger or smaller than the exporting machine's, not many times as large.
_FLIPS = 2.0


def check(bundle: Bundle, *, backend: str = "auto", precision: str = "auto") -> dict[str, float]:
    """Compare what the engine computes here with what the exporting machine computed in fp32.

    Args:
        bundle: Its golden vectors are run.
        backend: A name as for `open_engines`.
        precision: Likewise.

    Returns:
        Output name -> largest absolute difference.

    Raises:
        BackendError: A difference is above what its precision allows, or the engine does not
            load.
        BundleError: The golden file does not hold the graphs' inputs and outputs, or the
            bundle has no graphs of that precision.
    """
    from thermedge.runtime.engines import open_engines

    engines = open_engines(bundle, backend=backend, precision=precision)
    try:
        return compare(bundle, engines.template, engines.track, engines.precision)
    finally:
        engines.close()


def compare(bundle: Bundle, template: Backend, track: Backend, precision: str) -> dict[str, float]:
    """Do what `check` does, with engines that are open already; they stay open."""
    gaps = differences(bundle, template, track)
    _judge(gaps, _allowed(bundle, precision))
    return gaps


def differences(bundle: Bundle, template: Backend, track: Backend) -> dict[str, float]:
    """Return output name -> largest absolute difference to the stored fp32 outputs."""
    manifest = bundle.manifest
    golden = _golden(bundle)
    gaps: dict[str, float] = {}
    cases = sorted({key.split(".")[0] for key in golden})
    if not cases:
        raise BundleError("The bundle's golden vectors are none.", "Export the bundle again.")
    for engine, spec in ((template, manifest.template), (track, manifest.track)):
        for case in cases:
            for item in spec.inputs:
                np.copyto(
                    engine.inputs[item.name], _stored(golden, case, item.name, manifest.cached)
                )
            engine.run()
            for item in spec.outputs:
                stored = _stored(golden, case, item.name, {})
                gap = float(np.abs(engine.outputs[item.name] - stored).max())
                # np.maximum keeps a nan, which max would drop.
                gaps[item.name] = float(np.maximum(gaps.get(item.name, 0.0), gap))
    return gaps


def _golden(bundle: Bundle) -> Mapping[str, NDArray[Any]]:
    try:
        with np.load(bundle.path(GOLDEN)) as file:
            return dict(file)
    except (OSError, ValueError, BadZipFile) as error:
        raise BundleError(
            f"{bundle.path(GOLDEN)} can't be read: {error}.", "Export the bundle again."
        ) from error


def _allowed(bundle: Bundle, precision: str) -> Mapping[str, float]:
    """Return what each output may differ by."""
    int8 = bundle.manifest.int8
    if precision == "fp16":
        return _half_allowed(bundle)
    if precision != "int8" or int8 is None:
        return defaultdict(lambda: TOLERANCE)
    return {name: _FLIPS * gap + TOLERANCE for name, gap in int8.gaps.items()}


def _half_allowed(bundle: Bundle) -> dict[str, float]:
    peaks: dict[str, float] = {}
    for key, stored in _golden(bundle).items():
        _, side, name = key.split(".", 2)
        if side == "out":
            peaks[name] = max(peaks.get(name, 0.0), float(np.abs(stored).max()))
    return {name: HALF_TOLERANCE * max(peak, 1.0) for name, peak in peaks.items()}


def _stored(
    golden: Mapping[str, NDArray[Any]], case: str, name: str, cached: Mapping[str, str]
) -> NDArray[Any]:
    """Return a golden tensor; a cached track input is stored as the template's output."""
    key = f"{case}.out.{cached[name]}" if name in cached else f"{case}.in.{name}"
    key = key if key in golden else f"{case}.out.{name}"
    if key not in golden:
        raise BundleError(f"The bundle's golden vectors lack {key!r}.", "Export the bundle again.")
    return golden[key]


def _judge(gaps: Mapping[str, float], allowed: Mapping[str, float]) -> None:
    wrong = [name for name, gap in gaps.items() if not gap <= allowed[name]]
    if wrong:
        told = ", ".join(
            f"{name} by {gaps[name]:.1e} ({allowed[name]:.0e} is allowed)" for name in wrong
        )
        raise BackendError(
            f"The engine here computes something else than was exported: {told}.",
            "Try another --backend or another version of the engine, and tell us.",
        )
