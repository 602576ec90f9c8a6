"""Keep what is slow to make, in a folder of its own for every set of ingredients."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def opened(name: str, *, when_busy: Callable[[], None]) -> Iterator[Path]:
    """Hold the cache folder `name` alone: two machines at a time would only slow each other.

    Args:
        name: Of the folder, below the user's cache.
        when_busy: Called once when another run holds it, before waiting for that one.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "thermedge" / name
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            when_busy()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def kept(cache: Path, name: str, *ingredients: str, make: Callable[[Path], None]) -> Path:
    """Return the folder that `make` filled from `ingredients`, now or in an earlier run.

    A folder appears whole or not at all. Its forerunner, from other ingredients, goes.
    """
    key = hashlib.sha256("\0".join(ingredients).encode()).hexdigest()[:16]
    folder = cache / f"{name}-{key}"
    if not folder.is_dir():
        with tempfile.TemporaryDirectory(dir=cache) as work:
            made = Path(work, "made")
            made.mkdir()
            make(made)
            made.rename(folder)
        for old in cache.glob(f"{name}-*"):
            if old != folder:
                shutil.rmtree(old)
    return folder
