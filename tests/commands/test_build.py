"""Facts about `thermedge build`, on a GPU of host memory that computes by ONNX Runtime."""

import os

import numpy as np
import pytest

from thermedge import bundle
from thermedge.bundles import find
from thermedge.commands import main
from thermedge.export import engine_gate
from thermedge.runtime import engine_cache, golden
from thermedge.runtime.backends import device_memory, open_backend, trt_library

GRAPHS = ("template", "track")


class Board:
    """TensorRT of one version, whose engines are the ONNX files that they were built from."""

    def __init__(self, trt, host_gpu):
        self.trt, self.host_gpu = trt, host_gpu
        self.free_mib = 4096
        self.error = 0.0  # added to all outputs
        shipped = bundle.read(find("default"))
        self.manifest = shipped.manifest
        self.specs, self.sessions = {}, {}
        for graph, spec in (("template", self.manifest.template), ("track", self.manifest.track)):
            serialised = shipped.path(f"{graph}.onnx").read_bytes()
            self.specs[serialised] = spec
            self.sessions[serialised] = open_backend("ort", shipped.path(f"{graph}.onnx"), spec)
        trt.answers |= {
            "Builder.build_serialized_network": self.build,
            "IHostMemory.bytes": b"",
            "EngineInspector.get_engine_information": '{"Layers": []}',
        }
        self.builds = 0

    def build(self, builder, network, config):
        self.builds += 1
        if self.trt.__version__[0] != "8":
            config.progress_monitor.phase_start("Building Engine", None, 2)
            assert config.progress_monitor.step_complete("Building Engine", 0)
        parsed = [call[1] for call in self.trt.calls if call[0] == "OnnxParser.parse"]
        self.trt.answers["IHostMemory.bytes"] = parsed[-1]
        return self.trt._new("IHostMemory")

    def open_device(self):
        gpu = self.host_gpu.HostGpu(free_mib=self.free_mib)
        self.host_gpu.engines(self.trt, gpu, self.specs, self.compute)
        return gpu

    def compute(self, serialised, feeds):
        session = self.sessions[serialised]
        for name, value in feeds.items():
            np.copyto(session.inputs[name], value)
        session.run()
        return {name: value + self.error for name, value in session.outputs.items()}


@pytest.fixture
def board(recorded_tensorrt, host_gpu, tmp_path, monkeypatch):
    made = Board(recorded_tensorrt("10.3.0"), host_gpu)
    monkeypatch.setattr(engine_gate, "SCENE", "synthetic:seed=3,frames=12,size=320x256")
    monkeypatch.setattr(engine_gate, "_RUNS", 3)
    monkeypatch.setenv("THERMEDGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(trt_library, "require", lambda package, purpose: made.trt)
    monkeypatch.setattr(device_memory, "open_device", made.open_device)
    monkeypatch.setattr(os, "nice", lambda step: step)  # the tests' own process is not to be slow
    return made


def installed():
    return [path.name for graph in GRAPHS for path in engine_cache.folder().glob(f"{graph}-*.json")]


def test_engines_that_track_as_the_graphs_do_are_installed_and_run(board, capsys):
    assert main(["build", "default", "--precision", "fp16"]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert f"TensorRT {board.trt.__version__}, Orin" in err
    assert "100.0%" in err
    shipped = bundle.read(find("default"))
    gaps = golden.check(shipped, backend="trt")
    assert max(gaps.values()) < golden.TOLERANCE

    assert main(["build", "default", "--precision", "fp16"]) == 0
    assert "installed already" in capsys.readouterr().err
    assert board.builds == 2
    assert main(["build", "default", "--precision", "fp16", "--force"]) == 0
    assert board.builds == 4
    timed = [call[1] for call in board.trt.calls if call[0] == "IBuilderConfig.create_timing_cache"]
    assert timed[0] == b""
    assert all(timed[1:])  # what the build before it measured


def test_engines_that_compute_something_else_are_not_installed(board, capsys):
    board.error = 0.1
    assert main(["build", "default", "--precision", "fp16"]) == 2
    err = capsys.readouterr().err
    assert "computes something else" in err
    assert "fix: " in err
    assert not installed()


def test_a_board_whose_memory_is_full_does_not_start(board, capsys):
    board.free_mib = 200
    assert main(["build", "default", "--precision", "fp16"]) == 2
    assert "Only 200 MiB" in capsys.readouterr().err
    assert not board.builds


def test_a_workspace_of_nothing_is_refused(board, capsys):
    assert main(["build", "default", "--workspace-mib", "0"]) == 2
    assert "--workspace-mib is 0" in capsys.readouterr().err


def test_without_tensorrt_the_remedy_names_jetpack(capsys):
    pytest.importorskip("onnxruntime")
    try:
        import tensorrt  # noqa: F401
    except ImportError:
        assert main(["build", "default", "--precision", "fp16"]) == 2
        assert "JetPack" in capsys.readouterr().err
    else:
        pytest.skip("TensorRT is installed here")
