"""Facts about what is installed: all of our code, nothing else, from pinned parts."""

import configparser
import importlib.util
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import thermedge

CHECKOUT = Path(__file__).parents[1]
SETUP = configparser.ConfigParser()
SETUP.read(CHECKOUT / "setup.cfg", encoding="utf-8")


def lines(section: str, key: str) -> list[str]:
    return [line.strip() for line in SETUP[section][key].splitlines() if line.strip()]


def table(section: str, key: str) -> dict[str, str]:
    return dict(re.split(r"\s*=\s*", line, maxsplit=1) for line in lines(section, key))


def requirements(texts: list[str]) -> list[Requirement]:
    return [Requirement(text) for text in texts]


PACKAGES = lines("options", "packages")
BASE = requirements(lines("options", "install_requires"))
EXTRAS = requirements(
    [one for some in SETUP["options.extras_require"].values() for one in some.split(";")]
)
PINS = requirements(
    re.findall(r"^[a-z].*", (CHECKOUT / "constraints.txt").read_text(encoding="utf-8"), re.M)
)
FOLDER_OF = table("options", "package_dir")


def folder_of(package: str) -> Path:
    """Return where setup.cfg looks for a package: the longest mapped prefix decides."""
    parts = package.split(".")
    for length in range(len(parts), 0, -1):
        prefix = ".".join(parts[:length])
        if prefix in FOLDER_OF:
            return CHECKOUT.joinpath(FOLDER_OF[prefix], *parts[length:])
    raise KeyError(package)


def code_folders() -> set[Path]:
    """Return every folder of the checkout that holds Python code, but the tests."""
    tops = [path for path in CHECKOUT.iterdir() if path.name != "tests" and any(path.glob("*.py"))]
    return {source.parent for top in tops for source in top.rglob("*.py")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Build the wheel from a copy, as the checkout's build/ may hold old files; list its files."""
    copy = tmp_path_factory.mktemp("wheel")
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, copy)
    for name in FOLDER_OF.values():
        shutil.copytree(CHECKOUT / name, copy / name)
        (copy / name / "__pycache__").mkdir(exist_ok=True)
        (copy / name / "__pycache__" / "used.pyc").touch()
    code = "from setuptools import build_meta; build_meta.build_wheel('.')"
    subprocess.run(
        [sys.executable, "-c", code], cwd=copy, check=True, capture_output=True, timeout=120
    )
    (built,) = copy.glob("*.whl")
    return zipfile.ZipFile(built).namelist()


def test_the_tests_run_against_this_checkout() -> None:
    assert thermedge.__file__ is not None
    assert Path(thermedge.__file__).parent == CHECKOUT / "core"


def test_setup_lists_every_folder_that_holds_code() -> None:
    assert {folder_of(package) for package in PACKAGES} == code_folders()
    assert len(PACKAGES) == len(set(PACKAGES))


@pytest.mark.parametrize("package", PACKAGES)
def test_every_listed_package_is_imported_from_its_folder(package: str) -> None:
    found = importlib.util.find_spec(package)
    assert found is not None
    assert found.origin == str(folder_of(package) / "__init__.py")


@pytest.mark.parametrize("package", SETUP["options.package_data"])
def test_every_pattern_of_package_data_finds_files(package: str) -> None:
    folder = folder_of(package)
    for pattern in SETUP["options.package_data"][package].split():
        found = [p for p in folder.glob(pattern) if p.is_file() and p.parent.name != "__pycache__"]
        assert found, f"{pattern} finds nothing in {folder}"


@pytest.mark.parametrize("script", lines("options.entry_points", "console_scripts"))
def test_every_console_script_starts_something(script: str) -> None:
    module, _, function = script.partition("=")[2].strip().partition(":")
    assert callable(getattr(importlib.import_module(module), function))


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_every_direct_dependency_is_pinned_once_to_a_version_it_allows(python: str) -> None:
    here = {"python_version": python}
    wanted = [one for one in BASE + EXTRAS if one.marker is None or one.marker.evaluate(here)]
    for dependency in wanted:
        pins = [
            pin
            for pin in PINS
            if pin.name == dependency.name and (pin.marker is None or pin.marker.evaluate(here))
        ]
        assert len(pins) == 1, dependency.name
        (version,) = [one.version for one in pins[0].specifier]
        assert dependency.specifier.contains(version)


def test_every_pin_is_exact() -> None:
    loose = [str(pin) for pin in PINS if [one.operator for one in pin.specifier] != ["=="]]
    assert not loose


def test_pins_name_no_place_to_download_from() -> None:
    assert not [pin.name for pin in PINS if pin.url]
    assert "//" not in (CHECKOUT / "constraints.txt").read_text(encoding="utf-8")


def test_the_bench_has_the_base_dependencies_with_the_other_opencv() -> None:
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    (first,) = re.findall(r"^\.venv/bench/ready: FIRST = (.*)$", makefile, re.M)
    names = {Requirement(text.strip('"')).name for text in re.findall(r'"[^"]+"|\S+', first)}
    plain, contrib = "opencv-python-headless", "opencv-contrib-python-headless"
    assert names - {"openvino", "linuxpy"} == {one.name for one in BASE} - {plain} | {contrib}


def test_both_builds_of_opencv_are_pinned_to_one_version() -> None:
    versions = {str(pin.specifier) for pin in PINS if pin.name.startswith("opencv-")}
    assert len(versions) == 1


def test_the_wheel_holds_the_package_and_its_metadata_only(wheel: list[str]) -> None:
    tops = {name.partition("/")[0] for name in wheel}
    assert tops == {"thermedge", f"thermedge-{thermedge.__version__}.dist-info"}


def test_the_wheel_holds_every_file_of_every_package(wheel: list[str]) -> None:
    # Code, and what it reads: recipes, settings, bundles.
    expected = set()
    for package in [name for name in PACKAGES if name.count(".") < 2]:
        folder = CHECKOUT / FOLDER_OF[package]
        files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
        kept = [path for path in files if path.suffix != ".pyc"]
        expected |= {f"{package.replace('.', '/')}/{path.as_posix()}" for path in kept}
    assert {name for name in wheel if name.startswith("thermedge/")} >= expected


def test_the_wheel_holds_the_licence(wheel: list[str]) -> None:
    assert [name for name in wheel if name.endswith("/LICENSE")]


def test_the_wheel_holds_nothing_compiled(wheel: list[str]) -> None:
    assert not [name for name in wheel if "__pycache__" in name or name.endswith(".pyc")]
