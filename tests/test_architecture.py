"""Facts about who imports whom, read from the syntax trees and tried in a bare interpreter."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from thermedge.commands import VERBS

CHECKOUT = Path(__file__).parents[1]

# Folder -> the folders below it. A folder may always import itself.
BELOW = {
    "core": set(),
    "bundles": {"core"},
    "board_configs": {"core"},
    "runtime": {"core", "board_configs"},
    "calibration": {"core", "runtime"},
    "evaluation": {"core", "board_configs", "runtime"},
    "profiling": {"core", "board_configs", "bundles", "evaluation", "runtime"},
    "flashing": {"core", "board_configs"},
    "models": {"core"},
    "training": {"core", "runtime", "models", "evaluation"},
    "export": {"core", "board_configs", "runtime", "calibration", "evaluation", "models"},
    "commands": {"core"},  # at module level; run() may import everything
}
# Folder -> packages it may import by name; all others only through thermedge.optional.require.
OTHERS = {
    "core": {"numpy", "tomli"},
    "runtime": {"numpy", "cv2"},
    "calibration": {"numpy", "cv2"},
    "evaluation": {"numpy", "cv2"},
    "profiling": {"numpy"},
    "models": {"torch", "safetensors"},
    "training": {"torch", "numpy", "cv2"},
    "export": {"torch", "numpy", "onnx"},
}
BOARD_SIDE = {
    "core",
    "bundles",
    "board_configs",
    "runtime",
    "calibration",
    "evaluation",
    "profiling",
    "flashing",
}
MAY_IMPORT_TORCH = re.compile(r"(models|training)/|export/(graph|parity)\.py")
# Source files without a test file of their own, and why.
NEEDS_NO_TEST = {
    "core/__main__.py": "two lines, run by tests/commands/test_commands.py",
    "core/events.py": "a value without methods",
    "runtime/backends/base.py": "a protocol, nothing to run",
    "runtime/sinks/base.py": "a protocol, nothing to run",
    "runtime/sources/base.py": "a protocol, nothing to run",
    "runtime/track.py": "a value without methods",
}

FOLDERS = sorted(
    path.name for path in CHECKOUT.iterdir() if path.name != "tests" and any(path.glob("*.py"))
)
SOURCES = sorted(
    path.relative_to(CHECKOUT).as_posix()
    for folder in FOLDERS
    for path in (CHECKOUT / folder).rglob("*.py")
)


def has_code(source: str) -> bool:
    body = ast.parse((CHECKOUT / source).read_text(encoding="utf-8")).body
    return any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in body)


@dataclass(frozen=True)
class Import:
    """One import of a source file, by statement, by require(), or by a dotted name in a table."""

    module: str
    line: int
    at_top: bool  # runs when the file is imported
    by_name: bool  # not by a statement

    @property
    def folder(self) -> str:
        """The folder of the checkout, or "" for a package of others."""
        package, _, rest = self.module.partition(".")
        first = rest.partition(".")[0]
        if package != "thermedge":
            return ""
        return first if first in FOLDERS else "core"

    def __str__(self) -> str:
        return f"line {self.line}: {self.module}"


def expected_test(source: str) -> Path:
    """tests/x/test_y.py for x/y.py, and tests/x/test_x.py for x/__init__.py."""
    path = Path(source)
    name = path.parent.name if path.name == "__init__.py" else path.stem
    return CHECKOUT / "tests" / path.parent / f"test_{name}.py"


def imports_of(source: str) -> list[Import]:
    tree = ast.parse((CHECKOUT / source).read_text(encoding="utf-8"), source)
    return list(_imports(tree, at_top=True))


def _imports(node: ast.AST, *, at_top: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        for module in _modules(child):
            by_name = not isinstance(child, ast.Import | ast.ImportFrom)
            yield Import(module, child.lineno, at_top, by_name)  # type: ignore[attr-defined]
        is_later = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from _imports(child, at_top=at_top and not is_later and not _for_types(child))


def _modules(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module), names=names, level=0):
            return [f"{module}.{alias.name}" for alias in names]
        case ast.Call(func=ast.Name("require") | ast.Attribute(attr="import_module")):
            return [arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant)]
        case ast.Constant(str(text)) if re.fullmatch(r"thermedge(\.\w+)+(:\w+)?", text):
            return [text.partition(":")[0]]
    return []


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


IMPORT_ALL = "import importlib\nfor name in sys.argv[1:]:\n    importlib.import_module(name)"
RUN = "from thermedge.commands import main\nsys.exit(main(sys.argv[1:]))"


def run_with_only(packages: str, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `code` where nothing but the standard library, thermedge and `packages` is installed."""
    refuse_others = f"""
import sys
class Refuse:
    known = sys.stdlib_module_names | set("thermedge {packages}".split())
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in self.known:
            raise ModuleNotFoundError(f"No module named {{name!r}} on this machine", name=name)
sys.meta_path.insert(0, Refuse())
"""
    command = [sys.executable, "-I", "-W", "error", "-c", refuse_others + code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def modules_of(folders: set[str], *, ending: str = ".py") -> list[str]:
    names = []
    for source in SOURCES:
        folder, *rest = source.removesuffix(".py").removesuffix("/__init__").split("/")
        if folder in folders and source.endswith(ending):
            names.append(".".join(["thermedge", *([] if folder == "core" else [folder]), *rest]))
    return names


def test_every_folder_of_code_has_its_place_in_the_table() -> None:
    assert set(FOLDERS) <= set(BELOW)


@pytest.mark.parametrize("source", SOURCES)
def test_imports_only_go_down(source: str) -> None:
    # `python -m thermedge` looks for its entry in core/, though it belongs to commands/.
    folder = "commands" if source == "core/__main__.py" else source.partition("/")[0]
    up = [
        str(found)
        for found in imports_of(source)
        if found.folder not in {"", folder} | BELOW[folder]
        and (found.at_top or folder != "commands")
    ]
    assert not up, f"{source} may import {sorted(BELOW[folder])}"


@pytest.mark.parametrize("source", SOURCES)
def test_packages_of_others_are_imported_where_they_may_be(source: str) -> None:
    folder = source.partition("/")[0]
    known = sys.stdlib_module_names | {"thermedge"} | OTHERS.get(folder, set())
    strange = [
        str(found)
        for found in imports_of(source)
        if found.module.partition(".")[0] not in known
        and (found.at_top or folder != "commands")
        and not found.by_name
    ]
    assert not strange, f"{source} may import {sorted(OTHERS.get(folder, set()))}"


@pytest.mark.parametrize("source", [s for s in SOURCES if not MAY_IMPORT_TORCH.match(s)])
def test_torch_stays_on_the_workstation(source: str) -> None:
    torch = [str(found) for found in imports_of(source) if re.match(r"torch\b", found.module)]
    assert not torch


def test_a_board_needs_nothing_but_numpy_and_opencv_to_import_its_side() -> None:
    done = run_with_only("numpy cv2 tomli", IMPORT_ALL, *modules_of(BOARD_SIDE))
    assert done.returncode == 0, done.stderr


def test_a_package_imports_nothing_heavy_by_itself() -> None:
    packages = modules_of(set(FOLDERS), ending="/__init__.py")
    done = run_with_only("numpy", IMPORT_ALL, *packages)
    assert done.returncode == 0, done.stderr


def test_the_list_of_verbs_needs_the_standard_library_only() -> None:
    done = run_with_only("", RUN, "--help")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_tells_its_arguments_with_nothing_but_numpy(verb: str) -> None:
    done = run_with_only("numpy", RUN, verb, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: thermedge {verb}" in done.stdout


def test_every_source_file_has_its_test_file() -> None:
    expected = [expected_test(s) for s in SOURCES if s not in NEEDS_NO_TEST and has_code(s)]
    missing = [path.relative_to(CHECKOUT).as_posix() for path in expected if not path.is_file()]
    assert not missing


@pytest.mark.parametrize("source", NEEDS_NO_TEST)
def test_a_file_that_needs_no_test_exists_and_has_none(source: str) -> None:
    assert (CHECKOUT / source).is_file()
    assert not expected_test(source).exists()
