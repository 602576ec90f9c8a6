from pathlib import Path

import pytest

from thermedge.bundles import find
from thermedge.errors import ThermedgeError
from thermedge.profiling.subjects import Subject, other

BASE = Subject(find("default"), "ort", "fp32", 2)


def test_a_name_says_bundle_engine_and_precision() -> None:
    opened = Subject(find("default"), "ort").open()
    with opened.tracker:
        assert opened.name == "default ort fp32"
        assert opened.loading_ms > 0


def test_an_engine_a_precision_or_a_bundle_takes_its_place(tmp_path: Path) -> None:
    assert other("openvino", BASE) == Subject(BASE.folder, "openvino", "fp32", 2)
    assert other("int8", BASE) == Subject(BASE.folder, "ort", "int8", 2)
    assert other(str(tmp_path), BASE) == Subject(tmp_path, "ort", "fp32", 2)
    assert other("default", BASE) == BASE


@pytest.mark.parametrize("text", ["auto", "orf", ""])
def test_what_is_none_of_them_is_named(text: str) -> None:
    if text == "":
        text = "/nowhere/at/all"
    with pytest.raises(ThermedgeError, match="no engine, no precision and no bundle") as error:
        other(text, BASE)
    assert "ort" in error.value.remedy
    assert "int8" in error.value.remedy
