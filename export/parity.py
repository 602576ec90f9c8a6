"""How far the exported graphs are from the network that was trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from thermedge.errors import ThermedgeError
from thermedge.export import graph
from thermedge.manifest import GraphSpec, Parity
from thermedge.models.net import TrackerNet, window_shape
from thermedge.runtime.backends import open_backend
from thermedge.runtime.backends.base import Backend

LIMIT = 1e-4  # largest absolute difference of any output; scores are in [0, 1]
_WINDOWS = 8

Arrays = dict[str, NDArray[np.float32]]


def feeds(net: TrackerNet, seed: int = 7) -> list[Arrays]:
    """Return inputs for both graphs, but for what the template graph makes; seeded.

    Windows have the structure of thermal pictures: smooth backgrounds, a warm disc as
    the target, a gradient, noise. States are random.
    """
    rng = np.random.default_rng(seed)
    crop = net.config.crop
    made = []
    for _ in range(_WINDOWS):
        one: Arrays = {}
        for name in (*net.template_inputs, *net.track_inputs):
            side = window_shape(name, crop)[-1]
            if name == "target_px":
                sides = crop.template_px / crop.template_factor * rng.uniform(0.6, 1.6, (1, 2))
                one[name] = sides.astype(np.float32)
            else:
                place = 0.5 if name.startswith(("template", "context")) else rng.uniform(0.3, 0.7)
                one[name] = _picture(side, place * side, rng)
        for name, shape in net.state_shapes.items():
            one[name] = rng.normal(0, 0.5, shape).astype(np.float32)
        made.append(one)
    return made


def compare(
    net: TrackerNet,
    plain: TrackerNet,
    files: Mapping[str, tuple[Path, GraphSpec]],
) -> tuple[dict[str, Parity], list[tuple[Arrays, Arrays]]]:
    """Run the trained, the fused and the ONNX form on the same windows.

    Args:
        net: The network as trained.
        plain: The same, fused.
        files: "template" and "track" -> file, and what it must have.

    Returns:
        The largest absolute differences per output, and the ONNX form's (inputs,
        outputs) as golden vectors.

    Raises:
        ThermedgeError: A difference is above LIMIT.
    """
    template = open_backend("ort", *files["template"])
    track = open_backend("ort", *files["track"])
    fused: dict[str, float] = {}
    onnx: dict[str, float] = {}
    golden = []
    for one in feeds(net):
        as_trained, as_fused = _in_torch(net, one), _in_torch(plain, one)
        as_onnx = _in_onnx(template, track, one)
        for name, value in as_onnx.items():
            fused[name] = _worse(fused.get(name, 0.0), _gap(as_trained[name], as_fused[name]))
            onnx[name] = _worse(onnx.get(name, 0.0), _gap(as_fused[name], value))
        golden.append((one, as_onnx))
    template.close()
    track.close()
    parity = {name: Parity(fused=fused[name], onnx=onnx[name]) for name in fused}
    for name, gap in parity.items():
        if not _worse(gap.fused, gap.onnx) <= LIMIT:
            raise ThermedgeError(
                f"Output {name!r} differs by {gap.fused:.1e} after fusing and by {gap.onnx:.1e} "
                f"in ONNX; the limit is {LIMIT:.0e}.",
                "Do not ship these weights: the graph does not compute what was trained.",
            )
    return parity, golden


def _worse(a: float, b: float) -> float:
    """Return the larger one; nan, which max would drop, is the worst."""
    return float(np.maximum(a, b))


def _gap(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    with np.errstate(invalid="ignore"):  # inf - inf is nan: no warning is needed, it fails
        return float(np.abs(a - b).max())


@torch.no_grad()
def _in_torch(net: TrackerNet, one: Arrays) -> Arrays:
    template, track = graph.graphs(net)
    known = template.named(*(torch.from_numpy(one[name]) for name in template.inputs))
    everything = {name: torch.from_numpy(value) for name, value in one.items()} | known
    maps = track.named(*(everything[name] for name in track.inputs))
    return {name: tensor.numpy() for name, tensor in (known | maps).items()}


def _in_onnx(template: Backend, track: Backend, one: Arrays) -> Arrays:
    for name, buffer in template.inputs.items():
        np.copyto(buffer, one[name])
    template.run()
    everything = {**one, **template.outputs}
    for name, buffer in track.inputs.items():
        np.copyto(buffer, everything[name])
    track.run()
    outputs = {**template.outputs, **track.outputs}
    return {name: value.copy() for name, value in outputs.items()}


def _picture(side: int, place: float, rng: np.random.Generator) -> NDArray[np.float32]:
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    image = rng.uniform(0.2, 0.5) + rng.uniform(-0.2, 0.2) * (x + y) / (2 * side)
    distance = np.hypot(x - place, y - side / 2)
    edge = np.tanh((distance - rng.uniform(8, 20)) / 4)  # the logistic function, but no overflow
    image += rng.uniform(0.2, 0.5) * (1 - edge) / 2
    image += rng.normal(0, 0.01, image.shape)
    return np.asarray(np.clip(image, 0, 1), np.float32)[None, None]
