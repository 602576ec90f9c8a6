"""The ranges that activations take on recordings, and the INT8 scales made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from thermedge.optional import require

Method = Literal["minmax", "percentile", "entropy"]
METHODS: tuple[Method, ...] = ("minmax", "percentile", "entropy")

_BINS = 4096
_PERCENT = 99.99
_LEVELS = 127  # of each sign; symmetric, so -128 is not used
_TINY = 1e-8  # a tensor that is zero throughout still needs a scale


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often a tensor took which magnitude."""

    counts: NDArray[np.int64]  # (_BINS,) over [0, largest]
    largest: float


def observe(
    graph: Path, tensors: Iterable[str], feeds: Iterable[Mapping[str, NDArray[np.float32]]]
) -> dict[str, Histogram]:
    """Run the graph on every feed and count the magnitudes of `tensors`.

    A range that grows while it is watched widens the bins by doubling them, so one pass over
    the feeds is enough and their order changes nothing but the bins' width.

    Args:
        graph: The floating-point ONNX file.
        tensors: Names of tensors inside the graph, or of its inputs.
        feeds: Named inputs of single frames.
    """
    import onnx

    ort = require("onnxruntime", "observing the ranges of activations")
    model = onnx.load(graph)
    outputs = {item.name for item in model.graph.output}
    inputs = {item.name for item in model.graph.input}
    wanted = list(dict.fromkeys(tensors))
    inner = [name for name in wanted if name not in inputs]
    for name in inner:
        if name not in outputs:
            model.graph.output.append(onnx.ValueInfoProto(name=name))
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    seen: dict[str, _Counter] = {name: _Counter() for name in wanted}
    for feed in feeds:
        given = dict(feed)
        values = dict(zip(inner, session.run(inner, given), strict=True)) if inner else {}
        for name, counter in seen.items():
            counter.add(values[name] if name in values else given[name])
    return {name: counter.histogram for name, counter in seen.items()}


def scale(histogram: Histogram, method: Method) -> float:
    """Return the step of one INT8 level for a tensor."""
    if method == "minmax":
        limit = histogram.largest
    elif method == "percentile":
        limit = _percentile(histogram)
    else:
        limit = _entropy(histogram)
    return max(limit, _TINY) / _LEVELS


class _Counter:
    """A histogram of magnitudes whose range may still grow."""

    def __init__(self) -> None:
        self._counts = np.zeros(_BINS, np.int64)
        self._top = 0.0  # the upper edge of the last bin
        self._largest = 0.0

    def add(self, values: NDArray[np.float32]) -> None:
        magnitudes = np.abs(values, dtype=np.float32).ravel()
        largest = float(magnitudes.max(initial=0.0))
        if largest > self._top:
            self._widen(largest)
        self._largest = max(self._largest, largest)
        if self._top > 0:
            self._counts += np.histogram(magnitudes, _BINS, (0.0, self._top))[0]
        else:
            self._counts[0] += magnitudes.size  # zeros lie in the first bin, however wide

    def _widen(self, largest: float) -> None:
        if self._top == 0.0:
            self._top = max(largest, _TINY)
            return
        while self._top < largest:
            pairs = self._counts.reshape(-1, 2).sum(axis=1)
            self._counts = np.concatenate([pairs, np.zeros(_BINS // 2, np.int64)])
            self._top *= 2

    @property
    def histogram(self) -> Histogram:
        """Everything so far, over [0, largest]: empty bins above the largest are cut off."""
        if self._top == 0.0:
            return Histogram(self._counts, 0.0)
        used = min(int(self._largest / self._top * _BINS) + 1, _BINS)
        return Histogram(self._counts[:used], self._largest)


def _percentile(histogram: Histogram) -> float:
    counts = histogram.counts
    if counts.sum() == 0:
        return histogram.largest
    share = np.cumsum(counts) / counts.sum()
    edge = int(np.searchsorted(share, _PERCENT / 100)) + 1
    return histogram.largest * min(edge / len(counts), 1.0)


def _entropy(histogram: Histogram) -> float:
    """Return the limit whose 128 levels lose least of the distribution, by Kullback-Leibler.

    What lies above the limit is counted at the limit in both distributions' last bin.

    Source: S. Migacz, 8-bit Inference with TensorRT, GTC 2017.
    """
    counts = histogram.counts.astype(np.float64)
    if counts.sum() == 0:
        return histogram.largest
    counts = counts.copy()
    counts[0] = 0.0  # exact zeros cost nothing at any scale, and drown all else
    if counts.sum() == 0:
        return histogram.largest
    levels = _LEVELS + 1
    candidates = np.unique(np.linspace(min(levels, len(counts)), len(counts), 100).astype(int))
    losses = [_divergence(counts, int(edge), levels) for edge in candidates]
    best = int(candidates[int(np.argmin(losses))])
    return histogram.largest * best / len(counts)


def _divergence(counts: NDArray[np.float64], edge: int, levels: int) -> float:
    reference = counts[:edge].copy()
    reference[-1] += counts[edge:].sum()
    level = np.minimum(np.arange(edge) * levels // edge, levels - 1)
    sums = np.bincount(level, weights=counts[:edge], minlength=levels)
    used = np.bincount(level, weights=(counts[:edge] > 0).astype(np.float64), minlength=levels)
    mean = np.divide(sums, used, out=np.zeros_like(sums), where=used > 0)
    approximated = np.where(counts[:edge] > 0, mean[level], 0.0)
    p, q = reference / reference.sum(), approximated / max(approximated.sum(), 1e-12)
    both = (p > 0) & (q > 0)
    lost = float(p[(p > 0) & (q == 0)].sum())  # no level stands for these
    return float(np.sum(p[both] * np.log(p[both] / q[both]))) + lost * 10.0
