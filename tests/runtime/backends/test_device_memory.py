import importlib.util

import pytest

from thermedge.errors import MissingDependencyError
from thermedge.runtime.backends import device_memory


def test_cuda_python_is_taken_before_pycuda():
    assert list(device_memory._LIBRARIES) == ["cuda", "pycuda"]


def test_without_either_package_the_remedy_names_both_cudas(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="cuda-python or pycuda") as caught:
        device_memory.open_device()
    assert "thermedge[trt]" in caught.value.remedy
    assert "JetPack 6" in caught.value.remedy


@pytest.mark.parametrize(("number", "text"), [(12060, "12.6"), (13000, "13.0"), (11040, "11.4")])
def test_cuda_s_versions_are_written_as_people_do(number, text):
    assert device_memory.cuda_version(number) == text


def test_full_memory_is_told_with_what_frees_some():
    error = device_memory.no_memory("cuMemAlloc")
    assert "cuMemAlloc" in error.problem
    assert "tegrastats" in error.remedy
