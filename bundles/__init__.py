"""Trackers that are ready to run, one folder each."""

from __future__ import annotations

from pathlib import Path

from thermedge.errors import BundleError


def names() -> list[str]:
    """Return the shipped bundles' names."""
    return sorted(path.parent.name for path in Path(__file__).parent.glob("*/manifest.json"))


def find(name_or_folder: str) -> Path:
    """Return the folder of a shipped bundle's name, or of a path.

    Raises:
        BundleError: It is neither.
    """
    if name_or_folder in names():
        return Path(__file__).parent / name_or_folder
    folder = Path(name_or_folder)
    if folder.is_dir():
        return folder
    raise BundleError(
        f"{name_or_folder!r} is neither a shipped bundle nor a folder.",
        f"Choose one of {', '.join(names()) or '(none shipped)'}, or give a bundle's folder.",
    )
