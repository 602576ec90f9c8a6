"""Wheels of a few lines: they install in a second, and their track-camera does as it is told."""

import base64
import ensurepip
import hashlib
import json
import shutil
import zipfile
from pathlib import Path

from thermedge import bundle as bundles
from thermedge.bundles import find
from thermedge.files import sha256_of

# Passes unless the bundle's model card says otherwise.
MODULE = """\
import sys
from pathlib import Path

def track():
    if "--help" in sys.argv:
        return 0
    card = Path(sys.argv[sys.argv.index("--bundle") + 1], "MODEL_CARD.md").read_text()
    if "never passes" in card:
        print("self-test failed: The target got lost.")
        print("fix: Train it longer.", file=sys.stderr)
        return 1
    print("self-test passed: " + " ".join(sys.argv[1:2] + sys.argv[4:]))

def main():
    return 2
"""
SCRIPTS = (
    "[console_scripts]\ntrack-camera = thermedge_tiny:track\nthermedge = thermedge_tiny:main\n"
)


def write_wheel(
    folder, name="thermedge", version="9.9", *, needs=(), extras=(), tags="py3-none-any"
):
    """Write a wheel and return its path."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {need}\n" for need in needs)
    metadata += "".join(f"Provides-Extra: {extra}\n" for extra in extras)
    files = {
        f"{name}_tiny.py": MODULE,
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tags}\n",
    }
    if name == "thermedge":
        files[f"{info}/entry_points.txt"] = SCRIPTS
    lines = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        lines.append(f"{path},sha256={digest.decode()},{len(text)}")
    files[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""])
    path = Path(folder, f"{name}-{version}-{tags}.whl")
    with zipfile.ZipFile(path, "w") as archive:
        for name_, text in files.items():
            archive.writestr(name_, text)
    return path


def write_wheelhouse(folder, version="9.9"):
    """Write a wheelhouse with the tiny thermedge and the interpreter's own pip; None without."""
    folder.mkdir(parents=True, exist_ok=True)
    write_wheel(folder, version=version)
    for pip in Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl"):
        shutil.copy(pip, folder)
        return folder
    return None


def write_bundle(folder, card="A tracker.\n"):
    """Copy the shipped bundle with another model card."""
    shutil.copytree(find("default"), folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / bundles.MODEL_CARD).write_text(card)
    manifest = json.loads((folder / bundles.MANIFEST).read_text())
    manifest["files"][bundles.MODEL_CARD] = sha256_of(folder / bundles.MODEL_CARD)
    (folder / bundles.MANIFEST).write_text(json.dumps(manifest))
    return folder
