"""Write files so that a reader never meets half of one."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; on success it is synced and takes its place.

    When the body raises, the temporary file is removed and `path` stays as it was.

    Raises:
        OSError: The folder is missing or not writable.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        sync(temporary)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def replace_folder(draft: Path, folder: Path) -> None:
    """Let the folder `draft` take the place of `folder`, beside it; its files are synced first.

    A crash in between leaves the old content under `.NAME.old`.

    Raises:
        OSError: It can't be renamed; then the old folder is where it was.
    """
    for path in draft.iterdir():
        sync(path)
    sync(draft)
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    try:
        draft.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    sync(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def strangers(folder: Path, known: Collection[str]) -> list[str]:
    """Return the names in a folder that are not among the `known` ones, sorted.

    Whoever replaces a folder as a whole asks first what else would be lost.
    """
    return sorted({path.name for path in folder.iterdir()} - set(known))


def sync(path: Path) -> None:
    """Force a file's or folder's content to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's content."""
    state = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            state.update(block)
    return state.hexdigest()


def _umask() -> int:
    # The mask can only be read by setting it.
    mask = os.umask(0)
    os.umask(mask)
    return mask
