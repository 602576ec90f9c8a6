from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from thermedge.errors import BundleError
from thermedge.evaluation.scores import SequenceScore
from thermedge.export.layers import layers
from thermedge.export.sensitivity import rank, search

NAMES = ("a", "b", "c", "d", "e")


@pytest.fixture
def broken():
    """Five layers in a row; what goes into `c` has an outlier that leaves its range no steps."""
    rng = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array(rng.normal(0, 0.3, (8, 8)).astype(np.float32), f"{name}.weight")
        for name in NAMES
    ]
    nodes, before = [], "search"
    for name in NAMES:
        after = "score" if name == "e" else f"{name}.out"
        nodes.append(
            helper.make_node("MatMul", [before, f"{name}.weight"], [after], f"{name}.MatMul")
        )
        before = after
    graph = helper.make_graph(
        nodes,
        "broken",
        [helper.make_tensor_value_info("search", TensorProto.FLOAT, [1, 8])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [1, 8])],
        weights,
    )
    opset = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opset, ir_version=10)


def ranks_of(model):
    rng = np.random.default_rng(1)
    feeds = [{"search": rng.normal(0, 1, (1, 8)).astype(np.float32)} for _ in range(8)]
    scales = {"a.out": 3 / 127, "b.out": 3 / 127, "c.out": 3 / 127}
    scales["b.out"] = 300 / 127  # one outlier took the range of what goes into c
    chosen = [layer for layer in layers(model) if not layer.floating]
    return rank("track", model, chosen, scales, feeds)


def scores(value):
    return {f"clip{i}": SequenceScore(f"clip{i}", {"success_auc": value}, 1.0) for i in range(4)}


def test_the_layer_that_int8_breaks_is_found(broken):
    found = ranks_of(broken)
    assert [one.layer.module for one in found][0] == "c"
    assert found[0].error > 10 * found[1].error


def test_only_the_layer_that_breaks_stays_floating(broken):
    found = ranks_of(broken)
    asked = []

    def evaluate(kept):
        asked.append(kept)
        return scores(0.7 if "track:c.MatMul" in kept else 0.3)

    trials = search(found, scores(0.7), evaluate, 0.005)
    assert trials[-1].kept == ("track:c.MatMul",)
    assert trials[-1].lost.mean == 0
    assert trials[0].lost.mean == pytest.approx(0.4)
    assert len(asked) == 2


def test_nothing_is_kept_where_all_layers_are_within_the_budget(broken):
    trials = search(ranks_of(broken), scores(0.7), lambda kept: scores(0.698), 0.005)
    assert [trial.kept for trial in trials] == [()]


def test_a_budget_that_cannot_be_met_fails_and_names_the_costly_layers(broken):
    with pytest.raises(BundleError, match=r"0\.4000 success AUC.*track c \(\d+"):
        search(ranks_of(broken), scores(0.7), lambda kept: scores(0.3), 0.005)


@pytest.mark.parametrize("needed", range(8))
def test_every_number_of_layers_is_tried_but_all_of_them(broken, needed):
    (first, *_) = ranks_of(broken)
    eight = [replace(first, graph=f"track{number}") for number in range(8)]

    def evaluate(kept):
        return scores(0.7 if len(kept) >= needed else 0.3)

    trials = search(eight, scores(0.7), evaluate, 0.005)
    assert trials[-1].kept == tuple(one.name for one in eight[:needed])
    assert all(len(trial.kept) < len(eight) for trial in trials)
