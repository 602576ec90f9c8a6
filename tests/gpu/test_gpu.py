"""What a machine with an NVIDIA GPU can show, with whatever of its stack is installed.

`make test-gpu` runs it and prints figures with the device's name. What is not installed is
skipped with its name; a machine without a GPU skips all.
"""

import importlib
import importlib.util
import statistics
from time import perf_counter_ns

import numpy as np
import pytest

from thermedge import bundle
from thermedge.bundles import find
from thermedge.commands import main
from thermedge.errors import BackendError, MissingDependencyError
from thermedge.export import engine, engine_plan
from thermedge.export.engine import Options
from thermedge.runtime import golden
from thermedge.runtime.backends import device_cuda, device_memory, device_pycuda, open_backend
from thermedge.runtime.backends.trt import TrtBackend

pytestmark = pytest.mark.gpu

RUNS = 300
MOST_OVERHEAD = 0.10  # of the backend over the bare engine


@pytest.fixture(scope="module")
def shipped():
    return bundle.read(find("default"))


@pytest.fixture(params=["device_cuda", "device_pycuda"])
def device(request):
    opener = {"device_cuda": device_cuda, "device_pycuda": device_pycuda}[request.param]
    try:
        opened = opener.open_first()
    except (BackendError, MissingDependencyError) as error:
        pytest.skip(error.problem)
    yield opened
    opened.close()


@pytest.fixture
def gpu():
    try:
        opened = device_memory.open_device()
    except (BackendError, MissingDependencyError) as error:
        pytest.skip(error.problem)
    yield opened
    opened.close()


def tell(capsys, line):
    with capsys.disabled():
        print(f"\n{line}")  # noqa: T201


def timed(call):
    for _ in range(30):
        call()
    times = []
    for _ in range(RUNS):
        began = perf_counter_ns()
        call()
        times.append((perf_counter_ns() - began) / 1e6)
    return statistics.median(times), statistics.quantiles(times, n=100)[98]


def test_bytes_go_up_and_come_back(device, capsys):
    free, total = device.memory_mib()
    tell(
        capsys,
        f"{device.name}, sm {device.compute_capability}, CUDA {device.driver}: {free}/{total} MiB",
    )
    sent, back = device.host((64, 257), "float32"), device.host((64, 257), "float32")
    address = device.allocate(sent.nbytes)

    def work():
        device.upload(address, sent)
        device.download(back, address)

    launch = device.recorded(work)
    for seed in range(3):
        sent[...] = np.random.default_rng(seed).random(sent.shape, np.float32)
        (launch or work)()
        device.synchronize()
        np.testing.assert_array_equal(back, sent)


def test_more_memory_than_there_is_is_refused_with_a_remedy(device):
    _, total = device.memory_mib()
    with pytest.raises(BackendError, match="no memory left"):
        device.allocate((4 * total) << 20)


@pytest.fixture(params=["tensorrt", "tensorrt_rtx_bindings"])
def trt(request):
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return importlib.import_module(request.param)


@pytest.fixture
def engines(trt, gpu, shipped):
    """Both graphs as fp32 engines; None of TensorRT-RTX where it does not take the GPU."""
    opened = {}
    for graph, spec in engine_plan.specs(shipped).items():
        options = Options(precision="fp32", workspace_mib=1024)
        built = engine.build(trt, shipped.path(f"{graph}.onnx"), options)
        device = device_memory.open_device()
        try:
            opened[graph] = TrtBackend(trt, device, built.data, spec, precision="fp32")
        except BackendError as error:
            device.close()
            for backend in opened.values():
                backend.close()
            if "rtx" in trt.__name__:
                pytest.skip(f"TensorRT-RTX does not take the {gpu.name}: {error.problem}")
            raise
    yield opened
    for backend in opened.values():
        backend.close()


def test_engines_compute_what_was_exported_and_cost_little_more_than_their_bare_call(
    trt, gpu, engines, shipped, capsys
):
    gaps = golden.compare(shipped, engines["template"], engines["track"], "fp32")
    track = engines["track"]
    context, device = track._context, track._device

    def bare():
        context.execute_async_v3(device.stream)
        device.synchronize()

    alone, whole = timed(bare), timed(track.run)
    tell(
        capsys,
        f"{trt.__name__} {trt.__version__} on {gpu.name}, track graph fp32, graph "
        f"{track.has_graph}: engine p50 {alone[0]:.3f} p99 {alone[1]:.3f} ms, backend p50 "
        f"{whole[0]:.3f} p99 {whole[1]:.3f} ms, largest gap {max(gaps.values()):.1e}",
    )
    assert whole[0] <= alone[0] * (1 + MOST_OVERHEAD)


def test_the_command_builds_and_the_backend_runs(gpu, shipped, tmp_path, monkeypatch):
    pytest.importorskip("tensorrt")
    monkeypatch.setenv("THERMEDGE_CACHE", str(tmp_path))
    assert main(["build", "default", "--precision", "best"]) == 0
    backend = open_backend("trt", shipped.path("track.onnx"), shipped.manifest.track)
    backend.run()
    assert all(np.isfinite(array).all() for array in backend.outputs.values())
    backend.close()


def test_onnx_runtime_on_the_gpu_is_a_yardstick(gpu, shipped, capsys):
    ort = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        pytest.skip("this onnxruntime has no CUDA")
    session = ort.InferenceSession(
        str(shipped.path("track.onnx")), providers=["CUDAExecutionProvider"]
    )
    # It falls back to the CPU without an error, and its time would be the CPU's.
    assert session.get_providers()[0] == "CUDAExecutionProvider"
    spec = shipped.manifest.track.inputs
    feeds = {item.name: np.full(item.shape, 0.5, np.float32) for item in spec}
    p50, p99 = timed(lambda: session.run(None, feeds))
    tell(
        capsys, f"onnxruntime {ort.__version__} CUDA on {gpu.name}: p50 {p50:.3f} p99 {p99:.3f} ms"
    )


@pytest.mark.parametrize("how", ["eager", "compiled"])
@pytest.mark.filterwarnings("ignore")  # of the compiler's own
def test_torch_on_the_gpu_is_a_yardstick(how, network, capsys):
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("this torch has no CUDA")
    from thermedge.export import graph, parity
    from thermedge.models.fuse import fused

    template, track = (part.cuda() for part in graph.graphs(fused(network)))
    feed = {n: torch.from_numpy(array).cuda() for n, array in parity.feeds(network)[0].items()}
    with torch.inference_mode():
        known = template.named(*(feed[name] for name in template.inputs))
        given = [{**feed, **known}[name] for name in track.inputs]
        if how == "compiled":
            track = torch.compile(track)

        def run():
            track(*given)
            torch.cuda.synchronize()

        p50, p99 = timed(run)
    name = torch.cuda.get_device_name()
    tell(
        capsys,
        f"torch {torch.__version__} {how} on {name}, stdtrack-nano: p50 {p50:.3f} p99 {p99:.3f} ms",
    )
