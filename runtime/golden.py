"""Run a bundle's golden vectors again, on the machine that is to use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from thermedge.bundle import GOLDEN, TEMPLATE_GRAPH, TRACK_GRAPH, Bundle
from thermedge.errors import BackendError, BundleError
from thermedge.runtime.backends import open_backend

# Between CPUs fp32 sums differ in their last bits: 1e-5 was the most seen. Scores are in
# [0, 1], offsets in cells of 8 px: a thousandth of either moves no box.
TOLERANCE = 1e-3


def check(bundle: Bundle, *, backend: str = "auto") -> dict[str, float]:
    """Compare what the engine computes here with what the exporting machine computed.

    Returns:
        Output name -> largest absolute difference.

    Raises:
        BackendError: A difference is above TOLERANCE, or the engine does not load.
        BundleError: The golden file does not hold the graphs' inputs and outputs.
    """
    manifest = bundle.manifest
    try:
        with np.load(bundle.path(GOLDEN)) as file:
            golden: Mapping[str, NDArray[Any]] = dict(file)
    except (OSError, ValueError, BadZipFile) as error:
        raise BundleError(
            f"{bundle.path(GOLDEN)} can't be read: {error}.", "Export the bundle again."
        ) from error
    gaps: dict[str, float] = {}
    for name, spec in ((TEMPLATE_GRAPH, manifest.template), (TRACK_GRAPH, manifest.track)):
        engine = open_backend(backend, bundle.path(name), spec)
        for case in sorted({key.split(".")[0] for key in golden}):
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
        engine.close()
    _judge(gaps)
    return gaps


def _stored(
    golden: Mapping[str, NDArray[Any]], case: str, name: str, cached: Mapping[str, str]
) -> NDArray[Any]:
    """Return a golden tensor; a cached track input is stored as the template's output."""
    key = f"{case}.out.{cached[name]}" if name in cached else f"{case}.in.{name}"
    key = key if key in golden else f"{case}.out.{name}"
    if key not in golden:
        raise BundleError(f"The bundle's golden vectors lack {key!r}.", "Export the bundle again.")
    return golden[key]


def _judge(gaps: Mapping[str, float]) -> None:
    wrong = {name: gap for name, gap in gaps.items() if not gap <= TOLERANCE}
    if wrong:
        told = ", ".join(f"{name} by {gap:.1e}" for name, gap in wrong.items())
        raise BackendError(
            f"The engine here computes something else than was exported: {told}; "
            f"{TOLERANCE:.0e} is allowed.",
            "Try another --backend or another version of the engine, and tell us.",
        )
