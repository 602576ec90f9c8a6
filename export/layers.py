"""Which layers of a graph may become INT8, and why the others may not."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import onnx

_WEIGHTED = ("Conv", "ConvTranspose", "MatMul", "Gemm")
# What only moves values about.
_MOVES = (
    "Concat", "Expand", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze",
    "Transpose", "Unsqueeze",
)  # fmt: skip
# Reasons, as a report prints them.
FIRST = "first layer: sees the raw dynamic range of the sensor, and costs little"
LAST = "last layer: its steps would be steps of the score or of the box"
STATE = "carried state: an error here comes back with every frame"
COMPUTED = "both factors are computed: correlation or attention"


@dataclass(frozen=True, slots=True)
class Layer:
    """One weighted operation of a graph."""

    name: str  # of its node
    op: str
    module: str  # the network's part, as its weight is called: "trunk.3"
    activation: str  # the tensor that goes in
    weight: str  # its constant factor; empty where both are computed
    output: str
    macs: int  # multiply-accumulates of one run; 0 where unknown
    floating: str  # why it stays floating point; empty: it may become INT8


def layers(model: onnx.ModelProto, *, state: Collection[str] = ()) -> tuple[Layer, ...]:
    """Return the weighted operations of a graph in their order, with what may become INT8.

    Floating point stay: what reads graph inputs, moved about or not, what an output is read
    from without another weighted layer between, what has no constant weight, and what lies on
    the way from `state` back to a state.

    Args:
        model: Static, as `export.graph.to_onnx` writes it.
        state: Graph inputs and outputs that carry over from frame to frame.
    """
    graph = model.graph
    constants = {item.name: item for item in graph.initializer}
    weighted = [node for node in graph.node if node.op_type in _WEIGHTED]
    inputs = {item.name for item in graph.input}
    raw = _moved(graph.node, inputs, constants)
    before = _reaching(graph.node, {name for name in state if name in inputs})
    after = _leading_to(graph.node, {item.name for item in graph.output if item.name in state})
    shapes = _shapes(model)
    found = []
    for node in weighted:
        weight = node.input[1] if node.input[1] in constants else ""
        output = node.output[0]
        reason = ""
        if not weight:
            reason = COMPUTED
        elif node.input[0] in raw:
            reason = FIRST
        elif output in before and output in after:
            reason = STATE
        elif _leaves(graph, output, constants):
            reason = LAST
        macs = _macs(constants[weight], node, shapes.get(output, ())) if weight else 0
        found.append(
            Layer(
                name=node.name,
                op=node.op_type,
                module=_module(node, constants),
                activation=node.input[0],
                weight=weight,
                output=output,
                macs=macs,
                floating=reason,
            )
        )
    return tuple(found)


def _moved(
    nodes: Iterable[onnx.NodeProto], names: Collection[str], constants: Collection[str]
) -> set[str]:
    """Return all tensors that hold values of `names` and nothing else."""
    moved = set(names)
    for node in nodes:
        if node.op_type in _MOVES and all(n in moved or n in constants for n in node.input if n):
            moved.update(node.output)
    return moved


def _reaching(nodes: Iterable[onnx.NodeProto], names: set[str]) -> set[str]:
    """Return all tensors that depend on `names`; nodes come in order of computation."""
    reached = set(names)
    for node in nodes:
        if reached.intersection(node.input):
            reached.update(node.output)
    return reached


def _leading_to(nodes: Iterable[onnx.NodeProto], names: set[str]) -> set[str]:
    """Return all tensors that `names` depend on, with themselves."""
    leading = set(names)
    for node in reversed(list(nodes)):
        if leading.intersection(node.output):
            leading.update(node.input)
    return leading


def _leaves(graph: onnx.GraphProto, output: str, constants: Collection[str]) -> bool:
    """Say whether `output` reaches a graph output past no other layer with weights."""
    reached = {output}
    for node in graph.node:
        if not reached.intersection(node.input):
            continue
        if node.op_type not in _WEIGHTED or node.input[1] not in constants:
            reached.update(node.output)
    return not reached.isdisjoint(item.name for item in graph.output)


def _module(node: onnx.NodeProto, constants: Collection[str]) -> str:
    """Return the network's part a node belongs to: its name up to the operation's."""
    module, _, operation = str(node.name).rpartition(".")
    if module and operation.startswith(node.op_type):
        return module if operation == node.op_type else str(node.name)
    for name in node.input[1:]:  # named by another exporter
        if name in constants and "." in name:
            return str(name).rpartition(".")[0]
    return str(node.name)


def _shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    inferred = onnx.shape_inference.infer_shapes(model).graph
    return {
        item.name: tuple(size.dim_value for size in item.type.tensor_type.shape.dim)
        for item in (*inferred.value_info, *inferred.output)
    }


def _macs(weight: onnx.TensorProto, node: onnx.NodeProto, shape: tuple[int, ...]) -> int:
    """Return the multiply-accumulates: per output value, what goes into it."""
    values = 1
    for size in shape:
        values *= size
    if node.op_type == "Conv":
        per_value = 1
        for size in weight.dims[1:]:
            per_value *= size
        return int(values * per_value)
    if node.op_type == "MatMul" or node.op_type == "Gemm":
        return int(values * weight.dims[0 if not _is_transposed(node) else 1])
    return 0


def _is_transposed(node: onnx.NodeProto) -> bool:
    return any(a.name == "transB" and a.i for a in node.attribute)
