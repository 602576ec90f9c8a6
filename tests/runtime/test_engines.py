import logging
import shutil
from importlib.util import find_spec

import numpy as np
import pytest

from thermedge import bundle
from thermedge.bundles import find
from thermedge.errors import BackendError, BundleError
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


def test_an_unknown_precision_is_refused_with_the_known_ones():
    with pytest.raises(BackendError, match="int4") as told:
        opened(find("default"), precision="int4")
    assert "int8" in told.value.remedy


def test_int8_of_a_bundle_without_it_is_refused_with_the_remedy(tmp_path, exported):
    with pytest.raises(BundleError, match="no INT8 graphs") as told:
        opened(exported[2], backend="ort", precision="int8")
    assert "--calibration" in told.value.remedy
