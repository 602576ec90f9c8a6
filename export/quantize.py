"""A floating-point graph with explicit Q/DQ: the form that every INT8 engine reads alike.

Symmetric int8, zero point 0; activations one scale per tensor, weights one per output channel.
A weight is stored as int8 behind a DequantizeLinear. Biases stay floating point: NVIDIA's
parser refuses int32 ones.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from thermedge.export.layers import Layer

_LEVELS = 127
_TINY = 1e-12  # the scale of a channel whose weights are all zero
_ZERO = "int8.zero"


def insert_qdq(
    model: onnx.ModelProto,
    layers: Collection[Layer],
    scales: Mapping[str, float],
    *,
    stored: bool = True,
) -> onnx.ModelProto:
    """Return a new graph in which `layers` compute in INT8; `model` is untouched.

    Args:
        model: Floating point, static.
        layers: Which ones; each with a constant weight.
        scales: Tensor name -> size of one level, for every layer's activation.
        stored: Keep weights as int8. False writes them as float32 behind a
            QuantizeLinear: four times the size, for parsers before TensorRT 10.
    """
    quantized = onnx.ModelProto()
    quantized.CopyFrom(model)
    graph = quantized.graph
    constants = {item.name: item for item in graph.initializer}
    chosen = {layer.name: layer for layer in layers}
    nodes: list[onnx.NodeProto] = []
    known: set[str] = set()
    for node in graph.node:
        layer = chosen.get(node.name)
        if layer is not None:
            if layer.activation not in known:
                known.add(layer.activation)
                nodes += _activation(graph, layer.activation, scales[layer.activation])
            if layer.weight not in known:
                known.add(layer.weight)
                weight = numpy_helper.to_array(constants[layer.weight])
                nodes += _weight(graph, layer.weight, weight, _axis(node), stored=stored)
            node.input[0] = _dequantized(layer.activation)
            node.input[1] = _dequantized(layer.weight)
        nodes.append(node)
    graph.initializer.append(numpy_helper.from_array(np.int8(0) + np.zeros((), np.int8), _ZERO))
    del graph.node[:]
    graph.node.extend(nodes)
    _drop_unused(graph)
    onnx.checker.check_model(quantized, full_check=True)
    return quantized


def weight_scales(weight: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Return the size of one level per output channel."""
    others = tuple(index for index in range(weight.ndim) if index != axis)
    largest = np.abs(weight).max(axis=others)
    return np.asarray(np.maximum(largest / _LEVELS, _TINY), np.float32)


def to_levels(
    weight: NDArray[np.float32], scales: NDArray[np.float32], axis: int
) -> NDArray[np.int8]:
    """Return a weight in levels, [-127, 127]."""
    shape = [1] * weight.ndim
    shape[axis] = -1
    levels = np.rint(weight / scales.reshape(shape))
    return np.asarray(np.clip(levels, -_LEVELS, _LEVELS), np.int8)


def _activation(graph: onnx.GraphProto, name: str, scale: float) -> list[onnx.NodeProto]:
    step = f"{name}.step"
    graph.initializer.append(numpy_helper.from_array(np.asarray(scale, np.float32), step))
    levels = f"{name}.int8"
    return [
        helper.make_node("QuantizeLinear", [name, step, _ZERO], [levels], f"{name}.quantize"),
        helper.make_node(
            "DequantizeLinear", [levels, step, _ZERO], [_dequantized(name)], f"{name}.dequantize"
        ),
    ]


def _weight(
    graph: onnx.GraphProto, name: str, weight: NDArray[np.float32], axis: int, *, stored: bool
) -> list[onnx.NodeProto]:
    scales = weight_scales(weight, axis)
    step, zeros, levels = f"{name}.step", f"{name}.zeros", f"{name}.int8"
    graph.initializer.append(numpy_helper.from_array(scales, step))
    graph.initializer.append(numpy_helper.from_array(np.zeros(len(scales), np.int8), zeros))
    nodes = []
    if stored:
        graph.initializer.append(numpy_helper.from_array(to_levels(weight, scales, axis), levels))
    else:
        quantize = helper.make_node(
            "QuantizeLinear", [name, step, zeros], [levels], f"{name}.quantize", axis=axis
        )
        nodes.append(quantize)
    dequantize = helper.make_node(
        "DequantizeLinear",
        [levels, step, zeros],
        [_dequantized(name)],
        f"{name}.dequantize",
        axis=axis,
    )
    return [*nodes, dequantize]


def _axis(node: onnx.NodeProto) -> int:
    """Return the axis of a weight that counts output channels."""
    if node.op_type == "Conv":
        return 0
    if node.op_type == "Gemm":
        return 0 if any(a.name == "transB" and a.i for a in node.attribute) else 1
    return 1


def _dequantized(name: str) -> str:
    return f"{name}.dequantized"


def _drop_unused(graph: onnx.GraphProto) -> None:
    used = {name for node in graph.node for name in node.input}
    kept = [item for item in graph.initializer if item.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
