"""Write a bundle whose network follows what is as hot as the target was.

The shipped network takes a second per frame on an imitated CPU. This one is a real graph in a
real bundle, but small. Heat is what exceeds half of the template's middle; a cell's score is the
share of a target's area around it that is hot, and its offset leads to the middle of that heat.
"""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

from thermedge import bundle
from thermedge.files import sha256_of
from thermedge.manifest import (
    CropSpec,
    DataCredit,
    GraphSpec,
    HeadSpec,
    LoopSpec,
    Manifest,
    MemorySpec,
    Origin,
    ScalingSpec,
)
from thermedge.tensors import TensorSpec

STRIDE_PX, CELLS = 8, 20
TEMPLATE_PX, SEARCH_PX = 88, STRIDE_PX * CELLS
TEMPLATE = TensorSpec("template", (1, 1, TEMPLATE_PX, TEMPLATE_PX))
SEARCH = TensorSpec("search", (1, 1, SEARCH_PX, SEARCH_PX))
HEAT = TensorSpec("heat", (1, 1, 1, 1))
MAPS = tuple(
    TensorSpec(name, (1, count, CELLS, CELLS))
    for name, count in (("score", 1), ("offset", 2), ("size", 2), ("spread", 2))
)
FINE_PX = 4  # heat is summed up on a finer grid than that of the cells
TARGET_PX = 40  # side of a target's area in both windows, by their factors
AROUND_PX = 56  # of which the middle is taken: a target that lies half a cell off, and a rim
LN_SPREAD = -5.0  # sizes are certain: they are the template's


def write(folder: Path) -> None:
    """Write the bundle `folder`."""
    folder.mkdir(parents=True)
    graphs = {
        bundle.TEMPLATE_GRAPH: (_template_nodes(), (TEMPLATE,), (HEAT,)),
        bundle.TRACK_GRAPH: (_track_nodes(), (SEARCH, HEAT), MAPS),
    }
    for name, (nodes, inputs, outputs) in graphs.items():
        graph = helper.make_graph(nodes, "hottest", _declared(inputs), _declared(outputs))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, folder / name)
    _write_golden(folder)
    (folder / bundle.MODEL_CARD).write_text(f"# hottest\n\n{__doc__}", encoding="utf-8")
    manifest = _manifest({name: sha256_of(folder / name) for name in bundle.REQUIRED})
    (folder / bundle.MANIFEST).write_text(bundle.manifest_text(manifest), encoding="utf-8")


def _template_nodes() -> list[onnx.NodeProto]:
    # The target fills 40 of 88 px; its middle half is surely the target.
    starts, ends = ([TEMPLATE_PX // 2 + side * 10] * 2 for side in (-1, 1))
    return [
        _constant("starts", np.array(starts, np.int64)),
        _constant("ends", np.array(ends, np.int64)),
        _constant("axes", np.array([2, 3], np.int64)),
        helper.make_node("Slice", ["template", "starts", "ends", "axes"], ["middle"]),
        helper.make_node("GlobalAveragePool", ["middle"], ["heat"]),
    ]


def _track_nodes() -> list[onnx.NodeProto]:
    fine, ratio = [FINE_PX] * 2, STRIDE_PX // FINE_PX
    cells = AROUND_PX // FINE_PX
    steps = (np.arange(cells, dtype=np.float32) - (cells - 1) / 2) * FINE_PX / STRIDE_PX
    # Weights for the sum over a target's area, and for the sum, and both moments, over more.
    near = np.abs(steps) * STRIDE_PX < TARGET_PX / 2
    ones = np.ones((cells, cells), np.float32)
    weights = np.stack([np.outer(near, near), ones, ones * steps, ones * steps[:, None]])[:, None]
    margin = (cells - ratio) // 2
    shape = (1, 2, CELLS, CELLS)
    node = helper.make_node
    return [
        node("AveragePool", ["search"], ["fine"], kernel_shape=fine, strides=fine),
        _constant("half", np.float32(0.5)),
        node("Mul", ["heat", "half"], ["threshold"]),
        node("Sub", ["fine", "threshold"], ["above"]),
        node("Relu", ["above"], ["hot"]),
        _constant("weights", weights.astype(np.float32)),
        node("Conv", ["hot", "weights"], ["sums"], strides=[ratio] * 2, pads=[margin] * 4),
        _constant("parts", np.array([1, 1, 2], np.int64)),
        node("Split", ["sums", "parts"], ["on_target", "around", "moments"], axis=1),
        _constant("least", np.float32(1e-3)),
        node("Max", ["around", "least"], ["weight"]),
        node("Div", ["moments", "weight"], ["offset"]),
        _constant("area", np.float32(near.sum() ** 2)),
        node("Mul", ["threshold", "area"], ["all_hot"]),
        node("Max", ["all_hot", "least"], ["whole"]),
        node("Div", ["on_target", "whole"], ["share"]),
        _constant("one", np.float32(1)),
        node("Min", ["share", "one"], ["score"]),
        _constant("size", np.zeros(shape, np.float32)),
        _constant("spread", np.full(shape, LN_SPREAD, np.float32)),
    ]


def _constant(name: str, value: np.ndarray | np.float32) -> onnx.NodeProto:
    tensor = onnx.numpy_helper.from_array(np.asarray(value), name)
    return helper.make_node("Constant", [], [name], value=tensor)


def _declared(specs: tuple[TensorSpec, ...]) -> list[onnx.ValueInfoProto]:
    return [helper.make_tensor_value_info(s.name, TensorProto.FLOAT, s.shape) for s in specs]


def _write_golden(folder: Path) -> None:
    rng = np.random.default_rng(0)
    given = {item.name: rng.random(item.shape, np.float32) for item in (TEMPLATE, SEARCH)}
    made: dict[str, np.ndarray] = {}
    for graph in (bundle.TEMPLATE_GRAPH, bundle.TRACK_GRAPH):
        session = ort.InferenceSession(folder / graph, providers=["CPUExecutionProvider"])
        feeds = {item.name: (given | made)[item.name] for item in session.get_inputs()}
        names = [item.name for item in session.get_outputs()]
        made |= dict(zip(names, session.run(names, feeds), strict=True))
    arrays = {f"0.in.{name}": value for name, value in given.items()}
    np.savez(folder / bundle.GOLDEN, **arrays, **{f"0.out.{n}": v for n, v in made.items()})


def _manifest(files: dict[str, str]) -> Manifest:
    nobody = DataCredit(name="none", licence="Apache-2.0", credit="nothing was learned")
    return Manifest(
        format=1,
        name="hottest",
        tracker="hottest",
        size="nano",
        crop=CropSpec(
            template_px=TEMPLATE_PX, search_px=SEARCH_PX, template_factor=2.2, search_factor=4.0
        ),
        scaling=ScalingSpec(
            low_percent=0.5, high_percent=99.8, min_span_counts=100, expand_s=0.2, contract_s=2
        ),
        head=HeadSpec(kind="centre", stride_px=STRIDE_PX, size="template"),
        loop=LoopSpec(
            window_weight=0.3,
            sure_score=0.5,
            accept_score=0.3,
            size_step=0.5,
            size_prior=0.2,
            velocity_step=0.3,
            scan_after_frames=2,
            scan_windows=4,
            scan_widening=1.5,
            reach_step=0.04,
            reacquire_score=0.5,
            lost_after_frames=40,
        ),
        memory=MemorySpec(kind="none"),
        template=GraphSpec(inputs=(TEMPLATE,), outputs=(HEAT,)),
        track=GraphSpec(inputs=(SEARCH, HEAT), outputs=MAPS),
        cached={"heat": "heat"},
        precision="fp32",
        files=files,
        origin=Origin(
            commit="",
            checkpoint_sha256="",
            recipe="none",
            samples=0,
            seed=0,
            date="",
            data=(nobody,),
        ),
        parity={},
        licence="Apache-2.0",
    )
