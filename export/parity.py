"""How far the exported graphs are from the network that was trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from thermedge.errors import ThermedgeError
from thermedge.export.graph import CACHED, TemplateGraph, TrackGraph
from thermedge.manifest import CropSpec, GraphSpec, Parity
from thermedge.models.stdtrack import StdTrack
from thermedge.runtime.backends import open_backend

LIMIT = 1e-4  # largest absolute difference of any output; scores are in [0, 1]
_WINDOWS = 8

Arrays = dict[str, NDArray[np.float32]]


def windows(crop: CropSpec, seed: int = 7) -> list[Arrays]:
    """Return template and search windows with the structure of thermal pictures.

    Smooth backgrounds, a warm disc as the target, a gradient, noise; seeded.
    """
    rng = np.random.default_rng(seed)
    return [
        {
            "template": _picture(crop.template_px, crop.template_px / 2, rng),
            "search": _picture(crop.search_px, rng.uniform(0.3, 0.7) * crop.search_px, rng),
        }
        for _ in range(_WINDOWS)
    ]


def compare(
    net: StdTrack,
    plain: StdTrack,
    graphs: Mapping[str, tuple[Path, GraphSpec]],
) -> tuple[dict[str, Parity], list[tuple[Arrays, Arrays]]]:
    """Run the trained, the fused and the ONNX form on the same windows.

    Args:
        net: The network as trained.
        plain: The same, fused.
        graphs: "template" and "track" -> file, and what it must have.

    Returns:
        The largest absolute differences per output, and the ONNX form's (inputs,
        outputs) as golden vectors.

    Raises:
        ThermedgeError: A difference is above LIMIT.
    """
    template = open_backend("ort", *graphs["template"])
    track = open_backend("ort", *graphs["track"])
    fused: dict[str, float] = {}
    onnx: dict[str, float] = {}
    golden = []
    for feeds in windows(net.config.crop):
        as_trained, as_fused = _in_torch(net, feeds), _in_torch(plain, feeds)
        np.copyto(template.inputs["template"], feeds["template"])
        template.run()
        np.copyto(track.inputs["search"], feeds["search"])
        for track_input, template_output in CACHED.items():
            np.copyto(track.inputs[track_input], template.outputs[template_output])
        track.run()
        outputs = {**template.outputs, **track.outputs}
        as_onnx = {name: value.copy() for name, value in outputs.items()}
        for name, value in as_onnx.items():
            fused[name] = _worse(fused.get(name, 0.0), _gap(as_trained[name], as_fused[name]))
            onnx[name] = _worse(onnx.get(name, 0.0), _gap(as_fused[name], value))
        golden.append((feeds, as_onnx))
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
def _in_torch(net: StdTrack, feeds: Arrays) -> Arrays:
    net.eval()
    template, track = TemplateGraph(net).eval(), TrackGraph(net).eval()
    cached = dict(zip(template.names, template(torch.from_numpy(feeds["template"])), strict=True))
    taken = [cached[output] for output in CACHED.values()]
    maps = track(torch.from_numpy(feeds["search"]), *taken)
    everything = cached | dict(zip(track.names, maps, strict=True))
    return {name: tensor.numpy() for name, tensor in everything.items()}


def _picture(side: int, place: float, rng: np.random.Generator) -> NDArray[np.float32]:
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    image = rng.uniform(0.2, 0.5) + rng.uniform(-0.2, 0.2) * (x + y) / (2 * side)
    distance = np.hypot(x - place, y - side / 2)
    image += rng.uniform(0.2, 0.5) / (1 + np.exp((distance - rng.uniform(8, 20)) / 2))
    image += rng.normal(0, 0.01, image.shape)
    return np.asarray(np.clip(image, 0, 1), np.float32)[None, None]
