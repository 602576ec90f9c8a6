"""Trackers that are ready to run, one folder each."""

from __future__ import annotations

import os
from pathlib import Path

from thermedge.errors import BundleError
from thermedge.paths import barrier


def names() -> list[str]:
    """Return the shipped bundles' names."""
    return sorted(path.parent.name for path in Path(__file__).parent.glob("*/manifest.json"))


def find(name_or_folder: str) -> Path:
    """Return the folder of a shipped bundle's name, or of a path.

    Raises:
        BundleError: It is neither, or this user can't reach it.
    """
    if name_or_folder in names():
        return Path(__file__).parent / name_or_folder
    folder = Path(name_or_folder)
    if os.path.isdir(folder):
        return folder
    if reason := barrier(folder):
        raise BundleError(
            f"{name_or_folder!r} can't be reached: {reason}.",
            "Check the name, and that this user may enter all folders on the way.",
        )
    raise BundleError(
        f"{name_or_folder!r} is neither a shipped bundle nor a folder.",
        f"Choose one of {', '.join(names()) or '(none shipped)'}, or give a bundle's folder.",
    )
