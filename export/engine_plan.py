"""What has to be built of a bundle for one precision, and from which of its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from thermedge.bundle import Bundle, graph_file
from thermedge.errors import BackendError
from thermedge.export.engine_adapters import TensorRT8
from thermedge.manifest import GraphSpec

GRAPHS = ("template", "track")
CHOICES = ("best", "fp16", "int8", "fp32")


@dataclass(frozen=True, slots=True)
class Job:
    """Two engines that make one tracker."""

    precision: str
    sources: Mapping[str, Path]  # graph -> its ONNX file


def jobs(
    bundle: Bundle, generation: TensorRT8, wanted: str, *, dla_core: int | None = None
) -> tuple[Job, ...]:
    """Return what to build.

    Args:
        wanted: One of CHOICES. "best" is fp16 and int8, as far as the bundle has them; the
            faster one that passes is to be kept.
        dla_core: An accelerator besides the GPU, if one is to be used.

    Raises:
        BackendError: The bundle lacks the graphs, or the accelerator does not take them.
    """
    if dla_core is not None and wanted != "fp16":
        raise BackendError(
            f"The DLA can't be used with --precision {wanted}: it takes FP16, and refuses the "
            "Q/DQ nodes that say INT8 in our graphs.",
            "Add --precision fp16, or leave --dla out.",
        )
    if wanted != "best":
        return (_job(bundle, generation, wanted),)
    found = tuple(_job(bundle, generation, p) for p in _at_hand(bundle, generation))
    if not found:
        raise _lacking(bundle, generation, "fp16")
    return found


def specs(bundle: Bundle) -> dict[str, GraphSpec]:
    """Return the inputs and outputs of each graph."""
    return {"template": bundle.manifest.template, "track": bundle.manifest.track}


def _at_hand(bundle: Bundle, generation: TensorRT8) -> list[str]:
    return [
        precision
        for precision in ("fp16", "int8")
        if all(name in bundle.manifest.files for name in _files(generation, precision).values())
    ]


def _job(bundle: Bundle, generation: TensorRT8, precision: str) -> Job:
    files = _files(generation, precision)
    if any(name not in bundle.manifest.files for name in files.values()):
        raise _lacking(bundle, generation, precision)
    return Job(precision, {graph: bundle.path(name) for graph, name in files.items()})


def _files(generation: TensorRT8, precision: str) -> dict[str, str]:
    return {graph: graph_file(graph, generation.graph_precision(precision)) for graph in GRAPHS}


def _lacking(bundle: Bundle, generation: TensorRT8, precision: str) -> BackendError:
    files = _files(generation, precision).values()
    missing = " and ".join(name for name in files if name not in bundle.manifest.files)
    if precision == "int8":
        return BackendError(
            f"The bundle {bundle.folder} has no {missing}: INT8 needs graphs that were calibrated.",
            "Export it with --precision int8 --calibration SET, or build --precision fp16",
        )
    return BackendError(
        f"The bundle {bundle.folder} has no {missing}: TensorRT {generation.trt.__version__} takes "
        "FP16 from the graph alone.",
        "Export the bundle again with this version of thermedge, or build --precision fp32",
    )
