"""Facts about NVIDIA's parser and our graphs: every one is built, in fp32, fp16 and with Q/DQ."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from thermedge import models
from thermedge.errors import BackendError
from thermedge.export import graph, half, nvidia_parser, parity
from thermedge.models.fuse import fused

pytestmark = pytest.mark.graphs
pytest.importorskip("tensorrt_rtx_bindings", reason="needs the extra rtx: make test-graphs")

GRAPHS = [(tracker, size) for tracker in models.TRACKERS for size in models.sizes(tracker)]


@pytest.fixture(scope="module", params=GRAPHS, ids=lambda pair: "-".join(pair))
def exported(request, tmp_path_factory, lively_network):
    """The two graphs of one tracker, and inputs for both."""
    folder = tmp_path_factory.mktemp("graphs")
    net = lively_network(*request.param)
    plain = fused(net)
    files = folder / "template.onnx", folder / "track.onnx"
    specs = graph.to_onnx(plain, *files)
    pairs = dict(zip(("template", "track"), zip(files, specs, strict=True), strict=True))
    _, golden = parity.compare(net, plain, pairs)  # raises above 1e-4
    return files, golden


def quantized(path, golden):
    """Return the graph with Q/DQ around every layer of constant weights, as TensorRT takes it."""
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    model = onnx.load(path)
    constant = {tensor.name for tensor in model.graph.initializer}
    layers = [node for node in model.graph.node if node.op_type in ("Conv", "MatMul", "Gemm")]
    names = [value.name for value in model.graph.input]

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.left = [{n: {**feeds, **outputs}[n] for n in names} for feeds, outputs in golden]

        def get_next(self):
            return self.left.pop() if self.left else None

    out = path.with_suffix(".qdq.onnx")
    quantize_static(
        path,
        out,
        Reader(),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        nodes_to_quantize=[node.name for node in layers if node.input[1] in constant],
        extra_options={
            "ActivationSymmetric": True,
            "WeightSymmetric": True,
            "QuantizeBias": False,
            "AddQDQPairToWeight": True,
        },
    )
    return out


@pytest.mark.filterwarnings("ignore")  # of the quantiser's own
@pytest.mark.parametrize("part", [0, 1], ids=["template", "track"])
@pytest.mark.parametrize("precision", ["fp32", "fp16", "qdq"])
def test_every_graph_is_built(exported, part, precision):
    files, golden = exported
    path = {"fp32": files[part], "fp16": files[part].with_suffix(".fp16.onnx")}.get(precision)
    if precision == "fp16":
        half.write(files[part], path)
    elif precision == "qdq":
        path = quantized(files[part], golden)
    kinds = [node.op_type for node in onnx.load(path).graph.node]
    assert ("QuantizeLinear" in kinds) == (precision == "qdq")
    nvidia_parser.build(path, "int8" if precision == "qdq" else precision)


def written(path, *nodes):
    value = helper.make_tensor_value_info
    model = helper.make_model(
        helper.make_graph(
            list(nodes),
            "g",
            [value("x", TensorProto.FLOAT, [1, 4])],
            [value("y", TensorProto.FLOAT, [1, 4])],
            [onnx.numpy_helper.from_array(np.ones(4, np.float32), "one")],
        ),
        opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("elsewhere", 1)],
    )
    onnx.save(model, path)
    return path


def test_a_node_that_is_refused_is_named(tmp_path):
    bad = helper.make_node("Frobnicate", ["x"], ["y"], name="the_bad_one", domain="elsewhere")
    with pytest.raises(BackendError, match="the_bad_one"):
        nvidia_parser.build(written(tmp_path / "bad.onnx", bad))


def test_a_good_node_is_taken(tmp_path):
    nvidia_parser.build(
        written(tmp_path / "good.onnx", helper.make_node("Add", ["x", "one"], ["y"]))
    )


def test_a_file_that_is_no_graph_is_refused(tmp_path):
    (tmp_path / "junk.onnx").write_bytes(b"junk")
    with pytest.raises(BackendError, match=r"refuses junk\.onnx"):
        nvidia_parser.build(tmp_path / "junk.onnx")
