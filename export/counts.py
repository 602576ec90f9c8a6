"""What a graph costs: multiply-accumulates, parameters and nodes, read from the ONNX file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import onnx


@dataclass(frozen=True, slots=True)
class Counts:
    """The cost of one graph."""

    macs: int  # multiply-accumulates of convolutions and matrix products, one run
    parameters: int  # floating-point numbers stored in the file
    nodes: int


def count(path: Path) -> Counts:
    """Count what the graph in `path` holds; all its shapes are static.

    Element-wise work is not counted: it is memory, not arithmetic, that it costs.
    """
    model = onnx.shape_inference.infer_shapes(onnx.load(path), strict_mode=True, data_prop=True)
    graph = model.graph
    shapes = {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in (*graph.input, *graph.value_info, *graph.output)
    }
    shapes |= {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    stored = sum(
        math.prod(tensor.dims)
        for tensor in graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT
    )
    return Counts(sum(_macs(node, shapes) for node in graph.node), stored, len(graph.node))


def _macs(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]]) -> int:
    if node.op_type == "Conv":
        # Each output sums over the kernel's inputs and taps.
        return math.prod(shapes[node.output[0]]) * math.prod(shapes[node.input[1]][1:])
    if node.op_type == "MatMul":
        return math.prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]
    if node.op_type == "Gemm":
        transposed = any(a.name == "transA" and a.i for a in node.attribute)
        return math.prod(shapes[node.output[0]]) * shapes[node.input[0]][0 if transposed else 1]
    return 0
