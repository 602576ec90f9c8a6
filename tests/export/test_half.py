import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto

from thermedge import bundle
from thermedge.bundles import find
from thermedge.export import half


@pytest.fixture(scope="module", params=["template", "track"])
def pair(request, tmp_path_factory):
    whole = find("default") / f"{request.param}.onnx"
    small = tmp_path_factory.mktemp("half") / bundle.graph_file(request.param, "fp16")
    half.write(whole, small)
    return whole, small


def test_a_half_graph_computes_nearly_the_same_from_the_same_inputs(pair):
    rng = np.random.default_rng(0)
    sessions = [ort.InferenceSession(str(p), providers=["CPUExecutionProvider"]) for p in pair]
    feed = {i.name: rng.random(i.shape, np.float32) for i in sessions[0].get_inputs()}
    exact, came = (session.run(None, feed) for session in sessions)
    for one, other in zip(exact, came, strict=True):
        assert other.dtype == np.float32
        assert 0 < np.abs(one - other).max() < 0.01 * max(np.abs(one).max(), 1)


def test_a_half_graph_weighs_about_half(pair):
    whole, small = pair
    assert small.stat().st_size < 0.6 * whole.stat().st_size


def test_normalisation_and_softmax_keep_float32(pair):
    model = onnx.shape_inference.infer_shapes(onnx.load(pair[1]))
    types = {i.name: i.type.tensor_type.elem_type for i in model.graph.value_info}
    fragile = [n for n in model.graph.node if n.op_type in ("LayerNormalization", "Softmax")]
    assert {types.get(n.output[0], TensorProto.FLOAT) for n in fragile} <= {TensorProto.FLOAT}
