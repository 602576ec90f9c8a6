"""Which layers break INT8: found by the error each makes, decided by tracking accuracy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from thermedge.errors import BundleError
from thermedge.evaluation.scores import Interval
from thermedge.export import accuracy
from thermedge.export.accuracy import Scores
from thermedge.export.layers import Layer
from thermedge.export.quantize import insert_qdq
from thermedge.optional import require

Arrays = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Trial:
    """The accuracy with the most sensitive layers kept in floating point."""

    kept: tuple[str, ...]  # layers, by `Rank.layer`
    success_auc: float
    lost: Interval  # to fp32


@dataclass(frozen=True, slots=True)
class Rank:
    """How much of the outputs is error when one layer alone computes in INT8."""

    graph: str
    layer: Layer
    error: float  # largest over the outputs: RMS of the error over RMS of the output

    @property
    def name(self) -> str:
        """Graph and module, unique."""
        return f"{self.graph}:{self.layer.name}"


def rank(
    graph: str,
    model: onnx.ModelProto,
    layers: Iterable[Layer],
    scales: Mapping[str, float],
    feeds: Sequence[Arrays],
) -> list[Rank]:
    """Return the layers with what each does to the graph's outputs, the worst first.

    Args:
        graph: What the graph is called in reports.
        model: Floating point.
        layers: Those that may become INT8.
        scales: Activation -> size of a level.
        feeds: A few windows to measure on.
    """
    expected = _run(model, feeds)
    found = []
    for layer in layers:
        alone = insert_qdq(model, [layer], scales)
        found.append(Rank(graph, layer, _error(expected, _run(alone, feeds))))
    return sorted(found, key=lambda one: one.error, reverse=True)


def search(
    ranks: Sequence[Rank],
    before: Scores,
    evaluate: Callable[[tuple[str, ...]], Scores],
    budget: float,
) -> tuple[Trial, ...]:
    """Keep as few of the worst layers in floating point as the budget allows.

    Their number is doubled until the loss is within the budget, then halved back between
    the last two: a handful of evaluations, however many layers there are.

    Args:
        ranks: The worst first.
        before: Scores in fp32.
        evaluate: Names of layers to keep floating -> scores.
        budget: Mean success AUC that may be lost.

    Returns:
        All trials in their order. The last one is within the budget.

    Raises:
        BundleError: Not even a single INT8 layer is within the budget.
    """
    trials: list[Trial] = []

    def attempt(count: int) -> bool:
        kept = tuple(one.name for one in ranks[:count])
        after = evaluate(kept)
        trials.append(Trial(kept, accuracy.mean(after), accuracy.lost(before, after)))
        return trials[-1].lost.mean <= budget

    fails, passes, most = -1, 0, len(ranks) - 1  # one layer in INT8 at least
    while not attempt(passes):
        fails, passes = passes, min(max(1, passes * 2), most)
        if passes <= fails:
            raise BundleError(
                f"INT8 loses {trials[-1].lost.mean:.4f} success AUC with {fails} of "
                f"{len(ranks)} layers kept in floating point; {budget:.4f} is allowed. "
                f"What costs most: {_told(ranks[:5])}.",
                "Calibrate on more recordings of the kind the clips show, allow more with "
                "--budget, or stay with fp32.",
            )
    while passes - fails > 1:
        middle = (passes + fails) // 2
        if attempt(middle):
            passes = middle
        else:
            fails = middle
    best = next(trial for trial in reversed(trials) if len(trial.kept) == passes)
    return (*(trial for trial in trials if trial is not best), best)


def _told(ranks: Iterable[Rank]) -> str:
    return ", ".join(f"{one.graph} {one.layer.module} ({one.error:.1%})" for one in ranks)


def _run(model: onnx.ModelProto, feeds: Iterable[Arrays]) -> list[Arrays]:
    ort = require("onnxruntime", "measuring what INT8 does to a layer")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [item.name for item in session.get_outputs()]
    return [dict(zip(names, session.run(names, dict(feed)), strict=True)) for feed in feeds]


def _error(expected: Sequence[Arrays], came: Sequence[Arrays]) -> float:
    worst = 0.0
    for name in expected[0]:
        right = np.concatenate([one[name].ravel() for one in expected])
        wrong = np.concatenate([one[name].ravel() for one in came])
        size = float(np.sqrt(np.mean(right**2)))
        worst = max(worst, float(np.sqrt(np.mean((wrong - right) ** 2))) / max(size, 1e-12))
    return worst
