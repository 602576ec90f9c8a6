"""Torch to ONNX: one graph per template, one graph per frame."""

from __future__ import annotations

import ast
import logging
import warnings
from collections import Counter
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from thermedge.manifest import GraphSpec
from thermedge.models.net import TrackerNet, example
from thermedge.tensors import TensorSpec

_SCOPES = "pkg.torch.onnx.name_scopes"  # the modules that a node lies in, outermost first
OPSET = 18  # TensorRT 10 takes 9 to 20, ONNX Runtime all; 8.5 needs 17


class TemplateGraph(nn.Module):
    """What runs once per template."""

    def __init__(self, net: TrackerNet) -> None:
        super().__init__()
        self.net = net
        self.inputs = net.template_inputs

    def named(self, *inputs: Tensor) -> dict[str, Tensor]:
        """Return the outputs by name."""
        return dict(self.net.template(*inputs)._asdict())

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Map the template's inputs to the tensors that are kept."""
        return tuple(self.named(*inputs).values())


class TrackGraph(nn.Module):
    """What runs on every frame; the score leaves it as a probability."""

    def __init__(self, net: TrackerNet, kept: tuple[str, ...]) -> None:
        super().__init__()
        self.net = net
        self.inputs = (*net.track_inputs, *kept, *net.state_shapes)

    def named(self, *inputs: Tensor) -> dict[str, Tensor]:
        """Return the outputs by name."""
        return self.net.graph_outputs(self.net.track(*inputs))

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Map windows, the template's tensors and the state to the head's maps."""
        return tuple(self.named(*inputs).values())


def cached(net: TrackerNet) -> dict[str, str]:
    """Return which track inputs are template outputs, under the same name."""
    with torch.no_grad():
        known = net.template(*(example(name, net.config.crop) for name in net.template_inputs))
    return {name: name for name in known._fields if name not in net.initial.values()}


def graphs(net: TrackerNet) -> tuple[TemplateGraph, TrackGraph]:
    """Return the two parts of `net`, as they are exported."""
    net.eval()
    return TemplateGraph(net).eval(), TrackGraph(net, tuple(cached(net))).eval()


def state_example(net: TrackerNet) -> dict[str, Tensor]:
    """Return values for the state of the track graph, small ones."""
    return {name: 0.1 * torch.randn(shape) for name, shape in net.state_shapes.items()}


def to_onnx(net: TrackerNet, template: Path, track: Path) -> tuple[GraphSpec, GraphSpec]:
    """Write both graphs with static shapes and batch 1.

    Args:
        net: A fused network, or one as trained.
        template: Where the template graph goes.
        track: Where the track graph goes.

    Returns:
        The inputs and outputs of the template graph and of the track graph.
    """
    once, always = graphs(net)
    first = {name: example(name, net.config.crop) for name in once.inputs}
    with torch.no_grad():
        known = once.named(*first.values())
    second = {name: example(name, net.config.crop) for name in net.track_inputs}
    second |= {name: known[name] for name in cached(net)}
    second |= state_example(net)
    return _written(once, first, template), _written(always, second, track)


@torch.no_grad()
def _written(module: TemplateGraph | TrackGraph, feeds: dict[str, Tensor], path: Path) -> GraphSpec:
    outputs = module.named(*feeds.values())
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own internals
        program = torch.onnx.export(
            module,
            tuple(feeds.values()),
            input_names=list(feeds),
            output_names=list(outputs),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    del model.metadata_props[:]
    _name_after_modules(model.graph)
    for node in model.graph.node:  # traces of this machine's paths
        del node.metadata_props[:]
        node.doc_string = ""
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
    return GraphSpec(
        inputs=tuple(_spec(name, tensor) for name, tensor in feeds.items()),
        outputs=tuple(_spec(name, tensor) for name, tensor in outputs.items()),
    )


def _name_after_modules(graph: onnx.GraphProto) -> None:
    """Call each node after the network's part it comes from: "trunk.0.0.Conv".

    An engine's errors and reports name nodes: so they say where to look.
    """
    taken: Counter[str] = Counter()
    for node in graph.node:
        scopes = next((p.value for p in node.metadata_props if p.key == _SCOPES), "['']")
        module = [*ast.literal_eval(scopes)][:-1][-1:]  # the innermost; behind it stands the call
        name = ".".join([*filter(None, module), node.op_type]).removeprefix("net.")
        taken[name] += 1
        node.name = name if taken[name] == 1 else f"{name}_{taken[name]}"


def _spec(name: str, tensor: Tensor) -> TensorSpec:
    return TensorSpec(name, tuple(tensor.shape))
