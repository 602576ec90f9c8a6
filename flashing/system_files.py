"""Units, udev rules and configuration: what a release puts outside of its own folder."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from thermedge.errors import BoardError
from thermedge.files import replacing
from thermedge.flashing import wheels
from thermedge.flashing.layout import CONFIGURATION, SERVICE, WHEELHOUSE, Layout

if TYPE_CHECKING:
    from thermedge.flashing.overlay import OverlayRequest

_UNITS = "etc/systemd/system"
FIRST_BOOT = f"{_UNITS}/thermedge-first-boot.service"
POWER = f"{_UNITS}/thermedge-power.service"
USERS = "etc/sysusers.d/thermedge.conf"
# name in units/ -> path on the board
_ALWAYS = {
    "thermedge.service": f"{_UNITS}/{SERVICE}",
    "50-thermedge-journal.conf": "etc/systemd/journald.conf.d/50-thermedge.conf",
    "70-thermedge-cameras.rules": "etc/udev/rules.d/70-thermedge-cameras.rules",
    "thermedge-users.conf": USERS,
}
_WANTS = "multi-user.target.wants"
_AS_IT_IS = "surrogateescape"  # people edit track.conf on the board, with any editor


def of_release(request: OverlayRequest) -> dict[str, str]:
    """Return path below / -> contents, of what belongs to every release."""
    contents = {path: _template(name, USER=request.user) for name, path in _ALWAYS.items()}
    if request.power_mode is not None:
        contents[POWER] = _template("thermedge-power.service", MODE=request.power_mode)
    if request.arguments:
        line = f'TRACK_ARGUMENTS="{" ".join(request.arguments)}"\n'
        contents[CONFIGURATION] = _template("track.conf") + line
    return contents


def of_first_boot(request: OverlayRequest, incoming: Path) -> dict[str, str]:
    """Return the unit that installs a flashed release; nothing when packages are to follow."""
    if request.wheelhouse is None:
        return {}
    wheel = wheels.one(incoming / WHEELHOUSE, "thermedge").name
    place = Layout().incoming / WHEELHOUSE / wheel
    return {FIRST_BOOT: _template("thermedge-first-boot.service", WHEEL=str(place))}


def place(root: Path, contents: Mapping[str, str]) -> list[str]:
    """Write the files that are new or differ, each whole or not at all; return their paths.

    Raises:
        OSError: One can't be written.
    """
    changed = []
    for name, wanted in contents.items():
        path = root / name
        if path.is_file() and read(path) == wanted:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_text(wanted, encoding="utf-8", errors=_AS_IT_IS)
        path.chmod(0o644)
        changed.append(name)
    return changed


def below(folder: Path) -> dict[str, str]:
    """Return path -> contents of the files that a release keeps for /."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {p.relative_to(folder).as_posix(): read(p) for p in paths}


def read(path: Path) -> str:
    """Return a file's text; `place` writes the same bytes, in whatever encoding they were."""
    return path.read_text(encoding="utf-8", errors=_AS_IT_IS)


def arguments(text: str) -> list[str]:
    """Return what the service passes to track-camera, from the text of track.conf.

    Read as systemd does, for people edit it: quotes of both kinds or none, a line that goes on
    after a backslash, the last of several. See EnvironmentFile in systemd.exec(5).
    """
    found = re.findall(r"^[ \t]*TRACK_ARGUMENTS=(.*)", text.replace("\\\n", ""), re.M)
    value: str = found[-1] if found else ""
    try:
        # Once for the file, which makes one value of it, and once for the service's words.
        return shlex.split(" ".join(shlex.split(value)))
    except ValueError:  # a quote that nobody closed
        return value.split()


def enable(root: Path, names: Mapping[str, str] | list[str]) -> dict[str, str]:
    """Make the units among `names` start at boot; return link -> what it leads to.

    Does what `systemctl enable` does, also where systemd does not run.

    Raises:
        BoardError: Something else has the link's name.
    """
    links = {}
    for name in names:
        if not name.startswith(f"{_UNITS}/"):
            continue
        link = root / _UNITS / _WANTS / Path(name).name
        if link.exists() and not link.is_symlink():
            raise BoardError(f"{link} is not a link.", f"Look at it, and remove it: {link}")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(f"/{name}")
        links[link.relative_to(root).as_posix()] = f"/{name}"
    return links


def remove_unit(root: Path, name: str) -> None:
    """Remove a unit that a release before had, and its link."""
    (root / _UNITS / _WANTS / Path(name).name).unlink(missing_ok=True)
    (root / name).unlink(missing_ok=True)


def _template(name: str, **values: str) -> str:
    text = files("thermedge.flashing").joinpath("units", name).read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text
