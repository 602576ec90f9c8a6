"""What travels to a board: one folder with a release and a list of its checksums.

    release.json   which release, for whom, and the sha256 of every other file
    bundle/        the tracker
    wheelhouse/    the Python packages; may be missing
    system/        units, udev rules, configuration, under the paths they get on the board

Needs the standard library only: a board reads it before any package is there.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from thermedge.errors import BoardError
from thermedge.files import replacing, sha256_of, sync
from thermedge.flashing import system_files, wheels
from thermedge.flashing.layout import (
    BUNDLE,
    PARTIAL,
    RELEASE_FILE,
    SYSTEM,
    WHEELHOUSE,
    check_version,
)

if TYPE_CHECKING:
    from thermedge.flashing.overlay import OverlayRequest

FORMAT = 1
_AGAIN = "Run the same command again: it copies what is missing or damaged."


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What a payload says about itself."""

    format: int
    version: str
    board: str
    user: str
    environment: str | None  # names the set of wheels; None: keep the packages that run
    files: Mapping[str, str]  # path -> sha256


def write(folder: Path, request: OverlayRequest) -> Release:
    """Fill the new folder `folder`, and force it to the disk.

    Raises:
        OSError: It exists, or there is no room.
    """
    folder.mkdir(parents=True)
    _copy(request.bundle, folder / BUNDLE)
    environment = None
    if request.wheelhouse is not None:
        (folder / WHEELHOUSE).mkdir()
        for wheel in wheels.found(request.wheelhouse):
            shutil.copyfile(wheel.path, folder / WHEELHOUSE / wheel.path.name)
        environment = environment_key(folder / WHEELHOUSE)
    system_files.place(folder / SYSTEM, system_files.of_release(request))
    files = {name: sha256_of(folder / name) for name in _names(folder)}
    release = Release(
        format=FORMAT,
        version=request.version,
        board=request.board,
        user=request.user,
        environment=environment,
        files=files,
    )
    for name in files:
        (folder / name).chmod(0o644)
        sync(folder / name)
    (folder / RELEASE_FILE).write_text(text(release), encoding="utf-8")
    sync(folder / RELEASE_FILE)
    return release


def text(release: Release) -> str:
    """Return the contents of release.json."""
    return json.dumps(asdict(release), indent=2, sort_keys=True) + "\n"


def read(folder: Path) -> Release:
    """Read a payload's own description; `verify` checks its files.

    Raises:
        BoardError: It is missing, damaged, or of another format.
    """
    path = folder / RELEASE_FILE
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BoardError(f"{path} can't be read: {error.strerror}.", _AGAIN) from error
    except ValueError as error:
        raise BoardError(f"{path} is damaged: {error}.", _AGAIN) from error
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise BoardError(
            f"{path} is not of format {FORMAT}.",
            "Deploy with the thermedge that is in the payload's own wheelhouse.",
        )
    try:
        release = Release(**values)
    except TypeError as error:
        raise BoardError(f"{path} is damaged: {error}.", _AGAIN) from error
    check_version(release.version)
    for name in release.files:
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts:
            raise BoardError(f"{path} lists {name!r}, which leads elsewhere.", _AGAIN)
    return release


def verify(folder: Path, release: Release) -> None:
    """Compare every file with its checksum.

    Raises:
        BoardError: One is missing or differs, or one is there that nobody listed.
    """
    for name, expected in release.files.items():
        path = folder / name
        try:
            found = sha256_of(path)
        except OSError as error:
            raise BoardError(f"{path} can't be read: {error.strerror}.", _AGAIN) from error
        if found != expected:
            raise BoardError(
                f"{path} has sha256 {found[:12]}..., and {expected[:12]}... was sent.", _AGAIN
            )
    # Half a file of a payload before stays: rsync removes no folder that it keeps such in.
    came = {name for name in _names(folder) if PARTIAL not in PurePosixPath(name).parts}
    extra = came - set(release.files) - {RELEASE_FILE}
    if extra:
        raise BoardError(f"{folder / min(extra)} was not sent.", _AGAIN)


def remove(folder: Path) -> None:
    """Remove a payload; half of one, after a power cut, is none that a boot would install."""
    (folder / RELEASE_FILE).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def environment_key(wheelhouse: Path) -> str:
    """Return a name for the set of wheels in a folder: the same set has the same name."""
    told = "\n".join(f"{w.path.name} {sha256_of(w.path)}" for w in wheels.found(wheelhouse))
    return hashlib.sha256(told.encode("utf-8")).hexdigest()[:16]


def rename(folder: Path, version: str) -> None:
    """Give the payload's release another name."""
    save(replace(read(folder), version=version), folder)


def save(release: Release, folder: Path) -> None:
    """Write release.json into a folder that has the release's files."""
    with replacing(folder / RELEASE_FILE) as temporary:
        temporary.write_text(text(release), encoding="utf-8")


def _names(folder: Path) -> list[str]:
    found = []
    for base, folders, names in os.walk(folder):
        folders.sort()
        found += [Path(base, name).relative_to(folder).as_posix() for name in sorted(names)]
    return [name for name in found if name != RELEASE_FILE]


def _copy(bundle: Path, folder: Path) -> None:
    """Copy what the bundle's manifest lists, and nothing that lies beside it."""
    from thermedge import bundle as bundles

    folder.mkdir()
    for name in (bundles.MANIFEST, *bundles.read(bundle).manifest.files):
        shutil.copyfile(bundle / name, folder / name)
