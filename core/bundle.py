"""A bundle: the one folder that crosses from workstation to board."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from thermedge.errors import BundleError
from thermedge.files import sha256_of
from thermedge.manifest import FORMAT, Manifest
from thermedge.records import RecordError, from_mapping, to_mapping

MANIFEST = "manifest.json"
TEMPLATE_GRAPH = "template.onnx"
TRACK_GRAPH = "track.onnx"
GOLDEN = "golden.npz"  # inputs with their outputs, to re-check on the device
MODEL_CARD = "MODEL_CARD.md"
INT8_REPORT = "INT8.md"  # what INT8 did, for people
PRECISIONS = ("fp32", "int8", "fp16")
REQUIRED = (TEMPLATE_GRAPH, TRACK_GRAPH, GOLDEN, MODEL_CARD)


def graph_file(graph: str, precision: str) -> str:
    """Return the name of a graph's file: "track", "int8" -> "track.int8.onnx".

    Args:
        graph: "template" or "track".
        precision: "fp32"; "int8" with explicit Q/DQ; "fp16" with its casts written out, for
            engines that take types from the graph alone.
    """
    return f"{graph}.onnx" if precision == "fp32" else f"{graph}.{precision}.onnx"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A folder whose every file matched its checksum when it was read."""

    folder: Path
    manifest: Manifest

    def path(self, name: str) -> Path:
        """Return where the file `name` lies.

        Raises:
            BundleError: The manifest does not list it.
        """
        if name not in self.manifest.files:
            raise BundleError(
                f"The bundle {self.folder} has no {name}.",
                "Export the bundle again: thermedge export CHECKPOINT -o BUNDLE",
            )
        return self.folder / name


def read(folder: Path) -> Bundle:
    """Read the bundle in `folder` and verify every file it lists.

    Raises:
        BundleError: The folder is no bundle, its format is newer than this reader, a
            key is wrong, a file is missing, or a checksum differs.
    """
    manifest = read_manifest(folder)
    for name in REQUIRED:
        if name not in manifest.files:
            raise BundleError(
                f"{folder / MANIFEST} does not list {name}.",
                "Export the bundle again: thermedge export CHECKPOINT -o BUNDLE",
            )
    for name, expected in manifest.files.items():
        _verify(folder, name, expected)
    return Bundle(folder, manifest)


def manifest_text(manifest: Manifest) -> str:
    """Return the manifest as the JSON that `read` takes."""
    return json.dumps(to_mapping(manifest), indent=2) + "\n"


def read_manifest(folder: Path) -> Manifest:
    """Read what a bundle says of itself; none of its files is verified.

    Raises:
        BundleError: As `read`, but for the files.
    """
    path = folder / MANIFEST
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BundleError(
            f"{folder} is not a bundle: {MANIFEST} can't be read ({error.strerror}).",
            "Give a folder written by `thermedge export`, or a shipped name such as 'default'.",
        ) from error
    except ValueError as error:
        raise BundleError(
            f"{path} is damaged: {error}.", "Copy the bundle again, or export it again."
        ) from error
    came = values.get("format") if isinstance(values, dict) else None
    if isinstance(came, int) and came > FORMAT:
        raise BundleError(
            f"{path} has format {came}; this version of thermedge reads up to {FORMAT}.",
            "Upgrade thermedge on this machine, or export the bundle with this version.",
        )
    try:
        return from_mapping(Manifest, values)
    except RecordError as error:
        raise BundleError(
            f"{path}: {error}.", "Export the bundle again: thermedge export CHECKPOINT -o BUNDLE"
        ) from error


def _verify(folder: Path, name: str, expected: str) -> None:
    path = folder / name
    if Path(name).name != name or name in ("", "..") or "\0" in name:
        raise BundleError(
            f"{folder / MANIFEST} lists {name!r}, which is not a plain file name.",
            "Do not use this bundle: export it again.",
        )
    try:
        came = sha256_of(path)
    except OSError as error:
        raise BundleError(
            f"The bundle's file {path} can't be read: {error.strerror}.",
            "Copy the bundle again, with all its files.",
        ) from error
    if came != expected:
        raise BundleError(
            f"{path} has sha256 {came[:12]}..., the manifest says {expected[:12]}...",
            "Copy the bundle again: the file changed after it was exported.",
        )
