"""Checks of what is about to be written, and that somebody agreed."""

from __future__ import annotations

import re
from pathlib import Path

from thermedge.errors import ThermedgeError
from thermedge.flashing import bsp as tools
from thermedge.flashing import overlay, password, power, wheels
from thermedge.flashing.checks.finding import Finding, Planned, error, warning

_VARIANTS = re.compile(r"-(super|nvme|maxn)$")


def eeprom(subject: Planned) -> Finding | None:
    """Check 23: what the module says it is. Only when asked for: it disturbs the board."""
    chdir = f"--chdir={subject.bsp.root}"
    done = subject.machine.run(("env", chdir, f"./{tools.PRINT_BOARD}", "--print_boardid"))
    told = re.findall(r"^(\S+) found\.\s*$", done.out, re.MULTILINE)
    expected = _VARIANTS.sub("", subject.plan.release.flash_board)
    # Nothing told is no proof of another board: modules without EEPROM contents exist.
    if not told or _VARIANTS.sub("", told[-1]) == expected:
        return None
    return error(
        f"The module's EEPROM says {told[-1]}, and {subject.board.id} is {expected}.",
        "Name the board that is connected: thermedge boards",
    )


def contents(subject: Planned) -> Finding | None:
    """Check 24: what is to be put on the board is whole, and can run there."""
    python = subject.plan.release.python
    if tuple(map(int, python.split("."))) < (3, 10):
        return error(
            f"JetPack {subject.plan.release.jetpack} brings Python {python}; ThermEdge needs 3.10.",
            "Take a board that runs JetPack 6 or newer: thermedge boards",
        )
    request = subject.plan.wanted.overlay
    try:
        overlay.check(request)
        if request.wheelhouse is not None:
            minor = int(python.split(".")[1])
            wheels.check(request.wheelhouse, minor=minor, machine="aarch64")
    except ThermedgeError as failed:
        return error(failed.problem, failed.remedy)
    login = subject.plan.wanted.login
    found = None
    if login is not None and login.password_file is not None:
        found = _password_file(login.password_file, subject)
    return found or _power_mode(subject)


def agreed(subject: Planned) -> Finding | None:
    """Check 25: somebody named the device that will be erased."""
    given, device = subject.yes_erase, subject.plan.storage.device
    if given is None or given.removeprefix("/dev/") == device:
        return None
    return error(
        f"--yes-erase {given} is not what this plan erases: {device}.",
        f"Read the plan, then give --yes-erase {device}",
    )


def _password_file(path: Path, subject: Planned) -> Finding | None:
    try:
        password.read(path)
    except ThermedgeError as failed:
        return error(failed.problem, failed.remedy)
    mode = subject.machine.output("stat", "-c", "%a", str(path)) or "600"
    if mode[-2:] != "00":
        return error(f"Others can read {path}: its mode is {mode}.", f"chmod 600 {path}")
    return None


def _power_mode(subject: Planned) -> Finding | None:
    mode = subject.plan.wanted.overlay.power_mode
    offered = power.offered(subject.bsp.rootfs)
    # A board's file lists what was confirmed, which need not be all.
    confirmed = [one.name for one in subject.board.power_mode]
    if mode is None or mode in offered or mode in confirmed or not (offered or confirmed):
        return None
    choice = f"Choose one of {', '.join(confirmed or sorted(offered))}."
    if offered:
        return error(
            f"No board has a power mode {mode!r} with L4T {subject.bsp.l4t}: no file in "
            "rootfs/etc/nvpmodel does.",
            choice,
        )
    return warning(f"Nobody confirmed that {subject.board.id} has a power mode {mode!r}.", choice)
