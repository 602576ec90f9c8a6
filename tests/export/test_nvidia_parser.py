"""Facts about NVIDIA's parser and our graphs: every one is built, in fp32, fp16 and with Q/DQ."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from thermedge import bundle, models
from thermedge.bundle import graph_file
from thermedge.bundles import find, names
from thermedge.errors import BackendError
from thermedge.export import graph, half, nvidia_parser, parity
from thermedge.export.int8 import GRAPHS
from thermedge.export.layers import layers
from thermedge.export.quantize import insert_qdq
from thermedge.export.ranges import observe, scale
from thermedge.models.fuse import fused

pytestmark = pytest.mark.graphs
pytest.importorskip("tensorrt_rtx_bindings", reason="needs the extra rtx: make test-graphs")

NETWORKS = [(tracker, size) for tracker in models.TRACKERS for size in models.sizes(tracker)]


@pytest.fixture(scope="module", params=NETWORKS, ids=lambda pair: "-".join(pair))
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
    """Return the graph in INT8 as `thermedge export` writes it, and how many layers are."""
    model = onnx.load(path)
    chosen = [layer for layer in layers(model) if not layer.floating]
    known = {value.name for value in model.graph.input}
    feeds = [
        {name: array for name, array in {**inputs, **outputs}.items() if name in known}
        for inputs, outputs in golden
    ]
    seen = observe(path, [layer.activation for layer in chosen], feeds)
    scales = {name: scale(histogram, "minmax") for name, histogram in seen.items()}
    out = path.with_suffix(".int8.onnx")
    onnx.save(insert_qdq(model, chosen, scales), out)
    return out, len(chosen)


@pytest.mark.parametrize("part", [0, 1], ids=["template", "track"])
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_every_graph_is_built(exported, part, precision):
    files, golden = exported
    path, num_layers = files[part], 0
    if precision == "fp16":
        path = files[part].with_suffix(".fp16.onnx")
        half.write(files[part], path)
    elif precision == "int8":
        path, num_layers = quantized(path, golden)
    kinds = [node.op_type for node in onnx.load(path).graph.node]
    assert (kinds.count("QuantizeLinear") > 0) == (num_layers > 0)
    nvidia_parser.build(path, precision)


SHIPPED = [(name, part) for name in names() for part in GRAPHS]


@pytest.mark.parametrize(("name", "part"), SHIPPED, ids=map("-".join, SHIPPED))
def test_every_shipped_int8_graph_is_built(name, part):
    shipped = bundle.read(find(name))
    if shipped.manifest.int8 is None:
        pytest.skip(f"{name} ships in fp32 alone")
    nvidia_parser.build(shipped.path(graph_file(part, "int8")), "int8")


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
