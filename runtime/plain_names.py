"""Names that can be handed on to others as text."""

from __future__ import annotations

import os
from pathlib import Path


def is_plain(name: str | Path) -> bool:
    """Return whether the name is UTF-8; over any other one OpenCV ends the whole process.

    Linux allows others, as those that an old stick or archive brought along.
    """
    try:
        os.fspath(name).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
