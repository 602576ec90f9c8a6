"""Torch to ONNX: one graph per template, one graph per frame."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from thermedge.manifest import GraphSpec
from thermedge.models.stdtrack import StdTrack
from thermedge.tensors import TensorSpec

OPSET = 18  # TensorRT 10 takes 9 to 20, ONNX Runtime all; 8.5 needs 17


class TemplateGraph(nn.Module):
    """What runs once per template."""

    names = ("kernel", "cells")

    def __init__(self, net: StdTrack) -> None:
        super().__init__()
        self.net = net

    def forward(self, template: Tensor) -> tuple[Tensor, ...]:
        """Map (1, 1, T, T) in [0, 1] to the tensors that the track graph takes."""
        return tuple(self.net.template(template))


class TrackGraph(nn.Module):
    """What runs on every frame; the score leaves it as a probability."""

    names = ("score", "offset", "size", "spread")

    def __init__(self, net: StdTrack) -> None:
        super().__init__()
        self.net = net

    def forward(self, search: Tensor, kernel: Tensor, cells: Tensor) -> tuple[Tensor, ...]:
        """Map (1, 1, S, S) in [0, 1] and the template's tensors to the head's maps."""
        maps = self.net.track(search, kernel, cells)
        return (maps.score.sigmoid(), maps.offset, maps.size, maps.spread)


CACHED = {"kernel": "kernel", "cells": "cells"}  # track input <- template output


def to_onnx(net: StdTrack, template: Path, track: Path) -> tuple[GraphSpec, GraphSpec]:
    """Write both graphs with static shapes and batch 1.

    Args:
        net: A fused network.
        template: Where the template graph goes.
        track: Where the track graph goes.

    Returns:
        The inputs and outputs of the template graph and of the track graph.
    """
    crop = net.config.crop
    first = {"template": torch.rand(1, 1, crop.template_px, crop.template_px)}
    once = TemplateGraph(net).eval()
    cached = dict(zip(once.names, once(first["template"]), strict=True))
    second = {"search": torch.rand(1, 1, crop.search_px, crop.search_px)}
    second |= {name: cached[output].detach() for name, output in CACHED.items()}
    return (
        _written(once, first, once.names, template),
        _written(TrackGraph(net).eval(), second, TrackGraph.names, track),
    )


@torch.no_grad()
def _written(
    module: nn.Module, feeds: dict[str, Tensor], outputs: Sequence[str], path: Path
) -> GraphSpec:
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
    for node in model.graph.node:  # traces of this machine's paths
        del node.metadata_props[:]
        node.doc_string = ""
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
    return GraphSpec(
        inputs=tuple(_spec(name, tensor) for name, tensor in feeds.items()),
        outputs=tuple(
            _spec(name, tensor)
            for name, tensor in zip(outputs, module(*feeds.values()), strict=True)
        ),
    )


def _spec(name: str, tensor: Tensor) -> TensorSpec:
    return TensorSpec(name, tuple(tensor.shape))
