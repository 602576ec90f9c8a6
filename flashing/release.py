"""Releases on a board: installed beside the one that runs, switched to when they are proven.

    /opt/thermedge/releases/VERSION/   bundle/, venv, system/, release.json
    /opt/thermedge/current             link to the one that runs
    /opt/thermedge/previous            link to the one before it

Needs the standard library only: at first this runs from the wheel, before any package is
there. Everything below a release is written once; only the links change, atomically.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from thermedge.errors import BoardError, ThermedgeError
from thermedge.files import replacing, sync
from thermedge.flashing import environment, payload, proof, system_files
from thermedge.flashing.layout import CONFIGURATION, SYSTEM, WHEELHOUSE, Layout
from thermedge.flashing.progress import FILE, Progress
from thermedge.flashing.service import JOURNAL, Systemd

NOT_STARTED = "not started"
_SWITCHING = ".switching.json"  # what was current and previous; there while a switch runs


@dataclass(frozen=True, slots=True)
class Installed:
    """What an installation came to."""

    version: str
    previous: str | None
    self_test: str  # the line that it printed
    service: str  # "running", NOT_STARTED and why, or "no systemd here"


def install(
    source: Path,
    layout: Layout,
    *,
    service: Systemd | None,
    tell: Callable[[str], None] = lambda step: None,
) -> Installed:
    """Install the payload `source`, prove it, and switch to it.

    Whatever fails, the release that ran before runs on. Of the new one nothing stays but its
    Python packages, which another try will use.

    Args:
        source: A folder that `payload.write` made.
        layout: The board's.
        service: The board's systemd; None: nothing is to be started.
        tell: Called with the name of every step.

    Raises:
        BoardError: With the step's own problem and remedy.
    """
    release = payload.read(source)
    with _locked(layout):
        progress = Progress(layout.state / FILE, release.version, tell)
        try:
            with _disk_errors():
                done = _install(source, release, layout, service, progress)
        except ThermedgeError as error:
            progress.failed(error)
            raise
        progress.done()
    return done


def _install(
    source: Path,
    release: payload.Release,
    layout: Layout,
    service: Systemd | None,
    progress: Progress,
) -> Installed:
    progress.step("check what was sent")
    payload.verify(source, release)
    _undo_half_a_switch(layout)
    before = current(layout)
    try:
        progress.step("make the Python environment")
        packages = _environment(source, release, layout)
        folder = _place(source, release, layout, packages)
        progress.step("make the user")
        proof.make_user(release, folder, layout)
        progress.step("recognise the board")
        proof.check_board(release, folder, layout)
        progress.step("build the engine")
        proof.build_engine(release, folder, layout)
        progress.step("self-test")
        line = proof.self_test(release, folder, layout)
    except BaseException:
        if release.version not in (before, previous(layout)):
            _remove(layout.releases / release.version)
        raise
    progress.step("switch")
    try:
        state = _switch(release.version, layout, service)
        if source.resolve() != layout.incoming.resolve():
            # Else the next boot would go back to what the system was flashed with.
            payload.remove(layout.incoming)
    finally:
        _prune(layout)
    return Installed(release.version, before, line, state)


def switch(version: str, layout: Layout, *, service: Systemd | None) -> str:
    """Let the installed release `version` run; back to the one before when it does not start.

    Returns:
        How the service is: "running", "not started: ..." or "no systemd here".

    Raises:
        BoardError: It is not installed, can't be switched to, or did not start though the one
            before ran. That one runs again then.
    """
    if version not in versions(layout):
        raise BoardError(
            f"No release {version!r} is installed here.",
            f"Choose one of {', '.join(versions(layout)) or 'none: deploy one'}.",
        )
    with _locked(layout), _disk_errors():
        _undo_half_a_switch(layout)
        if version == current(layout):
            _keep_configuration(layout, layout.releases / version)
        return _switch(version, layout, service)


def rollback(layout: Layout, *, service: Systemd | None) -> tuple[str, str]:
    """Go back to the release that ran before; return its version, and how its service is.

    Raises:
        BoardError: There is none.
    """
    with _locked(layout), _disk_errors():
        _undo_half_a_switch(layout)
        before = previous(layout)
        if before is None or before not in versions(layout):
            raise BoardError(
                "There is no release to go back to.",
                "Deploy the one that you want: thermedge deploy HOST --bundle BUNDLE",
            )
        return before, _switch(before, layout, service)


def versions(layout: Layout) -> list[str]:
    """Return the installed releases, the oldest first."""
    if not layout.releases.is_dir():
        return []
    found = [p for p in layout.releases.iterdir() if p.is_dir() and not p.name.startswith(".")]
    return [path.name for path in sorted(found, key=lambda path: path.stat().st_mtime_ns)]


def current(layout: Layout) -> str | None:
    """Return the release that runs, or None."""
    return _linked(layout.current)


def previous(layout: Layout) -> str | None:
    """Return the release that ran before, or None."""
    return _linked(layout.home / "previous")


def _environment(source: Path, release: payload.Release, layout: Layout) -> Path:
    if release.environment is not None:
        minor = environment.minor()
        folder = layout.environments / f"{release.environment}-3.{minor}"
        environment.make(source / WHEELHOUSE, folder)
        return folder
    running = layout.current / "venv"
    if not running.is_dir():
        raise BoardError(
            "The payload brings no Python packages, and no release runs here to take them from.",
            "Bring them: make wheelhouse, then thermedge deploy ... --wheelhouse dist/wheelhouse",
        )
    return running.resolve()


def _place(source: Path, release: payload.Release, layout: Layout, packages: Path) -> Path:
    """Put the release's folder in its place: whole, or not at all."""
    folder = layout.releases / release.version
    if folder.is_dir():
        if payload.text(payload.read(folder)) == payload.text(release):
            # Its configuration may have been edited on the board while it ran: that counts,
            # unless the payload brings one.
            if release.version == current(layout):
                _keep_configuration(layout, folder)
            system_files.place(folder / SYSTEM, system_files.below(source / SYSTEM))
            return folder
        raise BoardError(
            f"Another release {release.version} is installed here already.",
            "Give this one another name: --release NAME",
        )
    layout.releases.mkdir(parents=True, exist_ok=True)
    partial = layout.releases / f".{release.version}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    kept = [name for name in release.files if not name.startswith(f"{WHEELHOUSE}/")]
    needed = sum((source / name).stat().st_size for name in kept)
    environment.check_room(layout.releases, needed + (1 << 20), "the bundle and its units")
    try:
        for name in kept:
            (partial / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, partial / name)
            sync(partial / name)
        _take_configuration(layout, partial / SYSTEM)
        payload.save(release, partial)
        (partial / "venv").symlink_to(os.path.relpath(packages, folder.resolve()))
        partial.chmod(0o755)
        partial.rename(folder)
        sync(layout.releases)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _switch(version: str, layout: Layout, service: Systemd | None) -> str:
    before, older = current(layout), previous(layout)
    ran = service is not None and service.is_active()
    if before is not None and before != version:
        _keep_configuration(layout, layout.releases / before)
    _note_switch(layout, before, older)
    try:
        problem = _activate(version, layout, service)
    except BaseException:
        _go_back(before, older, layout, service)
        raise
    if problem is None or not ran or before in (None, version):
        _forget_switch(layout)
        if problem is not None:
            return f"{NOT_STARTED}: {problem}"
        return "no systemd here" if service is None else "running"
    again = _go_back(before, older, layout, service)
    state = f"{before} runs again" if again is None else f"{before} did not start either: {again}"
    raise BoardError(f"Release {version} did not start: {problem}; {state}.", JOURNAL)


def _go_back(
    before: str | None, older: str | None, layout: Layout, service: Systemd | None
) -> str | None:
    """Make `before` current and `older` previous again; return as `_activate` does."""
    _link(layout.current, before)
    _link(layout.home / "previous", older)
    problem = None if before is None else _activate(before, layout, service)
    _forget_switch(layout)
    return problem


def _note_switch(layout: Layout, before: str | None, older: str | None) -> None:
    with replacing(layout.home / _SWITCHING) as temporary:
        temporary.write_text(json.dumps([before, older]), encoding="utf-8")


def _forget_switch(layout: Layout) -> None:
    (layout.home / _SWITCHING).unlink(missing_ok=True)


def _undo_half_a_switch(layout: Layout) -> None:
    """Give the running release its files back when a power cut left the next one's there.

    Else they would be taken for its own, and kept with it.
    """
    try:
        before, older = json.loads((layout.home / _SWITCHING).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    if before is not None and before == current(layout):
        _put_files(layout, layout.releases / before)
        _link(layout.home / "previous", older)
    _forget_switch(layout)


def _activate(version: str, layout: Layout, service: Systemd | None) -> str | None:
    """Make `version` current; return what kept its service from running, or None."""
    before = current(layout)
    _put_files(layout, layout.releases / version)
    if before is not None and before != version:
        _link(layout.home / "previous", before)
    _link(layout.current, version)
    if service is None:
        return None
    service.reload()
    return service.restart()


def _put_files(layout: Layout, folder: Path) -> None:
    contents = system_files.below(folder / SYSTEM)
    if system_files.POWER not in contents:
        system_files.remove_unit(layout.root, system_files.POWER)
    system_files.place(layout.root, contents)
    system_files.enable(layout.root, contents)


def _keep_configuration(layout: Layout, folder: Path) -> None:
    """Let the outgoing release keep the configuration it ran with, edited or not."""
    path = layout.root / CONFIGURATION
    if path.is_file():
        system_files.place(folder / SYSTEM, {CONFIGURATION: system_files.read(path)})


def _take_configuration(layout: Layout, system: Path) -> None:
    """Let a release that brings no configuration run with the one that is here."""
    if (system / CONFIGURATION).is_file():
        return
    path = layout.root / CONFIGURATION
    if not path.is_file():
        raise BoardError(
            "Nothing says what the tracker is to do on this board.",
            "Give it: thermedge deploy ... --arguments "
            "'v4l2:auto --control /run/thermedge/control.sock'",
        )
    system_files.place(system, {CONFIGURATION: system_files.read(path)})


def _prune(layout: Layout) -> None:
    """Remove all releases but the running one and the one before, and unused packages."""
    kept = {current(layout), previous(layout)}
    for folder in [path for path in layout.releases.iterdir() if path.is_dir()]:
        if folder.name not in kept:
            _remove(folder)
    used = {(layout.releases / version / "venv").resolve() for version in versions(layout)}
    if layout.environments.is_dir():
        for folder in layout.environments.iterdir():
            if folder.resolve() not in used:
                environment.remove(folder)


def _remove(folder: Path) -> None:
    """Remove a release; half of one, after a power cut, is not taken for a whole."""
    if folder.is_dir():
        gone = folder.with_name(f".{folder.name}.gone")
        shutil.rmtree(gone, ignore_errors=True)
        folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def _link(link: Path, version: str | None) -> None:
    """Let `link` lead to a release, in one step that a power cut can't split."""
    if version is None:
        link.unlink(missing_ok=True)
        return
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(Path("releases", version))
    os.replace(temporary, link)
    sync(link.parent)


def _linked(link: Path) -> str | None:
    try:
        return Path(os.readlink(link)).name
    except OSError:
        return None


@contextmanager
def _locked(layout: Layout) -> Iterator[None]:
    try:
        layout.home.mkdir(parents=True, exist_ok=True)
        layout.home.chmod(0o755)
        file = (layout.home / ".lock").open("w")
    except OSError as error:
        raise BoardError(
            f"{layout.home} can't be written: {error.strerror}.", "Run it as root: sudo ..."
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BoardError(
                "Another installation runs on this board.",
                "Wait for its end; /var/lib/thermedge/progress.json tells how far it is.",
            ) from error
        mask = os.umask(0o022)  # the tracker's user reads what is made, whatever root's mask is
        try:
            yield
        finally:
            os.umask(mask)


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BoardError(
            f"The board's disk refused: {error.strerror} ({error.filename}).",
            "Make room on the board, or look at its disk: df -h; dmesg | tail",
        ) from error
