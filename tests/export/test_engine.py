import pytest

from thermedge.errors import BackendError
from thermedge.export import engine
from thermedge.export.engine import Options

VERSIONS = ("8.5.2", "8.6.1", "10.3.0", "10.16.1", "11.4.0")
PLAIN = Options(precision="fp16", workspace_mib=256)


@pytest.fixture
def graph(tmp_path):
    path = tmp_path / "track.onnx"
    path.write_bytes(b"a graph")
    return path


@pytest.fixture(params=VERSIONS)
def trt(request, recorded_tensorrt):
    return recorded_tensorrt(request.param)


def called(trt, name):
    return [call[1:] for call in trt.calls if call[0] == name]


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_build_makes_only_calls_that_its_tensorrt_has(trt, graph, precision):
    trt.answers |= {"IHostMemory.bytes": b"engine"}
    built = engine.build(
        trt, graph, Options(precision=precision, workspace_mib=256), lambda done: True
    )
    assert built.data == b"engine"
    assert called(trt, "OnnxParser.parse") == [(b"a graph",)]
    assert called(trt, "IBuilderConfig.set_memory_pool_limit") == [
        (trt.MemoryPoolType.WORKSPACE, 256 << 20)
    ]
    weak = {"fp32": (), "fp16": ("FP16",), "int8": ("FP16", "INT8")}[precision]
    assert built.flags == (() if trt.__version__.startswith("11") else weak)
    assert [flag.name for (flag,) in called(trt, "IBuilderConfig.set_flag")] == list(built.flags)


def test_fp32_is_not_computed_in_tf32(trt, graph):
    engine.build(trt, graph, Options(precision="fp32", workspace_mib=64))
    assert called(trt, "IBuilderConfig.clear_flag") == [(trt.BuilderFlag.TF32,)]


def test_what_an_earlier_build_timed_is_used_and_handed_on(trt, graph):
    trt.answers["ITimingCache.serialize"] = lambda cache: b"newer"
    built = engine.build(
        trt, graph, Options(precision="fp16", workspace_mib=64, timing_cache=b"older")
    )
    assert called(trt, "IBuilderConfig.create_timing_cache") == [(b"older",)]
    assert built.timing_cache == b"newer"


def test_a_refused_node_is_named_in_the_error(trt, graph):
    trt.answers |= {
        "OnnxParser.parse": False,
        "OnnxParser.num_errors": 1,
        "ParserError.node": 7,
        "ParserError.node_name": "conv_7",
        "ParserError.node_operator": "Conv",
        "ParserError.desc": "kernel is too large",
    }
    with pytest.raises(BackendError, match=r"track\.onnx: node .*7.*kernel is too large") as caught:
        engine.build(trt, graph, PLAIN)
    assert trt.__version__ in caught.value.remedy


def saying(trt, message, value=None):
    """Let the builder log an error and give up."""

    def give_up(builder, network, config):
        (log,) = called(trt, "Builder.__init__")[-1]
        log.log(trt.ILogger.ERROR, message)
        log.log(trt.ILogger.WARNING, "not this")
        return value

    trt.answers["Builder.build_serialized_network"] = give_up


def test_a_builder_that_gives_up_is_quoted(trt, graph):
    saying(trt, "Could not find any implementation for node conv_3.")
    with pytest.raises(BackendError, match="conv_3") as caught:
        engine.build(trt, graph, PLAIN)
    assert "not this" not in caught.value.problem


def test_a_builder_without_memory_says_how_to_free_some(trt, graph):
    saying(trt, "[virtualMemoryBuffer.cpp::resizePhysical] OutOfMemory (Requested 33554432)")
    with pytest.raises(BackendError, match="no memory left") as caught:
        engine.build(trt, graph, PLAIN)
    assert "tegrastats" in caught.value.remedy


def test_a_build_that_is_interrupted_ends_as_an_interrupt(recorded_tensorrt, graph):
    trt = recorded_tensorrt("10.3.0")

    def interrupted(done):
        raise KeyboardInterrupt

    def build(builder, network, config):
        config.progress_monitor.phase_start("all", None, 1)
        assert not config.progress_monitor.step_complete("all", 0)

    trt.answers["Builder.build_serialized_network"] = build
    with pytest.raises(KeyboardInterrupt):
        engine.build(trt, graph, PLAIN, interrupted)


def test_a_board_without_the_accelerator_is_told_so(trt, graph):
    trt.answers["Builder.num_DLA_cores"] = 0
    with pytest.raises(BackendError, match="no DLA core 0") as caught:
        engine.build(trt, graph, Options(precision="fp16", workspace_mib=64, dla_core=0))
    assert "--dla" in caught.value.remedy


def test_the_accelerator_is_used_with_the_gpu_behind_it(trt, graph):
    trt.answers["Builder.num_DLA_cores"] = 2
    built = engine.build(trt, graph, Options(precision="fp16", workspace_mib=64, dla_core=1))
    assert "GPU_FALLBACK" in built.flags


@pytest.mark.parametrize(("free", "taken"), [(600, 150), (4096, 1024), (60_000, 1024), (512, 128)])
def test_the_builder_takes_a_quarter_of_what_is_free_and_no_more_than_a_gibibyte(free, taken):
    assert engine.workspace_mib(free) == taken


def test_a_board_whose_memory_is_full_is_told_before_it_starts():
    with pytest.raises(BackendError, match="300 MiB") as caught:
        engine.workspace_mib(300)
    assert "--workspace-mib" in caught.value.remedy
