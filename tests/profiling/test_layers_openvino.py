from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from thermedge.profiling.layers_openvino import measure


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """A convolution, a grouped one, and a product with weights."""
    random = np.random.default_rng(0)

    def weights(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array(random.random(shape, np.float32) - 0.5, name)

    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], name="full", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], name="relu"),
        helper.make_node("Conv", ["b", "w2"], ["c"], name="grouped", group=8, pads=[1, 1, 1, 1]),
        helper.make_node("MatMul", ["c", "w3"], ["y"], name="product"),
    ]
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 16, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8, 16, 24])],
        [weights("w1", 8, 4, 3, 3), weights("w2", 8, 1, 3, 3), weights("w3", 16, 24)],
    )
    path = tmp_path / "g.onnx"
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(made, opset_imports=opset, ir_version=9), path)
    return path


def test_layers_that_became_one_keep_the_arithmetic_of_all(graph: Path) -> None:
    feeds = {"x": np.ones((1, 4, 16, 16), np.float32)}
    found = measure(graph, feeds, threads=1, runs=3)
    convolutions = 8 * 16 * 16 * 9 * (4 + 1)
    assert sum(layer.macs for layer in found) == convolutions + 8 * 16 * 24 * 16
    assert all(layer.ms >= 0 for layer in found)
    assert sum(layer.moved_bytes for layer in found) >= 4 * (4 + 8 + 8) * 16 * 16


def test_a_product_with_a_bias_keeps_its_arithmetic(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array(random.random(shape, np.float32), name)
        for name, shape in (("w", (16, 24)), ("b", (24,)))
    ]
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"], name="product"),
        helper.make_node("Add", ["a", "b"], ["y"], name="bias"),
    ]
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 9, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 9, 24])],
        weights,
    )
    path = tmp_path / "g.onnx"
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(made, opset_imports=opset, ir_version=9), path)
    found = measure(path, {"x": np.ones((1, 9, 16), np.float32)}, threads=1, runs=1)
    assert sum(layer.macs for layer in found) == 9 * 24 * 16
