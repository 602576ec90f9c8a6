from pathlib import Path

import pytest

from thermedge import bundle
from thermedge.bundles import find
from thermedge.errors import BackendError
from thermedge.profiling.startup import measure, peak_rss_mib, size_bytes
from thermedge.profiling.subjects import Subject


def test_a_process_of_its_own_tells_its_time_and_memory() -> None:
    found = measure(Subject(find("default"), "ort"))
    assert (found.backend, found.precision) == ("ort", "fp32")
    assert 0 < found.first_box_s < 120
    assert 0 < found.first_box_cpu_s < 120
    assert 20 < found.peak_rss_mib < 4096


def test_it_runs_in_any_folder_whatever_lies_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "random.py").write_text("raise SystemExit('mine')\n")
    (tmp_path / "mine").symlink_to(find("default"))
    monkeypatch.chdir(tmp_path)
    assert measure(Subject(Path("mine"), "ort")).backend == "ort"


def test_a_process_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="process of its own") as error:
        measure(Subject(tmp_path, "ort"))
    assert str(tmp_path) in str(error.value)
    assert error.value.remedy == f"See what it says: thermedge profile {tmp_path}"


def test_the_size_is_that_of_the_files_in_the_manifest() -> None:
    found = bundle.read(find("default"))
    whole = sum(path.stat().st_size for path in found.folder.rglob("*") if path.is_file())
    assert 100_000 < size_bytes(found) <= whole


def test_the_peak_is_read_in_mib(tmp_path: Path) -> None:
    (tmp_path / "status").write_text("Name:\tx\nVmHWM:\t  204800 kB\nVmRSS:\t 4 kB\n")
    assert peak_rss_mib(tmp_path / "status") == 200
    assert peak_rss_mib() > 20
