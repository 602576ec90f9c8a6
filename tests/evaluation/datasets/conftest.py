"""Data sets of a few pictures, in the layouts that their authors gave them."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def label() -> Callable[..., Path]:
    """Write lines into a file below a folder, and return its path."""

    def write(path: Path, *lines: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    return write
