import importlib.util
import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from thermedge import bundle
from thermedge.bundles import find
from thermedge.errors import BackendError, MissingDependencyError
from thermedge.manifest import GraphSpec
from thermedge.runtime import golden
from thermedge.runtime.backends import open_backend
from thermedge.tensors import TensorSpec

if importlib.util.find_spec("openvino") is None:  # not importorskip: its import phones home
    pytest.skip("needs the extra openvino", allow_module_level=True)


@pytest.fixture(scope="module")
def shipped():
    return bundle.read(find("default"))


def saved(path, nodes, inputs, outputs, initializers):
    def value(item):
        return helper.make_tensor_value_info(item.name, TensorProto.FLOAT, item.shape)

    graph = helper.make_graph(
        nodes,
        "g",
        [value(item) for item in inputs],
        [value(item) for item in outputs],
        [numpy_helper.from_array(array, name) for name, array in initializers.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=10), path)
    return path


@pytest.fixture(scope="module")
def quantized(tmp_path_factory):
    """A convolution and a product with Q/DQ as boards take it: int8, symmetric, zero point 0."""
    rng = np.random.default_rng(2)
    spec = GraphSpec(
        inputs=(TensorSpec("x", (1, 3, 12, 12)),), outputs=(TensorSpec("y", (1, 8, 12, 5)),)
    )
    zero, zeros = np.int8(0), np.zeros(8, np.int8)
    values = {
        "x_scale": np.float32(1 / 127),
        "zero": np.asarray(zero),
        "zeros": zeros,
        "w": rng.integers(-127, 128, (8, 3, 3, 3), np.int8),
        "w_scale": rng.uniform(0.002, 0.01, 8).astype(np.float32),
        "b": rng.normal(size=8).astype(np.float32),
        "h_scale": np.float32(0.05),
        "m": rng.integers(-127, 128, (12, 5), np.int8),
        "m_scale": np.float32(0.01),
    }
    node = helper.make_node
    nodes = [
        node("QuantizeLinear", ["x", "x_scale", "zero"], ["xq"]),
        node("DequantizeLinear", ["xq", "x_scale", "zero"], ["xd"]),
        node("DequantizeLinear", ["w", "w_scale", "zeros"], ["wd"], axis=0),
        node("Conv", ["xd", "wd", "b"], ["c"], pads=[1, 1, 1, 1]),
        node("Relu", ["c"], ["h"]),
        node("QuantizeLinear", ["h", "h_scale", "zero"], ["hq"]),
        node("DequantizeLinear", ["hq", "h_scale", "zero"], ["hd"]),
        node("DequantizeLinear", ["m", "m_scale", "zero"], ["md"]),
        node("MatMul", ["hd", "md"], ["y"]),
    ]
    path = tmp_path_factory.mktemp("qdq") / "track.int8.onnx"
    return saved(path, nodes, spec.inputs, spec.outputs, values), spec


def test_the_shipped_bundle_computes_what_it_computed_at_export(shipped):
    gaps = golden.check(shipped, backend="openvino", precision="fp32")
    assert {"score", "offset", "size", "spread"} <= set(gaps)
    # bfloat16, which a CPU with AMX would take by itself, is off by more than 1e-3.
    assert 0 < max(gaps.values()) < 1e-4


def test_results_are_written_into_the_same_buffers_every_time(shipped):
    engine = open_backend("openvino", shipped.path(bundle.TRACK_GRAPH), shipped.manifest.track)
    buffers = {name: array.ctypes.data for name, array in engine.outputs.items()}
    rng = np.random.default_rng(1)
    seen = []
    for _ in range(2):
        for array in engine.inputs.values():
            array[...] = rng.random(array.shape, np.float32)
        engine.run()
        seen.append({name: array.copy() for name, array in engine.outputs.items()})
    assert {name: array.ctypes.data for name, array in engine.outputs.items()} == buffers
    assert all(not np.array_equal(seen[0][name], seen[1][name]) for name in buffers)
    engine.close()
    engine.close()


def test_a_quantized_graph_gives_what_the_reference_gives(quantized):
    path, spec = quantized
    rng = np.random.default_rng(3)
    engines = [open_backend(name, path, spec) for name in ("ort", "openvino")]
    x = rng.uniform(-1, 1, spec.inputs[0].shape).astype(np.float32)
    for engine in engines:
        engine.inputs["x"][...] = x
        engine.run()
    reference, here = (engine.outputs["y"] for engine in engines)
    step = 0.05 * 127 * 0.01  # one step of the hidden tensor, times the largest weight
    assert np.abs(here - reference).max() <= step * 1.001
    assert np.mean(np.abs(here - reference) > 1e-4) < 0.05  # ties that round the other way


@pytest.mark.parametrize("where", ["before", "after", "both"])
def test_a_quantized_join_gives_what_the_reference_gives(tmp_path, where):
    rng = np.random.default_rng(5)
    widths = (5, 3, 8)
    spec = GraphSpec(
        inputs=tuple(TensorSpec(f"x{i}", (1, n, 6, 6)) for i, n in enumerate(widths)),
        outputs=(TensorSpec("y", (1, 16, 6, 6)),),
    )
    values = {
        "scale": np.float32(0.02),
        "zero": np.asarray(np.int8(0)),
        "zeros": np.zeros(16, np.int8),
        "w": rng.integers(-127, 128, (16, sum(widths), 1, 1), np.int8),
        "w_scale": rng.uniform(0.002, 0.01, 16).astype(np.float32),
    }

    def rounded(name):
        quantized = f"{name}_q"
        return [
            helper.make_node("QuantizeLinear", [name, "scale", "zero"], [quantized]),
            helper.make_node("DequantizeLinear", [quantized, "scale", "zero"], [f"{name}_d"]),
        ]

    parts, nodes = [item.name for item in spec.inputs], []
    if where != "after":
        nodes += [node for name in parts for node in rounded(name)]
        parts = [f"{name}_d" for name in parts]
    nodes.append(helper.make_node("Concat", parts, ["joined"], axis=1))
    nodes += rounded("joined") if where != "before" else []
    joined = "joined" if where == "before" else "joined_d"
    nodes += [
        helper.make_node("DequantizeLinear", ["w", "w_scale", "zeros"], ["wd"], axis=0),
        helper.make_node("Conv", [joined, "wd"], ["y"]),
    ]
    path = saved(tmp_path / "track.int8.onnx", nodes, spec.inputs, spec.outputs, values)
    engines = [open_backend(name, path, spec) for name in ("ort", "openvino")]
    for item in spec.inputs:
        x = rng.normal(size=item.shape).astype(np.float32)
        for engine in engines:
            engine.inputs[item.name][...] = x
    for engine in engines:
        engine.run()
    # Without the guard the two are apart by a third of the largest value.
    np.testing.assert_allclose(engines[1].outputs["y"], engines[0].outputs["y"], atol=0.05)


def test_weights_stored_as_int8_do_not_quantize_what_meets_them(tmp_path):
    rng = np.random.default_rng(4)
    spec = GraphSpec(inputs=(TensorSpec("x", (1, 256)),), outputs=(TensorSpec("y", (1, 64)),))
    values = {
        "m": rng.integers(-127, 128, (256, 64), np.int8),
        "scale": np.float32(0.01),
        "zero": np.asarray(np.int8(0)),
    }
    nodes = [
        helper.make_node("DequantizeLinear", ["m", "scale", "zero"], ["md"]),
        helper.make_node("MatMul", ["x", "md"], ["y"]),
    ]
    path = saved(tmp_path / "track.onnx", nodes, spec.inputs, spec.outputs, values)
    engine = open_backend("openvino", path, spec)
    engine.inputs["x"][...] = x = rng.normal(size=(1, 256)).astype(np.float32)
    engine.run()
    exact = x.astype(np.float64) @ (values["m"] * 0.01)
    np.testing.assert_allclose(engine.outputs["y"], exact, atol=1e-4)


def test_a_graph_of_another_shape_than_the_manifest_s_is_refused(shipped):
    spec = shipped.manifest.track
    wrong = replace(spec, inputs=(TensorSpec("search", (1, 1, 96, 96)), *spec.inputs[1:]))
    with pytest.raises(BackendError, match="96, 96"):
        open_backend("openvino", shipped.path(bundle.TRACK_GRAPH), wrong)


def test_a_free_dimension_is_refused_by_its_place(tmp_path):
    free, fixed = TensorSpec("x", (-1, 4)), TensorSpec("x", (1, 4))
    nodes = [helper.make_node("Relu", ["x"], ["y"])]
    path = saved(tmp_path / "track.onnx", nodes, (free,), (TensorSpec("y", (-1, 4)),), {})
    spec = GraphSpec(inputs=(fixed,), outputs=(TensorSpec("y", (1, 4)),))
    with pytest.raises(BackendError, match=r"'x': \('.*', 4\)"):
        open_backend("openvino", path, spec)


def test_a_file_that_is_no_graph_is_refused_in_one_line(shipped, tmp_path):
    path = tmp_path / "track.onnx"
    path.write_bytes(b"not a graph")
    with pytest.raises(BackendError, match="refuses") as caught:
        open_backend("openvino", path, shipped.manifest.track)
    assert "\n" not in caught.value.problem
    assert "ort" in caught.value.remedy


def test_an_absent_package_is_named_with_its_remedy(shipped, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingDependencyError, match="'openvino' needs openvino") as caught:
        open_backend("openvino", shipped.path(bundle.TRACK_GRAPH), shipped.manifest.track)
    assert "pip install" in caught.value.remedy


QUIET = """
import socket, sys
def refuse(*arguments, **options):
    print("phoned", arguments, flush=True)
    raise OSError("no network here")
socket.getaddrinfo = socket.socket.connect = refuse
from thermedge import bundle
from thermedge.bundles import find
from thermedge.runtime import golden
golden.check(bundle.read(find("default")), backend="openvino", precision="fp32")
print(sorted(name for name in sys.modules if name.startswith("openvino_telemetry.")))
"""


def test_openvino_tells_nobody_that_it_runs(tmp_path):
    # Its telemetry keeps still where CI is set, so that would hide it.
    done = subprocess.run(
        [sys.executable, "-c", QUIET],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout == "[]\n", done.stderr
    assert list(tmp_path.rglob("*openvino*")) == []
    assert not (tmp_path / "intel").exists()


SIGNALLED = """
import faulthandler, os, signal
faulthandler.enable()  # brings a stack for signal handlers, as many programs do
signal.signal(signal.SIGTERM, lambda number, frame: print("handled", flush=True))
from thermedge import bundle
from thermedge.bundles import find
from thermedge.runtime.backends import open_backend
shipped = bundle.read(find("default"))
def opened():
    return open_backend("openvino", shipped.path(bundle.TRACK_GRAPH), shipped.manifest.track)
first, second = opened(), opened()
for backend in (first, second):
    backend.run()
    backend.close()
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_a_signal_after_closed_graphs_is_handled():
    done = subprocess.run(
        [sys.executable, "-c", SIGNALLED],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr
