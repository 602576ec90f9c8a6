import logging
import shutil
import sys
from importlib.util import find_spec, spec_from_file_location

import numpy as np
import pytest

from thermedge import bundle
from thermedge.bundles import find
from thermedge.errors import BackendError, BundleError, MissingDependencyError
from thermedge.files import sha256_of
from thermedge.runtime.engines import open_engines

needs_openvino = pytest.mark.skipif(find_spec("openvino") is None, reason="needs openvino")


def opened(folder, **asked):
    engines = open_engines(bundle.read(folder), **asked)
    engines.close()
    return engines.backend, engines.precision


def test_onnx_runtime_takes_fp32_where_nothing_is_asked():
    assert opened(find("default"), backend="ort") == ("ort", "fp32")


@needs_openvino
def test_the_fastest_engine_that_agrees_is_taken():
    assert opened(find("default"), precision="fp32") == ("openvino", "fp32")


@needs_openvino
def test_an_engine_that_computes_something_else_is_passed_over_with_a_line(tmp_path, caplog):
    folder = tmp_path / "copy"
    shutil.copytree(find("default"), folder)
    with np.load(folder / bundle.GOLDEN) as file:
        arrays = dict(file)
    arrays["0.out.score"] = arrays["0.out.score"] + 0.5
    np.savez_compressed(folder / bundle.GOLDEN, **arrays)
    manifest = (folder / bundle.MANIFEST).read_text()
    known = bundle.read(find("default")).manifest.files[bundle.GOLDEN]
    changed = manifest.replace(known, sha256_of(folder / bundle.GOLDEN))
    (folder / bundle.MANIFEST).write_text(changed)
    with caplog.at_level(logging.WARNING):
        assert opened(folder, precision="fp32") == ("ort", "fp32")
    assert "score" in caplog.text


@pytest.fixture
def tensorrt_alone(tmp_path, monkeypatch, recorded_tensorrt):
    """TensorRT is installed, what reaches the GPU's memory is not."""
    (tmp_path / "tensorrt.py").touch()
    trt = recorded_tensorrt("10.3.0")
    trt.__spec__ = spec_from_file_location("tensorrt", tmp_path / "tensorrt.py")
    monkeypatch.setitem(sys.modules, "tensorrt", trt)
    for package in ("cuda", "pycuda"):
        monkeypatch.setitem(sys.modules, package, None)


def test_an_engine_that_lacks_a_package_is_passed_over_with_a_line(tensorrt_alone, caplog):
    with caplog.at_level(logging.WARNING):
        backend, _ = opened(find("default"), precision="fp32")
    assert backend in ("openvino", "ort")
    assert "The backend trt is passed over" in caplog.text
    assert "cuda-python or pycuda" in caplog.text


def test_an_engine_that_was_asked_for_and_lacks_a_package_is_an_error(tensorrt_alone):
    with pytest.raises(MissingDependencyError, match="cuda-python or pycuda"):
        opened(find("default"), backend="trt")


def test_an_unknown_precision_is_refused_with_the_known_ones():
    with pytest.raises(BackendError, match="int4") as told:
        opened(find("default"), precision="int4")
    assert "int8" in told.value.remedy


@pytest.mark.parametrize("backend", ["auto", "ort"])
@pytest.mark.parametrize("threads", [-1, 1025, 3_000_000_000])
def test_an_impossible_number_of_threads_is_refused(backend, threads, caplog):
    with pytest.raises(BackendError, match=f"{threads} CPU threads"):
        opened(find("default"), backend=backend, threads=threads)
    assert not caplog.records  # no engine was tried


def test_int8_of_a_bundle_without_it_is_refused_with_the_remedy(tmp_path, exported):
    with pytest.raises(BundleError, match="no INT8 graphs") as told:
        opened(exported[2], backend="ort", precision="int8")
    assert "--calibration" in told.value.remedy
