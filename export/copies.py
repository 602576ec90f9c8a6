"""Put a bundle together beside its place, and let it take that place when it is whole."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from thermedge import bundle
from thermedge.bundle import Bundle
from thermedge.errors import BundleError
from thermedge.export import model_card
from thermedge.files import replace_folder, sha256_of, strangers
from thermedge.manifest import Manifest

Finish = Callable[[Path, Manifest], Manifest]


def unchanged(draft: Path, manifest: Manifest) -> Manifest:
    """Add nothing."""
    return manifest


def extend(
    source: Bundle, folder: Path, name: str, *, finish: Finish, without: Collection[str] = ()
) -> Manifest:
    """Write a bundle again as the bundle `folder`, with what `finish` adds.

    What was measured with INT8 graphs that are left behind is left behind too: what scores are
    worth, and the model card's sections about it.

    Args:
        source: Already verified.
        folder: Where the new bundle goes; may be the source's own.
        name: What it is called.
        finish: As for `export`.
        without: Precisions whose graphs are not taken over; fp32 always is.

    Raises:
        BundleError: `folder` holds something that is not a bundle, or can't be written.
    """
    behind = {bundle.graph_file(graph, one) for graph in ("template", "track") for one in without}
    loses_int8 = source.manifest.int8 is not None and "int8" in without

    def copy(draft: Path) -> Manifest:
        for file in source.manifest.files:
            if file not in behind:
                shutil.copyfile(source.path(file), draft / file)
        manifest = replace(source.manifest, name=name)
        if not loses_int8:
            return manifest
        (draft / bundle.INT8_REPORT).unlink(missing_ok=True)
        for title in model_card.MEASURED:
            model_card.take_out(draft, title)
        return replace(manifest, precision="fp32", int8=None, confidence=None)

    return write(folder, copy, finish)


def write(folder: Path, fill: Callable[[Path], Manifest], finish: Finish) -> Manifest:
    """Write the bundle `folder`; an older one there is replaced once the new one is verified.

    Args:
        folder: Where the bundle goes.
        fill: Writes the fp32 part into an empty folder, and returns the manifest.
        finish: Adds to it.

    Raises:
        BundleError: `folder` holds something that is not a bundle, or can't be written.
    """
    # "." has no name beside which to write, and a link is not to be replaced by a folder.
    folder = Path(os.path.realpath(folder))
    _check_target(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise BundleError(
            f"{folder} can't be written: {error.strerror}.", "Choose another folder with -o."
        ) from error
    try:
        draft.chmod(0o755)
        manifest = _listed(draft, finish(draft, _listed(draft, fill(draft))))
        (draft / bundle.MANIFEST).write_text(bundle.manifest_text(manifest), encoding="utf-8")
        bundle.read(draft)
        replace_folder(draft, folder)
    except OSError as error:
        raise BundleError(
            f"{folder} can't be completed: {error.strerror}.",
            "Free space on its disk, or choose another folder with -o; nothing there was changed.",
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return manifest


def _listed(draft: Path, manifest: Manifest) -> Manifest:
    """Return the manifest with the checksums of all files that are there."""
    files = {path.name: sha256_of(path) for path in sorted(draft.iterdir())}
    return replace(manifest, files=files)


def _check_target(folder: Path) -> None:
    """Refuse to replace what is not a bundle, or holds more than one."""
    if not folder.exists():
        return
    if not (folder / bundle.MANIFEST).is_file():
        raise BundleError(
            f"{folder} exists and is not a bundle.", "Choose another name with -o: nothing is lost."
        )
    others = strangers(folder, {bundle.MANIFEST, *bundle.read_manifest(folder).files})
    if others:
        raise BundleError(
            f"{folder} is a bundle, and also holds {others[0]!r}, which would be lost.",
            "Move that away, or choose another name with -o.",
        )
