"""Reach a board with the system's own ssh and rsync: the user's keys, configuration and agent.

Commands are argument lists. A password for sudo goes through the connection, never onto a
command line; ssh itself must not ask for one, or a roll-out over many boards would wait.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from thermedge.errors import BoardError
from thermedge.flashing.layout import PARTIAL

_STEADY = (
    *("-o", "BatchMode=yes", "-o", "ConnectTimeout=15"),
    *("-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=4"),
)
_LOST = 255  # what ssh exits with when the connection itself failed
_RSYNC_IO_S = 60
# What ssh and rsync say -> what is wrong, and what to do. {host} is the board, {address} is it
# without the user. A board's own words may hold these too, so they count from ssh alone.
_CONNECTION = (
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "{host} shows another key than before.",
        "If it was flashed anew: ssh-keygen -R {address}, then ssh {host} once to check its key.",
    ),
    (
        "Host key verification failed",
        "{host} is not known to this machine.",
        "Log in once by hand and compare its key: ssh {host}",
    ),
    (
        "Permission denied (",
        "{host} accepts no key of this machine.",
        "Bring yours there: ssh-copy-id {host}",
    ),
    (
        "Could not resolve hostname",
        "{host} has no address.",
        "Look at the spelling, or give user@address.",
    ),
    (
        "Connection refused",
        "{host} refuses ssh.",
        "Look whether its ssh server runs: systemctl status ssh",
    ),
    (
        "timed out",
        "{host} does not answer.",
        "Look whether it is on and in this network: ping {address}",
    ),
    ("No route to host", "{host} can't be reached.", "Look at the network: ping {address}"),
)
_THERE = (
    (
        "No space left on device",
        "The disk of {host} ran full.",
        "Make room there, for example: sudo journalctl --vacuum-size=50M; then deploy again.",
    ),
    (
        "rsync: command not found",  # bash
        "{host} has no rsync.",
        "Install it there: sudo apt install rsync",
    ),
    (
        "rsync: not found",  # dash
        "{host} has no rsync.",
        "Install it there: sudo apt install rsync",
    ),
    (
        "a password is required",
        "{host} wants a password for sudo.",
        "Give --ask-sudo-password, or log in as root.",
    ),
    (
        "incorrect password",
        "{host} did not accept the password for sudo.",
        "Type it again: --ask-sudo-password",
    ),
)
_BROKEN = (
    "The connection to {host} broke.",
    "What runs there runs on. Run the same command again: it goes on where it was.",
)


@dataclass(frozen=True, slots=True)
class Remote:
    """One board, as ssh reaches it.

    Args:
        host: As on ssh's command line: a name of ~/.ssh/config, or [user@]address.
        options: More arguments of ssh, for example -p 2222.
        sudo_password: None: sudo asks for none, or the user is root.
    """

    host: str
    options: tuple[str, ...] = ()
    sudo_password: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        is_strange = any(sign.isspace() for sign in self.host) or "://" in self.host
        if is_strange or not self.address or "-" in (self.host[0], self.address[0]):
            raise BoardError(
                f"{self.host!r} is no host.",
                "Give [user@]address, or a name of ~/.ssh/config; a port belongs there.",
            )

    @property
    def address(self) -> str:
        """The host without its user."""
        return self.host.rpartition("@")[2]

    def run(self, command: Sequence[str], *, text: str = "", root: bool = False) -> str:
        """Run a command there, and return what it printed.

        Args:
            command: Program and arguments.
            text: For its standard input.
            root: Run it as root, by sudo where the user is another.

        Raises:
            BoardError: The connection failed, or the command did.
        """
        done = self.attempt(command, text=text, root=root)
        if done.returncode:
            raise self.error(done)
        return done.stdout

    def attempt(
        self, command: Sequence[str], *, text: str = "", root: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Do as `run`, but let the caller judge the exit status."""
        _require("ssh", "openssh-client")
        whole = [*command]
        if root:
            asks = self.sudo_password is not None
            # -k: a password is always read, so that none is left in the command's input.
            whole = ["sudo", *(["-k", "-S", "-p", ""] if asks else ["-n"]), "--", *command]
            text = f"{self.sudo_password}\n{text}" if asks else text
        return subprocess.run(
            ["ssh", *_STEADY, *self.options, "--", self.host, shlex.join(whole)],
            input=text,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )

    def copy(self, folder: Path, there: str) -> None:
        """Make the folder `there` equal to `folder`; goes on where an earlier copy broke.

        Args:
            folder: Here.
            there: Below the login's home; its parent exists.

        Raises:
            BoardError: The connection or the disk failed. Half a copy stays, for the next try.
        """
        _require("rsync", "rsync")
        user = self.host.removesuffix(self.address)
        # Else rsync would take the first colon of an IPv6 address for the end of the host.
        host = f"{user}[{self.address}]" if ":" in self.address else self.host
        done = subprocess.run(
            [
                *("rsync", "--recursive", "--checksum", "--delete", f"--partial-dir={PARTIAL}"),
                *(f"--timeout={_RSYNC_IO_S}", "--chmod=D755,F644", "--compress-level=0"),
                f"--rsh={shlex.join(['ssh', *_STEADY, *self.options])}",
                *("--", f"{folder}/", f"{host}:{there}/"),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if done.returncode:
            raise self.error(done, is_copy=True)

    def error(self, done: subprocess.CompletedProcess[str], *, is_copy: bool = False) -> BoardError:
        """Return what a failed command means, with what to do about it."""
        said, is_ssh = done.stderr, is_copy or done.returncode == _LOST
        lines = (said.strip() or done.stdout.strip() or f"status {done.returncode}").splitlines()
        own = next((line[7:] for line in lines if line.startswith("error: ")), None)
        known = (*(_CONNECTION if is_ssh else ()), *(_THERE if is_ssh or own is None else ()))
        for text, problem, remedy in known:
            if text in said:
                names = {"host": self.host, "address": self.address}
                return BoardError(problem.format(**names), remedy.format(**names))
        if is_ssh:
            problem, remedy = _BROKEN
            lines = said.strip().splitlines()
            detail = f" ({lines[0]})" if lines else ""
            return BoardError(problem.format(host=self.host)[:-1] + f"{detail}.", remedy)
        remedy = next(
            (ln[5:] for ln in lines if ln.startswith("fix: ")), "Look at it there by hand."
        )
        return BoardError(f"{self.host}: {own or lines[-1]}", remedy)


def _require(program: str, package: str) -> None:
    if shutil.which(program) is None:
        raise BoardError(
            f"{program} is missing on this machine.", f"Install it: sudo apt install {package}"
        )
