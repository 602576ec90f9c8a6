"""Bring a release to boards that run: copy, install beside the old one, prove, switch.

The copy goes to a folder of the login, which needs no rights; then one command on the board,
the same that a flashed image runs at its first boot, does the rest. When the connection breaks
during the copy, nothing has changed; when it breaks later, the board finishes by itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from thermedge.errors import BoardError, ThermedgeError
from thermedge.flashing import payload, wheels
from thermedge.flashing.layout import WHEELHOUSE
from thermedge.flashing.release import NOT_STARTED
from thermedge.flashing.service import JOURNAL
from thermedge.flashing.ssh import Remote

INCOMING = ".cache/thermedge/incoming"  # below the login's home
_SPARE_BYTES = 20 << 20
# Old enough a Python that any board can run it and be told what is missing.
_PROBE = """
import json, os, sys
def free(path):
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize
def linked(path):
    return os.path.basename(os.readlink(path)) if os.path.islink(path) else None
def size(path):
    return sum(os.path.getsize(os.path.join(f, n)) for f, _, ns in os.walk(path) for n in ns)
home = os.path.expanduser("~")
incoming = os.path.join(home, %r)
if not os.path.isdir(incoming):
    os.makedirs(incoming)
print(json.dumps({
    "minor": sys.version_info[1] if sys.version_info[0] == 3 else 0,
    "machine": os.uname()[4],
    "uid": os.getuid(),
    "home": home,
    "free": free(home),
    "there": size(incoming),
    "current": linked("/opt/thermedge/current"),
}))
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went on one board."""

    host: str
    version: str | None  # what is current there now; None: nobody knows
    detail: str
    remedy: str = ""
    is_ok: bool = True


@dataclass(frozen=True, slots=True)
class _Board:
    """What the probe told."""

    minor: int  # of its Python 3
    machine: str
    uid: int
    home: str
    free: int  # bytes, in the login's home
    there: int  # bytes that an earlier copy left
    current: str | None


def release_name(folder: Path, thermedge_version: str) -> str:
    """Return a name that tells a payload's contents: equal payloads have equal names."""
    release = payload.read(folder)
    told = payload.text(replace(release, version=""))
    return f"{thermedge_version}-{hashlib.sha256(told.encode('utf-8')).hexdigest()[:10]}"


def deploy(remote: Remote, folder: Path, *, soak_s: float, tell: Callable[[str], None]) -> Outcome:
    """Bring the payload `folder` to one board and let it run there.

    Args:
        remote: The board.
        folder: What `payload.write` made.
        soak_s: How long the started service must stay alive before it counts.
        tell: Called with the name of every step.

    Returns:
        Not ok where no release ran before and this one did not start either: it stays.

    Raises:
        BoardError: With what is to be done. The release that ran before runs on.
    """
    release = payload.read(folder)
    tell("look at the board")
    board = _probe(remote)
    _check(remote, board, release, folder)
    tell("copy")
    remote.copy(folder, INCOMING)
    tell("install, self-test, switch")
    incoming = f"{board.home}/{INCOMING}"
    done = remote.attempt(_installer(folder, release, incoming, soak_s=soak_s), root=board.uid != 0)
    if done.returncode:
        raise remote.error(done)
    values = json.loads(done.stdout.strip().splitlines()[-1])
    version, service = values["version"], values["service"]
    if service.startswith(NOT_STARTED):
        detail = f"{version} is installed, but its service was {service}"
        return Outcome(remote.host, version, detail, JOURNAL, is_ok=False)
    return Outcome(remote.host, version, f"{values['self_test']}; service: {service}")


def roll_out(
    remotes: Sequence[Remote],
    one: Callable[[Remote], Outcome],
    *,
    serial: Sequence[int] = (1,),
    report: Callable[[Outcome], None],
) -> list[Outcome]:
    """Deploy to many boards, a batch at a time; a failure stops before the next batch.

    Args:
        remotes: The boards, in order.
        one: Deploys to one of them.
        serial: Sizes of the batches; the last one is repeated.
        report: Called with every outcome as it comes.

    Returns:
        One outcome per board that was begun.
    """
    outcomes: list[Outcome] = []
    for batch in _batches(remotes, serial):
        with ThreadPoolExecutor(len(batch)) as pool:
            for outcome in pool.map(lambda remote: _guarded(remote, one), batch):
                outcomes.append(outcome)
                report(outcome)
        if not all(outcome.is_ok for outcome in outcomes):
            break
    return outcomes


def _batches(remotes: Sequence[Remote], serial: Sequence[int]) -> Iterator[Sequence[Remote]]:
    start = number = 0
    while start < len(remotes):
        size = serial[min(number, len(serial) - 1)]
        yield remotes[start : start + size]
        start, number = start + size, number + 1


def _guarded(remote: Remote, one: Callable[[Remote], Outcome]) -> Outcome:
    try:
        return one(remote)
    except ThermedgeError as error:
        return Outcome(remote.host, None, error.problem, error.remedy, is_ok=False)


def _probe(remote: Remote) -> _Board:
    done = remote.attempt(["python3", "-"], text=_PROBE % INCOMING)
    if done.returncode == 127:
        raise BoardError(
            f"{remote.host} has no python3.", "Install it there: sudo apt install python3"
        )
    if done.returncode:
        raise remote.error(done)
    try:
        return _Board(**json.loads(done.stdout.strip().splitlines()[-1]))
    except (ValueError, IndexError, TypeError) as error:
        raise BoardError(
            f"{remote.host} answered {done.stdout[-200:]!r} instead of telling about itself.",
            f"Its login must print nothing when no terminal is there: ssh {remote.host} true",
        ) from error


def _check(remote: Remote, board: _Board, release: payload.Release, folder: Path) -> None:
    if board.minor < wheels.LEAST_MINOR:
        raise BoardError(
            f"{remote.host} has Python 3.{board.minor}; thermedge needs "
            f"3.{wheels.LEAST_MINOR} or newer.",
            "Use a board with a newer system: JetPack 6 brings Python 3.10.",
        )
    if release.environment is not None:
        wheels.check(folder / WHEELHOUSE, minor=board.minor, machine=board.machine)
    elif board.current is None:
        raise BoardError(
            f"No release runs on {remote.host} yet, so it has no Python packages.",
            "Bring them: make wheelhouse, then add --wheelhouse dist/wheelhouse",
        )
    size = sum((folder / name).stat().st_size for name in release.files)
    needed = max(size - board.there, 0) + _SPARE_BYTES
    if board.free < needed:
        raise BoardError(
            f"{remote.host} has {board.free >> 20} MB free, and the copy needs "
            f"{(needed >> 20) + 1} MB.",
            "Make room there, for example: sudo journalctl --vacuum-size=50M",
        )


def _installer(
    folder: Path, release: payload.Release, incoming: str, *, soak_s: float
) -> list[str]:
    """Return the command that installs a payload on the board."""
    step = ["-m", "thermedge", "release", "install", incoming, "--json", f"--soak={soak_s:g}"]
    if release.environment is None:
        return ["/opt/thermedge/current/venv/bin/python", *step]
    wheel = wheels.one(folder / WHEELHOUSE, "thermedge").name
    path = f"{incoming}/{WHEELHOUSE}/{wheel}"
    return ["env", f"PYTHONPATH={path}", "/usr/bin/python3", *step]
