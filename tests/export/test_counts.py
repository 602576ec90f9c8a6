"""Facts about the cost of a graph."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from thermedge.export.counts import count


def save(path, nodes, inputs, weights):
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "g",
        [value(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [value("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.ones(s, np.float32), name) for name, s in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), path)
    return path


@pytest.mark.parametrize(
    ("node", "inputs", "weights", "macs"),
    [
        (
            helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1], strides=[2, 2]),
            {"x": [1, 4, 16, 16]},
            {"w": [6, 4, 3, 3]},
            8 * 8 * 6 * 4 * 9,
        ),
        (
            helper.make_node("Conv", ["x", "w"], ["y"], group=4),  # a depth-wise correlation
            {"x": [1, 4, 9, 9], "w": [4, 1, 5, 5]},
            {},
            5 * 5 * 4 * 25,
        ),
        (
            helper.make_node("MatMul", ["x", "w"], ["y"]),
            {"x": [2, 3, 5]},
            {"w": [5, 7]},
            2 * 3 * 7 * 5,
        ),
        (
            helper.make_node("Gemm", ["x", "w"], ["y"], transB=1),
            {"x": [3, 5]},
            {"w": [7, 5]},
            3 * 7 * 5,
        ),
        (helper.make_node("Relu", ["x"], ["y"]), {"x": [1, 9]}, {}, 0),
    ],
)
def test_products_are_counted(tmp_path, node, inputs, weights, macs):
    counts = count(save(tmp_path / "g.onnx", [node], inputs, weights))
    assert counts.macs == macs
    assert counts.nodes == 1
    assert counts.parameters == sum(int(np.prod(shape)) for shape in weights.values())
