import pytest

from thermedge.errors import BackendError, MissingDependencyError
from thermedge.runtime.backends import trt_library

VERSIONS = ("8.5.2", "8.6.1", "10.3.0", "10.16.1", "11.4.0")


def test_versions_are_numbers(recorded_tensorrt):
    found = [trt_library.version(recorded_tensorrt(version)) for version in VERSIONS]
    assert found == [(8, 5, 2), (8, 6, 1), (10, 3, 0), (10, 16, 1), (11, 4, 0)]


@pytest.mark.parametrize("version", VERSIONS)
def test_only_errors_are_kept(recorded_tensorrt, version):
    trt = recorded_tensorrt(version)
    log = trt_library.kept_log(trt)
    for severity in ("INTERNAL_ERROR", "ERROR", "WARNING", "INFO", "VERBOSE"):
        log.log(getattr(trt.ILogger, severity), f"a\n {severity}")
    assert log.errors == ["a INTERNAL_ERROR", "a ERROR"]


def test_a_tensorrt_without_named_tensors_is_too_old(recorded_tensorrt, monkeypatch):
    trt = recorded_tensorrt("8.5.2")
    trt.__version__ = "8.2.1.9"
    monkeypatch.setattr(trt_library, "require", lambda package, purpose: trt)
    with pytest.raises(BackendError, match=r"8\.2\.1\.9 is too old: 8\.5") as caught:
        trt_library.imported("a test")
    assert "JetPack 6" in caught.value.remedy


def test_what_is_missing_is_told_with_the_jetpack_that_has_it(monkeypatch):
    def missing(package, purpose):
        raise MissingDependencyError(f"{purpose} needs {package}.", "pip install it")

    monkeypatch.setattr(trt_library, "require", missing)
    with pytest.raises(MissingDependencyError, match="needs tensorrt") as caught:
        trt_library.imported("a test")
    for part in ("python3-libnvinfer", "10.3 with JetPack 6.1", "--system-site-packages"):
        assert part in caught.value.remedy
    assert "pip install" not in caught.value.remedy


@pytest.mark.parametrize(
    "message",
    [
        "[virtualMemoryBuffer.cpp::resizePhysical::154] OutOfMemory (no further information)",
        "Cuda Runtime (out of memory)",
        "CUDA_ERROR_OUT_OF_MEMORY",
    ],
)
def test_a_full_memory_is_recognised_in_tensorrt_s_words(recorded_tensorrt, message):
    log = trt_library.kept_log(recorded_tensorrt("10.3.0"))
    log.errors.append(message)
    assert "no memory left" in trt_library.failed("it stops", log, "do this").problem
    log.errors[:] = ["something else"]
    error = trt_library.failed("it stops", log, "do this")
    assert (error.problem, error.remedy) == ("it stops: something else.", "do this")
    log.errors.clear()
    assert "does not say why" in trt_library.failed("it stops", log, "do this").problem
