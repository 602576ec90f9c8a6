"""Tell a plan in words: what people read before they agree to erase a board."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from thermedge.board_configs import l4t
from thermedge.flashing import overlay, preflight, usb
from thermedge.flashing.checks import cable, space
from thermedge.flashing.checks.finding import Planned
from thermedge.flashing.plan import Plan, Step
from thermedge.flashing.preflight import Result

_GIB = 2**30


def lines(subject: Planned, results: Sequence[Result]) -> list[str]:
    """Return the plan and the preflight's result, one line each."""
    plan = subject.plan
    facts = [
        ("Target", f"{subject.board.name}  board_configs/{subject.board.id}.toml"),
        ("BSP", _bsp(subject, results)),
        ("USB", _usb(subject, results)),
        ("Storage", _storage(subject, results)),
        ("Preflight", summary(results)),
        *(("", line) for line in findings(results)),
        ("Overlay", f"release {plan.wanted.overlay.version}"),
        *(("", line) for line in overlay.steps(plan.wanted.overlay)),
        ("Login", _login(plan)),
        ("Power", _power(plan)),
        ("Will ERASE", ", ".join(plan.erases) or "nothing: it makes an image only"),
        ("Commands", f"in {plan.cwd}, as root:"),
    ]
    steps = [f"  {number} {line}" for number, line in enumerate(_commands(plan), 1)]
    return [f"{name:<12}  {fact}" for name, fact in facts] + steps


def summary(results: Iterable[Result]) -> str:
    """Return how many checks passed."""
    states = [result.status for result in results]
    return ", ".join(
        [
            f"{states.count('ok')} ok",
            f"{states.count('warning')} warnings",
            f"{states.count('error')} errors",
            f"{states.count('skipped')} not needed",
        ]
    )


def findings(results: Iterable[Result]) -> list[str]:
    """Return what the checks found, each with its remedy, errors first."""
    told = []
    for status in ("error", "warning"):
        for result in results:
            if result.status == status:
                told.append(f"{status} {result.number} {result.name}: {result.problem}")
                told.append(f"      fix: {result.remedy}")
    return told


def shell(plan: Plan, own: dict[str, str]) -> list[str]:
    """Return lines to paste into a root shell.

    Args:
        own: The command line for each step that ThermEdge does itself.
    """
    told = ["set -e", f"cd {shlex.quote(str(plan.cwd))}"]
    for step in plan.steps:
        told.append(f"# {step.name}: {step.summary}")
        told.append(_shell(step) if step.argv else own[step.name])
    return told


def _shell(step: Step) -> str:
    env = [f"{name}={shlex.quote(value)}" for name, value in step.env.items()]
    return " ".join([*env, shlex.join(step.argv)])


def _commands(plan: Plan) -> list[str]:
    return [_shell(step) if step.argv else f"(thermedge) {step.summary}" for step in plan.steps]


def _verdict(results: Sequence[Result], *numbers: int) -> str:
    states = {result.status for result in results if result.number in numbers}
    worst = next((one for one in ("error", "warning") if one in states), "ok")
    return {"ok": "OK", "warning": "see below", "error": "NOT OK"}[worst]


def _bsp(subject: Planned, results: Sequence[Result]) -> str:
    stated = subject.bsp.l4t or ""
    jetpack = l4t.JETPACK.get(stated)
    return (
        f"{subject.bsp.root}  R{stated} ({f'JetPack {jetpack}' if jetpack else 'untested'})  "
        f"supported {subject.plan.release.l4t}  {_verdict(results, 3, 4, 5)}"
    )


def _usb(subject: Planned, results: Sequence[Result]) -> str:
    if not subject.plan.is_flashing:
        return "not needed for an image"
    verdict = _verdict(results, preflight.DEVICE_CHECK)
    found = cable.in_recovery(subject) or usb.devices(subject.machine)
    told = ", ".join(f"{one.instance} {one.id}" for one in found)
    return f"{told or 'no board of NVIDIA found'}  {verdict}"


def _storage(subject: Planned, results: Sequence[Result]) -> str:
    storage = subject.plan.storage
    told = [f"{storage.name}: {storage.external_device or storage.device}"]
    if storage.external_xml:
        told.append(f"layout {Path(storage.external_xml).name}")
    medium = space.medium_bytes(subject)
    if medium is not None:
        told.append(f"for {medium / 1e9:.0f} GB")
    used = space.rootfs_bytes(subject)
    if used is not None:
        needed = space.partition_bytes(used)
        told.append(f"rootfs {used / _GIB:.1f} GiB -> partition of {needed / _GIB:.1f} GiB")
    return f"{', '.join(told)}  {_verdict(results, 20, 21)}"


def _login(plan: Plan) -> str:
    login = plan.wanted.login
    if login is None:
        return "as the root file system has it"
    password = (
        f"password from {login.password_file} (not shown)" if login.password_file else "no password"
    )
    return f"{login.user} (sudo, video, render), host name {login.host}, {password}"


def _power(plan: Plan) -> str:
    mode = plan.wanted.overlay.power_mode
    return "as NVIDIA sets it" if mode is None else f"{mode} at boot, its id resolved on the board"
