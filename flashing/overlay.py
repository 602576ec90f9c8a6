"""Put a bundle and all that it needs to run into the file system of a board.

The board installs itself at its first boot: the same step that `thermedge deploy` runs on
boards that are running already, so that there is one way in and one self-test before it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from thermedge import board_configs
from thermedge.errors import BoardError
from thermedge.files import replacing, sha256_of
from thermedge.flashing import payload, system_files, wheels
from thermedge.flashing.layout import RELEASE_FILE, Layout, check_version

MANIFEST = "usr/share/thermedge/overlay-manifest.json"

_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_ARGUMENT = re.compile(r"[A-Za-z0-9_@%+=:,./?&\[\]~-]+")
_MODE = re.compile(r"[A-Za-z0-9_ ()+.-]{1,60}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayRequest:
    """What a board is to run."""

    version: str  # name of the release on the board
    board: str  # a name from `thermedge boards`; "": any
    bundle: Path  # folder written by `thermedge export`
    wheelhouse: Path | None  # from `make wheelhouse`; None: the packages come with a later deploy
    user: str  # whom the tracker runs as; never root
    arguments: tuple[str, ...]  # of track-camera: the source, how a target is chosen, outputs
    power_mode: str | None = None  # by name, from /etc/nvpmodel.conf; None: as the board has it


def check(request: OverlayRequest, *, keeps_arguments: bool = False) -> None:
    """Refuse what could not run on any board.

    Args:
        request: What the board is to run.
        keeps_arguments: Without arguments it keeps those that it runs with.

    Raises:
        BoardError: A name or argument is impossible, or the board is unknown.
        BundleError: The bundle is damaged.
    """
    from thermedge import bundle

    check_version(request.version)
    if not _USER.fullmatch(request.user) or request.user == "root":
        raise BoardError(
            f"The tracker can't run as user {request.user!r}.",
            "Name a user of its own, in lower case and not root: --user thermedge",
        )
    if not request.arguments and not keeps_arguments:
        raise BoardError(
            "Nothing says what the tracker is to do: its arguments are missing.",
            "Give them as for track-camera, for example "
            "'v4l2:auto --control /run/thermedge/control.sock'",
        )
    for argument in request.arguments:
        if not _ARGUMENT.fullmatch(argument):
            raise BoardError(
                f"The tracker's argument {argument!r} has a blank, a quote or another sign "
                "that a systemd unit would change.",
                "Use letters, digits and _ @ % + = : , . / ? & [ ] ~ - only.",
            )
    if any(_is_bundle(argument) for argument in request.arguments):
        raise BoardError(
            "The tracker's arguments have --bundle, and the service adds its own.",
            "Leave it out: the bundle of the release is used.",
        )
    if request.power_mode is not None and not _MODE.fullmatch(request.power_mode):
        raise BoardError(
            f"{request.power_mode!r} can't be the name of a power mode.",
            "Take a name that `thermedge boards NAME` shows, for example 25W",
        )
    if request.board:
        board_configs.read(request.board)
    bundle.read(request.bundle)
    if request.wheelhouse is not None:
        wheels.check(request.wheelhouse)


def _is_bundle(argument: str) -> bool:
    """Tell whether argparse may take the argument for --bundle: it also takes --bund=X."""
    flag = argument.partition("=")[0]
    return len(flag) > len("--") and "--bundle".startswith(flag)


def steps(request: OverlayRequest) -> list[str]:
    """Return what `apply` does, one sentence per step, for a plan that people read.

    Raises:
        BoardError, BundleError: As `check` does.
    """
    check(request)
    packages = (
        f"copy {len(wheels.found(request.wheelhouse))} packages for its Python environment"
        if request.wheelhouse is not None
        else "bring no Python packages: they follow with thermedge deploy --wheelhouse"
    )
    power = (
        f"set the power mode {request.power_mode} at every boot, its id resolved on the board"
        if request.power_mode is not None
        else "leave the power mode as the board has it"
    )
    return [
        f"copy the bundle {request.bundle.resolve().name} as release {request.version}",
        packages,
        f"make thermedge.service run track-camera {' '.join(request.arguments)} "
        f"as {request.user}, watched by systemd",
        power,
        "give users in the group video the thermal cameras, by udev rules",
        "bound the journal at 200 MB",
        "at the first boot: install, build the engine, self-test, then switch to the release"
        if request.wheelhouse is not None
        else "track nothing before that deploy",
    ]


def apply(root: Path, request: OverlayRequest) -> None:
    """Write the overlay into the file system below `root`; a second call changes nothing.

    Raises:
        BoardError: `root` is no board's file system, its Python does not fit, or a file
            can't be written. What was there still works then.
        BundleError: The bundle is damaged.
    """
    check(request)
    _check_root(root, request)
    try:
        _write(Layout(root), request)
    except OSError as error:
        raise BoardError(
            f"The overlay can't be written below {root}: {error.strerror} ({error.filename}).",
            "Make room there, or run it as root; then run the same command again.",
        ) from error


def _write(layout: Layout, request: OverlayRequest) -> None:
    layout.home.mkdir(parents=True, exist_ok=True)
    # Beside its place, then renamed: a broken copy is never taken for a release.
    partial = layout.home / ".incoming.partial"
    shutil.rmtree(partial, ignore_errors=True)
    release = payload.write(partial, request)
    shutil.rmtree(layout.incoming, ignore_errors=True)
    partial.rename(layout.incoming)
    files = {
        **system_files.of_release(request),
        **system_files.of_first_boot(request, layout.incoming),
    }
    for unit in (system_files.FIRST_BOOT, system_files.POWER):
        if unit not in files:  # of another overlay, into the same root file system
            system_files.remove_unit(layout.root, unit)
    system_files.place(layout.root, files)
    written = [
        *(f"opt/thermedge/incoming/{name}" for name in (RELEASE_FILE, *release.files)),
        *files,
    ]
    links = system_files.enable(layout.root, files)
    _write_manifest(layout.root, request, sorted(written), links)


def _write_manifest(
    root: Path, request: OverlayRequest, files: list[str], links: dict[str, str]
) -> None:
    listed = {
        name: {
            "sha256": sha256_of(root / name),
            "mode": f"{(root / name).stat().st_mode & 0o7777:04o}",
        }
        for name in files
    }
    values = {"version": request.version, "files": listed, "links": links}
    path = root / MANIFEST
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def _check_root(root: Path, request: OverlayRequest) -> None:
    python = root / "usr/bin/python3"
    try:
        name = os.readlink(python)
    except OSError as error:
        raise BoardError(
            f"{root} is no board's file system: it has no usr/bin/python3.",
            "Unpack NVIDIA's sample root file system there first, then run apply_binaries.sh",
        ) from error
    for folder in ("etc/systemd/system", "opt", "var/lib"):
        _check_inside(root, root / folder)
    found = re.fullmatch(r".*python3\.(\d+)", name)
    if found is None:
        raise BoardError(
            f"{python} leads to {name}, and that tells no version of Python.",
            "Use the root file system as NVIDIA ships it.",
        )
    minor = int(found[1])
    if minor < wheels.LEAST_MINOR:
        raise BoardError(
            f"The board's system has Python 3.{minor}; thermedge needs 3.{wheels.LEAST_MINOR}.",
            "Use a board and a JetPack with a newer system: JetPack 6 brings Python 3.10.",
        )
    if request.wheelhouse is not None:
        wheels.check(request.wheelhouse, minor=minor, machine="aarch64")


def _check_inside(root: Path, folder: Path) -> None:
    """Refuse a link that would lead the overlay to the machine it is made on."""
    if not folder.resolve().is_relative_to(root.resolve()):
        raise BoardError(
            f"{folder} leads out of {root}, to {folder.resolve()}.",
            "Unpack the root file system again.",
        )
