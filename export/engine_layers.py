"""Which types the layers of an engine compute in: what was asked for is not always what came."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

# What layers of no arithmetic are called; they read one type and write another.
_MOVES = re.compile(r"reformat|noop|constant|shuffle|shapehostto", re.I)
# In TensorRT's words: "Row major linear FP16 format", "Half", "... Int8 format".
_TYPES = (
    ("int8", re.compile(r"int8", re.I)),
    ("fp16", re.compile(r"fp16|half", re.I)),
    ("bf16", re.compile(r"bf16|bfloat16", re.I)),
    ("fp8", re.compile(r"fp8", re.I)),
    ("fp32", re.compile(r"fp32|float", re.I)),
)


def layer_types(trt: Any, engine: Any) -> dict[str, int]:
    """Return type -> number of layers that read it, most frequent first.

    Layers that only move data are left out; a fused region counts as one layer.

    Args:
        trt: The module tensorrt.
        engine: Built with detailed profiling verbosity, as ours are.
    """
    inspector = engine.create_engine_inspector()
    return types_of(inspector.get_engine_information(trt.LayerInformationFormat.JSON))


def types_of(information: str) -> dict[str, int]:
    """Do what `layer_types` does, from the inspector's JSON."""
    layers = json.loads(information).get("Layers", [])
    found = Counter(
        _type(layer)
        for layer in layers
        if isinstance(layer, Mapping) and not _MOVES.search(str(layer.get("LayerType", "")))
    )
    return dict(found.most_common())


def shortfall(precision: str, layers: Mapping[str, int]) -> str | None:
    """Return what to tell a user whose engine has no layer of the requested precision."""
    if precision == "fp32" or not layers or layers.get(precision):
        return None
    has = ", ".join(f"{count} in {kind}" for kind, count in layers.items())
    return f"{precision} was asked for, but TensorRT found other types faster: {has} layers"


def _type(layer: Mapping[str, Any]) -> str:
    for tensor in (*layer.get("Inputs", ()), *layer.get("Outputs", ())):
        # TensorRT 11 split the first into the other two.
        told = " ".join(
            str(tensor.get(key, ""))
            for key in ("Format/Datatype", "DataType", "Datatype", "Format")
        )
        for name, pattern in _TYPES:
            if pattern.search(told):
                return name
    return "other"
