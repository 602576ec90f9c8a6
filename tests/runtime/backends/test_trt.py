import logging
import os
from dataclasses import replace

import numpy as np
import pytest

from thermedge.errors import BackendError, MissingDependencyError
from thermedge.files import sha256_of
from thermedge.manifest import GraphSpec
from thermedge.runtime import engine_cache
from thermedge.runtime.backends import device_memory, open_backend, trt, trt_library
from thermedge.runtime.backends.trt import TrtBackend
from thermedge.tensors import TensorSpec

VERSIONS = ("8.5.2", "8.6.1", "10.3.0", "10.16.1", "11.4.0")
SPEC = GraphSpec(
    inputs=(TensorSpec("search", (1, 1, 4, 4)), TensorSpec("kernel", (1, 3))),
    outputs=(TensorSpec("score", (1, 4)), TensorSpec("next", (1, 3))),
)
ENGINE = b"an engine"


def compute(serialised, feeds):
    score = feeds["search"][0, 0].sum(axis=1) * feeds["kernel"].sum()
    return {"score": score[None], "next": feeds["kernel"] + 1}


@pytest.fixture(params=VERSIONS)
def module(request, recorded_tensorrt):
    return recorded_tensorrt(request.param)


@pytest.fixture
def opened(module, host_gpu):
    """Return a function that opens the engine on a GPU of host memory."""

    def open_on(gpu=None, spec=SPEC, work=compute, **kinds):
        gpu = gpu or host_gpu.HostGpu(**kinds)
        host_gpu.engines(module, gpu, {ENGINE: SPEC}, work)
        return TrtBackend(module, gpu, ENGINE, spec, precision="fp16"), gpu

    return open_on


def fill(backend, seed):
    rng = np.random.default_rng(seed)
    for array in backend.inputs.values():
        array[...] = rng.random(array.shape, np.float32)


def expected(backend):
    return compute(ENGINE, backend.inputs)


@pytest.mark.parametrize("records", [True, False])
def test_a_run_computes_from_inputs_to_outputs(opened, records):
    backend, _ = opened(records=records)
    assert (backend.name, backend.has_graph) == ("trt-fp16", records)
    for seed in range(3):
        fill(backend, seed)
        backend.run()
        for name, value in expected(backend).items():
            np.testing.assert_allclose(backend.outputs[name], value, rtol=1e-6)


def test_buffers_and_device_memory_stay_where_they_are(opened):
    backend, gpu = opened()
    before = {name: a.ctypes.data for name, a in (backend.inputs | backend.outputs).items()}
    blocks = set(gpu.memory)
    for seed in range(5):
        fill(backend, seed)
        backend.run()
    assert before == {n: a.ctypes.data for n, a in (backend.inputs | backend.outputs).items()}
    assert set(gpu.memory) == blocks
    assert len(blocks) == 4


@pytest.mark.parametrize("records", [True, False])
def test_a_held_input_is_copied_once_and_not_looked_at_again(opened, records):
    backend, gpu = opened(records=records)
    fill(backend, 1)
    backend.hold(["kernel"])
    held = backend.inputs["kernel"].copy()
    backend.inputs["kernel"].fill(9)
    gpu.uploads.clear()
    backend.run()
    np.testing.assert_allclose(backend.outputs["next"], held + 1)
    assert len(gpu.uploads) == 1  # the other input

    backend.hold(["kernel"])
    backend.run()
    np.testing.assert_allclose(backend.outputs["next"], np.full((1, 3), 10))


def test_a_graph_that_computes_something_else_is_not_used(opened, caplog):
    runs = []

    def drifting(serialised, feeds):
        runs.append(1)
        return {"score": np.full((1, 4), len(runs)), "next": feeds["kernel"]}

    with caplog.at_level(logging.WARNING):
        backend, _ = opened(work=drifting)
    assert not backend.has_graph
    assert "CUDA graph" in caplog.text


def test_closing_frees_the_device_once_and_ends_runs(opened):
    backend, gpu = opened()
    backend.close()
    backend.close()
    assert gpu.closed
    with pytest.raises(BackendError, match="was closed"):
        backend.run()


def test_a_run_takes_the_device_for_the_thread_that_calls(opened):
    backend, gpu = opened()
    before = gpu.activations
    backend.run()
    assert gpu.activations == before + 1


def test_an_engine_with_other_tensors_than_the_manifest_s_is_refused(opened):
    wrong = replace(SPEC, inputs=(TensorSpec("search", (1, 1, 8, 8)), SPEC.inputs[1]))
    with pytest.raises(BackendError, match=r"\(1, 1, 4, 4\).*\(1, 1, 8, 8\)") as caught:
        opened(spec=wrong)
    assert "thermedge build" in caught.value.remedy


def test_an_engine_with_tensors_in_fp16_is_refused(module, host_gpu):
    gpu = host_gpu.HostGpu()
    host_gpu.engines(module, gpu, {ENGINE: SPEC}, compute)
    module.answers["ICudaEngine.get_tensor_dtype"] = lambda engine, name: module.DataType.HALF
    with pytest.raises(BackendError, match="search .*HALF|search 1"):
        TrtBackend(module, gpu, ENGINE, SPEC, precision="fp16")


def logged(module, message):
    """Let what was given to the Runtime as a logger hear an error."""

    def say(*arguments):
        (log,) = [call[1] for call in module.calls if call[0] == "Runtime.__init__"][-1:]
        log.log(module.ILogger.ERROR, message)

    return say


def test_an_engine_that_tensorrt_does_not_take_is_refused_with_its_words(module, host_gpu):
    gpu = host_gpu.HostGpu()
    module.answers["Runtime.deserialize_cuda_engine"] = logged(module, "Version tag does not match")
    with pytest.raises(BackendError, match="Version tag does not match") as caught:
        TrtBackend(module, gpu, ENGINE, SPEC, precision="fp16")
    assert "thermedge build" in caught.value.remedy


def test_a_gpu_without_memory_for_the_engine_is_told_so(module, host_gpu):
    gpu = host_gpu.HostGpu()
    host_gpu.engines(module, gpu, {ENGINE: SPEC}, compute)
    module.answers["ICudaEngine.create_execution_context"] = logged(
        module, "CUDA error: out of memory"
    )
    with pytest.raises(BackendError, match="no memory left") as caught:
        TrtBackend(module, gpu, ENGINE, SPEC, precision="fp16")
    assert "tegrastats" in caught.value.remedy


def test_a_run_that_fails_is_told_with_tensorrt_s_words(opened, module):
    backend, _ = opened(records=False)
    say = logged(module, "Cuda Runtime (an illegal memory access was encountered)")
    module.answers["IExecutionContext.execute_async_v3"] = lambda *given: bool(say())
    with pytest.raises(BackendError, match="illegal memory access"):
        backend.run()


def test_an_engine_for_the_accelerator_is_loaded_on_its_core(module, host_gpu):
    gpu = host_gpu.HostGpu()
    host_gpu.engines(module, gpu, {ENGINE: SPEC}, compute)
    backend = TrtBackend(module, gpu, ENGINE, SPEC, precision="fp16", dla_core=1)
    assert backend._runtime.DLA_core == 1


# From here on through open_backend, with the recorded module in place of the installed one.


@pytest.fixture
def board(module, host_gpu, tmp_path, monkeypatch):
    """A board with TensorRT and a GPU of host memory; returns (graph, opened GPUs)."""
    monkeypatch.setenv("THERMEDGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(trt_library, "require", lambda package, purpose: module)
    gpus = []

    def open_device():
        gpus.append(host_gpu.HostGpu())
        host_gpu.engines(module, gpus[-1], {ENGINE: SPEC}, compute)
        return gpus[-1]

    monkeypatch.setattr(device_memory, "open_device", open_device)
    graph = tmp_path / "bundle" / "track.onnx"
    graph.parent.mkdir()
    graph.write_bytes(b"a graph")
    facts = engine_cache.EngineFacts(
        platform=trt.platform(module, host_gpu.HostGpu()),
        source="track.onnx",
        source_sha256=sha256_of(graph),
        precision="int8",
        flags=(),
        built="2026-01-01T00:00:00+00:00",
        build_s=1.0,
    )
    engine_cache.install(graph, ENGINE, facts)
    return graph, gpus


def test_the_installed_engine_is_opened_by_its_graph(board):
    graph, _ = board
    backend = open_backend("trt", graph, SPEC)
    assert backend.name == "trt-int8"
    fill(backend, 2)
    backend.run()
    np.testing.assert_allclose(backend.outputs["score"], expected(backend)["score"], rtol=1e-6)


def test_an_engine_of_another_tensorrt_is_not_shown_to_this_one(board, module):
    graph, gpus = board
    built, module.__version__ = module.__version__, "10.99.0"
    with pytest.raises(BackendError, match="this board has TensorRT 10.99.0") as caught:
        open_backend("trt", graph, SPEC)
    assert f"built with TensorRT {built}" in caught.value.problem
    assert f"thermedge build {graph.parent}" in caught.value.remedy
    assert all(gpu.closed for gpu in gpus)
    assert not [call for call in module.calls if call[0].startswith("Runtime.")]


def test_a_truncated_engine_is_not_shown_to_tensorrt(board, module):
    graph, gpus = board
    (stored,) = engine_cache.folder().glob("track-*.????????????????")
    os.truncate(stored, 3)
    with pytest.raises(BackendError, match="truncated"):
        open_backend("trt", graph, SPEC)
    assert all(gpu.closed for gpu in gpus)
    assert not [call for call in module.calls if call[0].startswith("Runtime.")]


def test_without_tensorrt_the_remedy_names_jetpack(tmp_path):
    pytest.importorskip("onnxruntime")
    try:
        import tensorrt  # noqa: F401
    except ImportError:
        with pytest.raises(MissingDependencyError, match="tensorrt") as caught:
            open_backend("trt", tmp_path / "track.onnx", SPEC)
        assert "JetPack" in caught.value.remedy
        assert "--backend ort" in caught.value.remedy
    else:
        pytest.skip("TensorRT is installed here")
