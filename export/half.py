"""A graph in fp16 with every cast written out, for engines that take types from the graph.

TensorRT 11 has no precision flags: what the graph says is what runs. Inputs and outputs stay
float32, and so does what loses much in 11 bits: normalisation, softmax, exponentials, sampling
coordinates and the states of scans.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from thermedge.bundle import Bundle, graph_file
from thermedge.errors import BackendError, BundleError
from thermedge.runtime import golden
from thermedge.runtime.backends import open_backend

# Source: layer-norm and softmax of vision transformers collapse in fp16 on TensorRT 8.5 and
# 10.3 (NVIDIA/TensorRT issues 2709, 4084, 4723).
_FLOATING = (
    "LayerNormalization",
    "InstanceNormalization",
    "GroupNormalization",
    "Softmax",
    "Exp",
    "Log",
    "Softplus",
    "CumSum",
    "GridSample",
    "ReduceSum",
    "ReduceMean",
    "Sqrt",
    "Reciprocal",
    "Div",
    "Pow",
)


_LARGEST = 65504.0  # of fp16


def write(graph: Path, path: Path) -> None:
    """Write `graph`, a static float32 ONNX file, as strongly typed fp16 to `path`."""
    model = _Halved(onnx.load(graph)).model
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


def check(whole: Bundle) -> None:
    """Refuse fp16 graphs that every board would refuse, by the bundle's golden vectors.

    Args:
        whole: Its folder holds the fp16 graphs too, listed or not.

    Raises:
        BundleError: An output is too far from the fp32 one.
    """
    specs = {"template": whole.manifest.template, "track": whole.manifest.track}
    engines = {
        graph: open_backend("ort", whole.folder / graph_file(graph, "fp16"), spec)
        for graph, spec in specs.items()
    }
    try:
        golden.compare(whole, engines["template"], engines["track"], "fp16")
    except BackendError as error:
        _, _, gaps = error.problem.partition(": ")
        raise BundleError(
            f"fp16 is not precise enough for {whole.manifest.name}: it changes {gaps}",
            "Leave --half out, and on boards: thermedge build BUNDLE --precision fp32",
        ) from error
    finally:
        for engine in engines.values():
            engine.close()


class _Halved:
    """A graph on its way to fp16; `model` is the result."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        graph = model.graph
        inferred = onnx.shape_inference.infer_shapes(model).graph
        typed = (*inferred.value_info, *inferred.input, *inferred.output)
        floating = {i.name for i in typed if i.type.tensor_type.elem_type == TensorProto.FLOAT}
        self._weights = {i.name: i for i in graph.initializer if i.data_type == TensorProto.FLOAT}
        self._floating = floating | set(self._weights)
        self._outputs = {item.name for item in graph.output}
        self._halves: set[str] = set()  # tensors that are computed in fp16
        self._made: dict[tuple[str, int], str] = {}  # (tensor, type) -> its name in that type
        self._nodes: list[onnx.NodeProto] = []
        self._new_weights: list[onnx.TensorProto] = []
        for node in list(graph.node):
            self._convert(node)
        del graph.node[:], graph.value_info[:]
        graph.node.extend(self._nodes)
        graph.initializer.extend(self._new_weights)
        used = {name for node in graph.node for name in node.input}
        kept = [item for item in graph.initializer if item.name in used]
        del graph.initializer[:]
        graph.initializer.extend(kept)

    def _convert(self, node: onnx.NodeProto) -> None:
        wanted = TensorProto.FLOAT if node.op_type in _FLOATING else TensorProto.FLOAT16
        for place, name in enumerate(node.input):
            is_value = node.op_type != "Resize" or place == 0  # its scales are float32 by law
            if name in self._floating and is_value:
                node.input[place] = self._as(name, wanted)
        results = [name for name in node.output if name in self._floating]
        self._nodes.append(node)
        if wanted == TensorProto.FLOAT:
            return
        for name in results:
            if name not in self._outputs:
                self._halves.add(name)
                continue
            half = f"{name}.fp16"  # an output keeps its name for its float32 form
            node.output[list(node.output).index(name)] = half
            self._nodes.append(_cast(half, name, TensorProto.FLOAT))
            self._made[name, TensorProto.FLOAT16] = half

    def _as(self, name: str, wanted: int) -> str:
        """Return the name of a float tensor in the wanted type; make it where it is not there."""
        has = TensorProto.FLOAT16 if name in self._halves else TensorProto.FLOAT
        if has == wanted:
            return name
        if (name, wanted) not in self._made:
            made = f"{name}.fp16" if wanted == TensorProto.FLOAT16 else f"{name}.fp32"
            self._made[name, wanted] = made
            if name in self._weights:
                values = numpy_helper.to_array(self._weights[name])
                half = np.clip(values, -_LARGEST, _LARGEST).astype(np.float16)
                self._new_weights.append(numpy_helper.from_array(half, made))
            else:
                self._nodes.append(_cast(name, made, wanted))
        return self._made[name, wanted]


def _cast(source: str, target: str, to: int) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [target], f"{target}.cast", to=to)
