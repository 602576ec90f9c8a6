"""The page's own files, kept in memory; nothing else on the disk can be asked for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Page:
    """One file."""

    content: bytes
    media_type: str
    tag: str  # changes with the content


def read_pages() -> dict[str, Page]:
    """Return the files by name."""
    folder = Path(__file__).parent / "page"
    return {path.name: _page(path) for path in sorted(folder.iterdir()) if path.suffix in _TYPES}


def _page(path: Path) -> Page:
    content = path.read_bytes()
    return Page(content, _TYPES[path.suffix], f'"{hashlib.sha256(content).hexdigest()[:16]}"')
