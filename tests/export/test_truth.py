from importlib.util import find_spec

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from thermedge import bundle
from thermedge.bundles import find
from thermedge.export import truth
from thermedge.export.layers import layers
from thermedge.export.quantize import insert_qdq


@pytest.fixture(scope="module")
def quantized(tmp_path_factory):
    """The shipped track graph with all that may be INT8 in INT8, and those layers' names."""
    model = onnx.load(find("default") / bundle.TRACK_GRAPH)
    chosen = [layer for layer in layers(model) if not layer.floating]
    path = tmp_path_factory.mktemp("truth") / "track.int8.onnx"
    scales = {layer.activation: 0.1 for layer in chosen}
    path.write_bytes(insert_qdq(model, chosen, scales).SerializeToString())
    return path, {layer.name for layer in chosen}


def test_a_floating_graph_has_no_layer_in_int8():
    for backend in truth.engines_here():
        assert truth.achieved(find("default") / bundle.TRACK_GRAPH, backend) == frozenset()


@pytest.mark.skipif(find_spec("openvino") is None, reason="needs openvino")
def test_openvino_says_which_layers_it_runs_in_int8(quantized):
    path, asked = quantized
    came = truth.achieved(path, "openvino")
    assert came <= asked
    assert any("conv" in name.lower() for name in came)


def test_an_engine_never_claims_layers_that_were_not_asked_for(quantized):
    path, asked = quantized
    assert truth.achieved(path, "ort") <= asked


def test_every_precision_is_timed_in_every_engine(quantized):
    manifest = bundle.read(find("default")).manifest
    graphs = {"fp32": find("default") / bundle.TRACK_GRAPH, "int8": quantized[0]}
    came = truth.timings(graphs, manifest.track)
    assert {(one.backend, one.precision) for one in came} == {
        (backend, precision) for backend in truth.engines_here() for precision in graphs
    }
    assert all(one.median_ms > 0 for one in came)


def test_a_product_that_ends_in_floating_point_is_multiplied_in_int8_all_the_same(tmp_path):
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], name="relu"),
        helper.make_node("MatMul", ["a", "w"], ["y"], name="part.MatMul"),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 8, 32]) for name in ("x", "y")
    ]
    weight = numpy_helper.from_array(rng.random((32, 32), np.float32), "w")
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [weight])
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    (layer,) = layers(model)
    path = tmp_path / "g.onnx"
    path.write_bytes(insert_qdq(model, [layer], {"a": 0.01}).SerializeToString())
    assert truth.achieved(path, "ort") == {"part.MatMul"}


def test_a_layer_is_not_taken_for_the_one_whose_name_its_own_begins_with():
    names = ["head.Conv", "head.Conv_2", "head.Convert"]
    assert truth._origins(["head.Conv_2_quant", "head.Conv_2"], names) == {"head.Conv_2"}
    assert truth._origins(["head.Conv_quant", "other"], names) == {"head.Conv"}
