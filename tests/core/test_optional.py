"""Facts about optional packages."""

import configparser
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from thermedge import optional
from thermedge.errors import MissingDependencyError
from thermedge.optional import require

CHECKOUT = Path(__file__).parents[2]


def test_an_installed_module_is_returned() -> None:
    assert require("json", "Reading manifests") is json


def test_a_submodule_is_returned_itself() -> None:
    assert require("os.path", "Finding files").join("a", "b") == "a/b"


def test_a_missing_package_is_named_with_its_purpose_and_its_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(MissingDependencyError) as caught:
        require("tensorrt", "The TensorRT backend")
    assert caught.value.problem.startswith("The TensorRT backend needs tensorrt: ")
    assert "JetPack" in caught.value.remedy


def test_a_missing_submodule_asks_for_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "linuxpy", None)
    with pytest.raises(MissingDependencyError) as caught:
        require("linuxpy.video.device", "Opening a camera")
    assert caught.value.remedy == "pip install 'thermedge[camera]'"


def test_a_package_that_is_there_but_does_not_load_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "thermedge_broken.py").write_text("raise ImportError('libcudart.so.12 not found')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingDependencyError, match=r"libcudart\.so\.12 not found"):
        require("thermedge_broken", "This test")


def test_a_fault_inside_a_package_keeps_its_own_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "thermedge_faulty.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ZeroDivisionError):
        require("thermedge_faulty", "This test")


def test_every_extra_that_a_remedy_advises_exists() -> None:
    setup = configparser.ConfigParser()
    setup.read(CHECKOUT / "setup.cfg", encoding="utf-8")
    advised = re.findall(r"thermedge\[(\w+)\]", " ".join(optional._REMEDY.values()))
    assert set(advised) <= set(setup["options.extras_require"])


@pytest.mark.parametrize("package", ["onnxruntime", "openvino"])
def test_an_engine_is_imported_without_telling_its_makers(package: str, tmp_path: Path) -> None:
    pytest.importorskip(package)
    code = f"from thermedge.optional import require; require({package!r}, 'testing')"
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=60)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
