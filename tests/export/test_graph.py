"""Facts about the exported ONNX graphs."""

import getpass
import socket
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from thermedge import bundle
from thermedge.export import graph, parity
from thermedge.models import checkpoint as checkpoints

CHECKOUT = Path(__file__).parents[2]
FILES = (bundle.TEMPLATE_GRAPH, bundle.TRACK_GRAPH)
# What ONNX Runtime and TensorRT 8.5 to 10 all run, and all run quickly.
ALLOWED = {
    *("Conv", "Gemm", "MatMul", "Add", "Sub", "Mul", "Div", "Min", "Max"),
    *("Relu", "LeakyRelu", "PRelu", "Sigmoid", "Tanh", "Softplus", "Erf", "Exp", "Sqrt"),
    *("Softmax", "LayerNormalization", "ReduceMean", "ReduceMax", "ReduceSum"),
    *("GlobalAveragePool", "MaxPool", "AveragePool", "Resize", "Reshape", "Transpose"),
    *("Concat", "Slice", "Pad", "Unsqueeze", "Squeeze", "Expand", "Gather", "GridSample"),
    *("QuantizeLinear", "DequantizeLinear"),
}


@pytest.fixture(scope="module", params=FILES)
def path(request, exported):
    return exported[2] / request.param


@pytest.fixture(scope="module")
def model(path):
    return onnx.load(path)


def shape_of(value):
    return [dim.dim_value for dim in value.type.tensor_type.shape.dim]


def test_every_shape_is_known_and_the_batch_is_1(model):
    for value in (*model.graph.input, *model.graph.output):
        shape = shape_of(value)
        assert shape[0] == 1, value.name
        assert min(shape) > 0, value.name
        assert value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT


def test_the_names_are_those_that_the_runtime_asks_for(exported):
    names = {}
    for file in FILES:
        graph = onnx.load(exported[2] / file).graph
        names[file] = [v.name for v in graph.input], [v.name for v in graph.output]
    assert names == {
        bundle.TEMPLATE_GRAPH: (["template"], ["kernel", "cells", "first_token"]),
        bundle.TRACK_GRAPH: (
            ["search", "kernel", "cells", "token", "store", "store_bias", "store_age"],
            ["score", "offset", "size", "spread", "change", "token_next"],
        ),
    }


def test_only_operators_that_every_engine_knows_are_used(model):
    assert {node.op_type for node in model.graph.node} <= ALLOWED
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"}
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 18)]
    assert not model.functions


def test_no_batch_norm_is_left_and_every_3x3_is_one_convolution(exported):
    # 7 convolutions of the trunk, the 1x1 ones before the correlation, its own, the head.
    for file, count in (
        (bundle.TEMPLATE_GRAPH, 7 + 2),
        (bundle.TRACK_GRAPH, 7 + 3 + 1 + 6),
    ):
        kinds = [node.op_type for node in onnx.load(exported[2] / file).graph.node]
        assert "BatchNormalization" not in kinds
        assert kinds.count("Conv") == count


def test_the_weights_are_single_precision_and_inside_the_file(model):
    weights = [tensor for tensor in model.graph.initializer if len(tensor.dims) == 4]
    assert weights
    for tensor in model.graph.initializer:
        assert tensor.data_location == onnx.TensorProto.DEFAULT
        assert tensor.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.INT64)


def test_nothing_tells_of_this_machine(path):
    content = path.read_bytes()
    folders = {CHECKOUT, Path.home(), Path(torch.__file__).parent, path.parent, Path.cwd()}
    traces = [*(str(folder).encode() for folder in folders if str(folder) != "/")]
    names = [socket.gethostname(), getpass.getuser()]
    traces += [name.encode() for name in names if len(name) > 3]  # shorter ones occur by chance
    traces += [b".py", b"site-packages"]
    found = [trace for trace in traces if trace in content]
    assert not found


@torch.no_grad()
def test_onnx_runtime_computes_what_the_trained_network_computes(exported, trained):
    net = checkpoints.network(checkpoints.load(trained[2] / "last.safetensors"))
    one = parity.feeds(net, seed=99)[0]
    came = dict(one)
    for file in FILES:
        session = onnxruntime.InferenceSession(
            exported[2] / file, providers=["CPUExecutionProvider"]
        )
        inputs = {item.name: came[item.name] for item in session.get_inputs()}
        names = [item.name for item in session.get_outputs()]
        came |= dict(zip(names, session.run(None, inputs), strict=True))

    template, track = graph.graphs(net)
    known = {name: torch.from_numpy(value) for name, value in one.items()}
    known |= template.named(*(known[name] for name in template.inputs))
    known |= track.named(*(known[name] for name in track.inputs))
    for name, value in known.items():
        np.testing.assert_allclose(value, came[name], atol=1e-4, err_msg=name)
    assert 0 <= came["score"].min() < came["score"].max() <= 1  # the score is a probability


def test_what_only_starts_the_state_is_not_cached(network):
    assert graph.cached(network) == {"kernel": "kernel", "cells": "cells"}
