"""Prove a release on the board, before anything switches to it."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from thermedge.errors import BoardError
from thermedge.flashing import system_files
from thermedge.flashing.layout import BUNDLE, CONFIGURATION, SYSTEM, Layout
from thermedge.flashing.payload import Release

_BUILD_S = 5400  # one precision may take half an hour, and a bundle has two
_SELF_TEST_S = 900  # on a small board, an engine's first start takes minutes
_WHICH_BOARD = "from thermedge.board_configs.detect import detect; print(*detect().candidates)"
_HAS_TENSORRT = "import importlib.util, sys; sys.exit(importlib.util.find_spec('tensorrt') is None)"


def check_board(release: Release, folder: Path, layout: Layout) -> None:
    """Refuse a release that was made for another kind of board.

    A machine that does not tell what it is, a workstation for one, is not refused.

    Raises:
        BoardError: It is another board.
    """
    if not release.board:
        return
    done = _run(release, layout, str(folder / "venv/bin/python"), "-c", _WHICH_BOARD)
    candidates = done.stdout.split()
    if candidates and release.board not in candidates:
        raise BoardError(
            f"Release {release.version} was made for {release.board}, and this board is "
            f"{' or '.join(candidates)}.",
            "Name this board when you make the release: --board",
        )


def make_user(release: Release, folder: Path, layout: Layout) -> None:
    """Make the user that the tracker runs as, and the folders that are its own.

    A user that exists already keeps all it has, and gets the groups of cameras and the GPU.

    Raises:
        BoardError: The user can't be made.
    """
    if layout.root == Path("/"):
        rules = folder / SYSTEM / system_files.USERS
        program = shutil.which("systemd-sysusers")
        if program is not None:
            subprocess.run([program, str(rules)], capture_output=True, check=False)
        try:
            pwd.getpwnam(release.user)
        except KeyError as error:
            raise BoardError(
                f"The board has no user {release.user}, and it could not be made.",
                f"Make it: sudo useradd --system --groups video,render {release.user}",
            ) from error
    for own in (layout.state, layout.cache):
        own.mkdir(parents=True, exist_ok=True)
        if layout.root == Path("/") and os.geteuid() == 0:
            shutil.chown(own, release.user)


def build_engine(release: Release, folder: Path, layout: Layout) -> None:
    """Build the bundle's engine where the board has TensorRT; elsewhere there is none to build.

    Raises:
        BoardError: The build failed.
    """
    python = str(folder / "venv/bin/python")
    if _run(release, layout, python, "-c", _HAS_TENSORRT).returncode:
        return
    program = str(folder / "venv/bin/thermedge")
    done = _run(release, layout, program, "build", str(folder / BUNDLE), most_s=_BUILD_S)
    if done.returncode:
        problem, remedy = _told(done)
        raise BoardError(f"The engine can't be built: {problem}", remedy)


def self_test(release: Release, folder: Path, layout: Layout) -> str:
    """Run the release's own self-test as its user, and return the line that it prints.

    Raises:
        BoardError: It failed.
    """
    program = str(folder / "venv/bin/track-camera")
    done = _run(
        release, layout, program, "--self-test", "--bundle", str(folder / BUNDLE), *_engine(folder)
    )
    line = done.stdout.strip()
    if done.returncode == 0:
        return line
    problem, remedy = _told(done)
    raise BoardError(f"Release {release.version} failed its self-test: {problem}", remedy)


def _engine(folder: Path) -> list[str]:
    """Return the --backend and --precision that the service will run with."""
    path = folder / SYSTEM / CONFIGURATION
    words = system_files.arguments(system_files.read(path)) if path.is_file() else []
    flags: dict[str, str] = {}
    for word, after in zip(words, [*words, ""][1:], strict=True):
        flag, is_joined, value = word.partition("=")
        if flag in ("--backend", "--precision"):
            flags[flag] = value if is_joined else after
    return [word for flag in flags.items() for word in flag]


def _run(
    release: Release, layout: Layout, *command: str, most_s: float | None = None
) -> subprocess.CompletedProcess[str]:
    most_s = _SELF_TEST_S if most_s is None else most_s
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment |= {
        "HOME": str(layout.state),
        "XDG_CACHE_HOME": str(layout.cache.parent),
        "THERMEDGE_CACHE": str(layout.cache),
    }
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            env=environment,
            cwd=layout.state,
            capture_output=True,
            text=True,
            timeout=most_s,
            check=False,
            **_as_user(release.user, layout),
        )
    except subprocess.TimeoutExpired as error:
        raise BoardError(
            f"{Path(command[0]).name} did not end within {most_s:g} s.",
            "Look at the board's load and power supply, then run the same command again.",
        ) from error
    except OSError as error:
        raise BoardError(
            f"{command[0]} can't be run: {error.strerror}.",
            "Bring the Python packages again: thermedge deploy ... --wheelhouse dist/wheelhouse",
        ) from error


def _as_user(name: str, layout: Layout) -> dict[str, Any]:
    if layout.root != Path("/") or os.geteuid() != 0:
        return {}
    user = pwd.getpwnam(name)
    groups = os.getgrouplist(name, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": groups}


def _told(done: subprocess.CompletedProcess[str]) -> tuple[str, str]:
    """Return the problem and the remedy that a program of ours told before it ended."""
    problems = re.findall(r"^(?:error|self-test failed): (.*)", done.stderr + done.stdout, re.M)
    remedies = re.findall(r"^fix: (.*)", done.stderr, re.M)
    if not problems:
        lines = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()
        problems = [f"it gave {done.returncode} and said {lines[-1]}"]
    remedy = remedies[-1] if remedies else "Run it by hand on the board, and tell us what it says."
    return problems[-1], remedy
