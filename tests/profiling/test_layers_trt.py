"""Facts about the layers of TensorRT, with its recorded API on a GPU of host memory."""

import json

import numpy as np
import pytest

from thermedge import bundle
from thermedge.bundles import find
from thermedge.errors import BackendError
from thermedge.files import sha256_of
from thermedge.manifest import GraphSpec
from thermedge.profiling import layers, layers_trt
from thermedge.runtime import engine_cache
from thermedge.runtime.backends import device_memory, trt, trt_library
from thermedge.tensors import TensorSpec

VERSIONS = ("8.5.2", "8.6.1", "10.3.0", "10.16.1", "11.4.0")
SPEC = GraphSpec(
    inputs=(TensorSpec("search", (1, 1, 4, 4)), TensorSpec("kernel", (1, 3))),
    outputs=(TensorSpec("score", (1, 4)),),
)
ENGINE, SHIPPED_ENGINE = b"an engine", b"the shipped tracker's"
SHIPPED = bundle.read(find("default")).manifest
FEEDS = {"search": np.ones((1, 1, 4, 4), np.float32), "kernel": np.full((1, 3), 2, np.float32)}
# As in the example of NVIDIA's developer guide.
CONVOLUTION = {
    "Name": "conv",
    "LayerType": "CaskConvolution",
    "Inputs": [{"Dimensions": [16, 512, 28, 28], "Format/Datatype": "row major Int8 format."}],
    "Outputs": [{"Dimensions": [16, 256, 28, 28], "Format/Datatype": "row major Int8 format."}],
    "ParameterType": "Convolution",
    "Kernel": [1, 1],
    "OutMaps": 256,
    "Groups": 1,
    "Weights": {"Type": "Int8", "Count": 131072},
}


@pytest.fixture(params=VERSIONS)
def module(request, recorded_tensorrt):
    return recorded_tensorrt(request.param)


@pytest.fixture
def board(module, host_gpu, tmp_path, monkeypatch):
    """A board with TensorRT and a built engine; returns (graph, opened GPUs, what was fed)."""
    monkeypatch.setenv("THERMEDGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(trt_library, "require", lambda package, purpose: module)
    gpus, fed = [], []

    def compute(serialised, feeds):
        fed.append({name: value.copy() for name, value in feeds.items()})
        return {}

    def open_device():
        gpus.append(host_gpu.HostGpu())
        host_gpu.engines(module, gpus[-1], {ENGINE: SPEC, SHIPPED_ENGINE: SHIPPED.track}, compute)
        enqueue = module.answers["IExecutionContext.execute_async_v3"]

        def profiled(context, stream):
            number = len(fed)
            if "profiler" in vars(context):
                for name, ms in (("conv", 2.0 + number), ("tail", 0.25), ("tail", 0.5)):
                    context.profiler.report_layer_time(name, ms)
            return enqueue(context, stream)

        module.answers["IExecutionContext.execute_async_v3"] = profiled
        return gpus[-1]

    module.answers["EngineInspector.get_engine_information"] = json.dumps({"Layers": [CONVOLUTION]})
    monkeypatch.setattr(device_memory, "open_device", open_device)
    graph = tmp_path / "bundle" / "track.onnx"
    graph.parent.mkdir()
    graph.write_bytes(b"a graph")
    for built, engine in ((graph, ENGINE), (find("default") / "track.onnx", SHIPPED_ENGINE)):
        facts = engine_cache.EngineFacts(
            platform=trt.platform(module, host_gpu.HostGpu()),
            source="track.onnx",
            source_sha256=sha256_of(built),
            precision="fp16",
            flags=(),
            built="2026-01-01T00:00:00+00:00",
            build_s=1.0,
        )
        engine_cache.install(built, engine, facts)
    return graph, gpus, fed


def test_a_layer_is_the_median_of_its_runs_without_the_first(board):
    graph, gpus, fed = board
    first, second = layers_trt.measure(graph, FEEDS, threads=1, runs=5)
    assert (first.name, first.kind, first.ms) == ("conv", "Convolution", 2.0 + 3 + 2)
    assert (second.name, second.kind, second.ms) == ("tail", "", 0.75)  # told in two parts
    assert len(fed) == 3 + 5
    assert [gpu.closed for gpu in gpus] == [True]


def test_the_engine_runs_on_what_it_is_fed(board):
    graph, _, fed = board
    layers_trt.measure(graph, FEEDS, threads=1, runs=1)
    for name, value in FEEDS.items():
        np.testing.assert_array_equal(fed[-1][name], value)


def test_the_shipped_tracker_has_layers_in_whatever_precision_it_was_built(board):
    _, gpus, _ = board
    shipped = bundle.read(find("default"))
    found = layers.measure(shipped, backend="trt", precision="fp16", runs=1)
    assert [layer.name for layer in found] == ["conv", "tail"]
    assert all(gpu.closed for gpu in gpus)


def test_an_engine_that_fails_is_told_and_the_gpu_is_given_back(board, module, monkeypatch):
    graph, gpus, _ = board
    opened = device_memory.open_device

    def failing():
        gpu = opened()
        module.answers["IExecutionContext.execute_async_v3"] = False
        return gpu

    monkeypatch.setattr(device_memory, "open_device", failing)
    with pytest.raises(BackendError, match="can't run the engine") as caught:
        layers_trt.measure(graph, FEEDS, threads=1, runs=1)
    assert "thermedge build" in caught.value.remedy
    assert gpus[0].closed


def test_a_convolution_s_arithmetic_and_traffic_are_those_of_its_shapes():
    (layer,) = layers_trt.of_runs([{"conv": 1.0}], json.dumps({"Layers": [CONVOLUTION]}))
    assert layer.macs == 16 * 28 * 28 * 256 * 512
    assert layer.moved_bytes == 16 * 28 * 28 * (512 + 256) + 256 * 512


@pytest.mark.parametrize(
    "information",
    [
        "{}",
        '{"Layers": ["conv"]}',
        '{"Layers": [{"Name": "conv", "ParameterType": "Convolution"}]}',
    ],
)
def test_a_layer_without_details_has_its_time_alone(information):
    (layer,) = layers_trt.of_runs([{"conv": 3.0}], information)
    assert (layer.ms, layer.macs, layer.moved_bytes) == (3.0, 0, 0)
