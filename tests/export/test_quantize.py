import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from thermedge.export.layers import layers
from thermedge.export.quantize import insert_qdq, to_levels, weight_scales


@pytest.fixture
def chain():
    """Three convolutions: only the middle one may become INT8."""
    rng = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array(rng.normal(0, 0.2, (4, channels, 3, 3)).astype(np.float32), name)
        for name, channels in (("a.weight", 1), ("b.weight", 4), ("c.weight", 4))
    ]
    nodes = [
        helper.make_node("Conv", ["search", "a.weight"], ["x"], "a.Conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["x"], ["y"], "a.Relu"),
        helper.make_node("Conv", ["y", "b.weight"], ["z"], "b.Conv", pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["z", "c.weight"], ["score"], "c.Conv", pads=[1, 1, 1, 1]),
    ]
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("search", TensorProto.FLOAT, [1, 1, 8, 8])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [1, 4, 8, 8])],
        weights,
    )
    opset = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opset, ir_version=10)


def run(model, window):
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"search": window})[0]


def chosen(model):
    return [layer for layer in layers(model) if not layer.floating]


def test_int8_differs_from_fp32_by_steps_and_no_more(chain):
    window = np.random.default_rng(1).random((1, 1, 8, 8), np.float32)
    exact = run(chain, window)
    came = run(insert_qdq(chain, chosen(chain), {"y": 2.0 / 127}), window)
    assert 0 < np.abs(came - exact).max() < 0.05 * np.abs(exact).max()


def test_weights_stored_as_int8_compute_the_same_as_float_ones_behind_a_quantizer(chain):
    window = np.random.default_rng(1).random((1, 1, 8, 8), np.float32)
    stored = insert_qdq(chain, chosen(chain), {"y": 0.02})
    floating = insert_qdq(chain, chosen(chain), {"y": 0.02}, stored=False)
    assert np.array_equal(run(stored, window), run(floating, window))
    types = {item.name: item.data_type for item in stored.graph.initializer}
    assert types["b.weight.int8"] == TensorProto.INT8
    assert "b.weight" not in types


def test_the_graph_given_stays_as_it_was(chain):
    before = chain.SerializeToString()
    insert_qdq(chain, chosen(chain), {"y": 0.02})
    assert chain.SerializeToString() == before


def test_every_zero_point_is_zero_and_no_bias_is_an_integer(chain):
    model = insert_qdq(chain, chosen(chain), {"y": 0.02})
    constants = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    pairs = [node for node in model.graph.node if "uantizeLinear" in node.op_type]
    assert pairs
    for node in pairs:
        assert not constants[node.input[2]].any()
        assert constants[node.input[2]].dtype == np.int8
    assert all(values.dtype != np.int32 for values in constants.values())


def test_a_channel_of_zeros_has_a_scale_all_the_same():
    weight = np.zeros((2, 3), np.float32)
    weight[1] = 0.5
    scales = weight_scales(weight, 0)
    assert (scales > 0).all()
    assert to_levels(weight, scales, 0).tolist() == [[0, 0, 0], [127, 127, 127]]


def test_each_output_channel_has_a_scale_of_its_own(chain):
    model = insert_qdq(chain, chosen(chain), {"y": 0.02})
    assert onnx.checker.check_model(model) is None
    steps = next(i for i in model.graph.initializer if i.name == "b.weight.step")
    assert list(steps.dims) == [4]
