"""The workstation that flashes, as the checks see it: files below a root, and programs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_FOLDERS = ("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin")
_PATIENCE_S = 120.0  # `du` of a root file system on a slow disk takes a minute
_NOT_FOUND, _TIMED_OUT = 127, 124  # as shells report it


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended, and what it wrote."""

    status: int
    out: str = ""


Runner = Callable[[Sequence[str]], Finished]


def run_program(argv: Sequence[str]) -> Finished:
    """Run a program to its end; one that is missing or hangs gets the status a shell gives it."""
    try:
        done = subprocess.run(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LC_ALL": "C"},
            timeout=_PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Finished(_TIMED_OUT)
    except OSError:
        return Finished(_NOT_FOUND)
    return Finished(done.returncode, done.stdout.decode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class Machine:
    """Everything that a check may ask the workstation.

    Args:
        root: Where its files are; another folder than / in tests.
        run: Runs a program; another function in tests.
        environ: Environment variables.
    """

    root: Path = Path("/")
    run: Runner = run_program
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def text(self, path: str) -> str | None:
        """Return a file's text, None if it can't be read."""
        try:
            return (self.root / path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None

    def listed(self, pattern: str) -> list[Path]:
        """Return the files that match a pattern below the root, sorted."""
        try:
            return sorted(self.root.glob(pattern))
        except OSError:
            return []

    def has_program(self, name: str) -> bool:
        """Return whether a program is installed where systems keep them."""
        return any((self.root / folder / name).exists() for folder in _FOLDERS)

    def output(self, *argv: str) -> str | None:
        """Return what a program writes, stripped; None if it fails or is missing."""
        done = self.run(argv)
        return done.out.strip() if done.status == 0 else None

    def is_active(self, service: str) -> bool:
        """Return whether systemd runs the service."""
        return self.run(("systemctl", "is-active", "--quiet", service)).status == 0
