"""Checks of the board on its USB cable."""

from __future__ import annotations

from thermedge.flashing import usb
from thermedge.flashing.checks.finding import Finding, Planned, error, warning
from thermedge.flashing.usb import UsbDevice

_ENTER = (
    "Switch the board off, hold its recovery button or bridge FC REC with GND, switch it on, "
    "and let go after two seconds."
)
_FULL_SPEED_MBPS = 480.0
_USBFS_MIB = 16  # what Linux comes with, and what large writes have failed with


def recovery(subject: Planned) -> Finding | None:
    """Check 16: one board waits to be flashed, and it is the right one."""
    board, found = subject.board, usb.devices(subject.machine)
    waiting = in_recovery(subject)
    if not waiting:
        return _nobody_waits(subject, found)
    if len(waiting) > 1:
        instances = [one.instance for one in waiting]
        return error(
            f"{len(waiting)} boards wait to be flashed, at {', '.join(instances)}.",
            f"Name one, --usb-instance {instances[0]}, or unplug the others.",
        )
    (only,) = waiting
    expected = board.usb.recovery_ids
    if not expected:
        return warning(
            f"A board with the id {only.id} waits; nobody confirmed which one {board.id} has.",
            "Make sure that no other Jetson is connected.",
        )
    if only.id not in expected:
        return error(
            f"The board at {only.instance} is {only.id}; {board.id} has {' or '.join(expected)}.",
            f"Connect the right board, or name it: it may be {_boards_with(only.id)}.",
        )
    return None


def port(subject: Planned) -> Finding | None:
    """Check 17: hubs and slow links break large writes."""
    for device in in_recovery(subject):
        if device.is_behind_hub:
            return warning(
                f"The board hangs on a hub (port {device.instance}): large writes often fail.",
                "Use a port of the computer itself, and a short cable.",
            )
        if device.speed_mbps is not None and device.speed_mbps < _FULL_SPEED_MBPS:
            return warning(
                f"The board's link is slow: {device.speed_mbps:g} Mbit/s, not "
                f"{_FULL_SPEED_MBPS:g}.",
                "Use another cable, or another port.",
            )
    return None


def power_saving(subject: Planned) -> Finding | None:
    """Check 18: Linux suspends USB devices that seem idle."""
    folder = "sys/module/usbcore/parameters"
    autosuspend = (subject.machine.text(f"{folder}/autosuspend") or "-1").strip()
    if autosuspend != "-1":
        return warning(
            f"Linux suspends idle USB devices after {autosuspend} s, the board as well.",
            f"echo -1 | sudo tee /{folder}/autosuspend",
        )
    memory = (subject.machine.text(f"{folder}/usbfs_memory_mb") or "").strip()
    if memory.isdigit() and 0 < int(memory) < _USBFS_MIB:
        return warning(
            f"Linux gives USB writes only {memory} MiB.",
            f"echo {_USBFS_MIB} | sudo tee /{folder}/usbfs_memory_mb",
        )
    return None


def tlp(subject: Planned) -> Finding | None:
    """Check 19: the power saver TLP suspends USB devices whatever Linux is told."""
    if not subject.machine.is_active("tlp"):
        return None
    return warning("TLP saves power on USB, and breaks flashing.", "sudo systemctl stop tlp")


def in_recovery(subject: Planned) -> list[UsbDevice]:
    """Return the boards that wait to be flashed; the named one alone if one is named."""
    named = subject.plan.wanted.usb_instance
    found = [one for one in usb.devices(subject.machine) if one.is_in_recovery]
    return [one for one in found if named is None or one.instance == named]


def _nobody_waits(subject: Planned, found: list[UsbDevice]) -> Finding:
    named = subject.plan.wanted.usb_instance
    ids = {one.id for one in found if named is None or one.instance == named}
    if usb.INTERRUPTED in ids:
        return error(
            f"An earlier flash broke off: the board still runs its flashing system "
            f"({usb.INTERRUPTED}).",
            f"Cycle its power. {_ENTER}",
        )
    if usb.RUNNING in ids:
        return error(
            f"The board runs its own Linux ({usb.RUNNING}) and doesn't wait to be flashed.",
            f"{_ENTER} Or on the board: sudo reboot --force forced-recovery",
        )
    if usb.DEBUG_PORT in ids:
        return error(
            f"Only the debug port is connected ({usb.DEBUG_PORT}), not the flashing port.",
            f"Move the cable to the flashing port. {_ENTER}",
        )
    where = f" at {named}" if named else ""
    return error(f"No board waits to be flashed{where}.", f"{_ENTER} Check cable and port.")


def _boards_with(recovery_id: str) -> str:
    from thermedge import board_configs

    names = [
        name
        for name in board_configs.names()
        if recovery_id in board_configs.read(name).usb.recovery_ids
    ]
    return " or ".join(names) or "one that we don't know"
