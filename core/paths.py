"""Tell what is missing from what this user may not reach."""

from __future__ import annotations

import os
from pathlib import Path


def barrier(path: Path) -> str:
    """Return what keeps this user from `path`, as the system says it; "" when nothing does.

    Behind a folder that this user may not enter, nobody can say that something is missing.
    """
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # missing, or no name at all
        return ""
    except OSError as error:
        return error.strerror or str(error)
    return ""
