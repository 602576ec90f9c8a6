"""Look at this machine as a whole: what ThermEdge needs of it, beside its own packages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import distributions
from importlib.util import find_spec
from typing import Literal

from thermedge.board_configs.detect import Detected, detect
from thermedge.flashing import release
from thermedge.flashing.layout import SERVICE, Layout
from thermedge.flashing.machine import Machine

# Every one of these brings a cv2 of its own; what is imported is what was installed last.
_OPENCV = {
    *("opencv-python", "opencv-python-headless"),
    *("opencv-contrib-python", "opencv-contrib-python-headless"),
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was looked at."""

    name: str
    state: Literal["ok", "missing", "wrong"]
    told: str
    remedy: str = ""


def look(machine: Machine) -> list[Fact]:
    """Return what is here and what is missing; a Jetson is asked more than a workstation."""
    found = detect(machine.root)
    facts = [*_python(distribution.name for distribution in distributions())]
    if found.model is None and found.l4t is None:
        return [*facts, *_workstation(machine)]
    return [*facts, *_board(found), *_tracker(machine)]


def _python(names: Iterable[str]) -> Iterator[Fact]:
    # pip lists a distribution twice that a virtual environment and the system have.
    builds = sorted(set(names) & _OPENCV)
    if len(builds) > 1:
        yield Fact(
            "OpenCV",
            "wrong",
            f"{len(builds)} packages bring cv2: {', '.join(builds)}",
            f"pip uninstall {' '.join(builds)}, then install one of them again",
        )


def _workstation(machine: Machine) -> Iterator[Fact]:
    for program, purpose, package in (
        ("ssh", "thermedge deploy", "openssh-client"),
        ("rsync", "thermedge deploy", "rsync"),
        ("qemu-aarch64-static", "thermedge flash", "qemu-user-static binfmt-support"),
    ):
        if machine.has_program(program):
            yield Fact(program, "ok", f"for {purpose}")
        else:
            yield Fact(program, "missing", f"{purpose} needs it", f"sudo apt install {package}")


def _board(found: Detected) -> Iterator[Fact]:
    yield Fact("board", "ok", found.model or found.board or "a Jetson that tells no model")
    if found.l4t is None:
        yield Fact("L4T", "missing", "no release is told", "install NVIDIA's nvidia-l4t-core")
    elif found.jetpack is None:
        yield Fact(
            "L4T", "wrong", f"{found.l4t} was not tried", "thermedge boards lists those that were"
        )
    else:
        yield Fact("L4T", "ok", f"{found.l4t}, JetPack {found.jetpack}")
    if found.power_mode is not None:
        yield Fact("power mode", "ok", f"{found.power_mode} of {', '.join(found.power_modes)}")
    if find_spec("tensorrt") is not None:
        yield Fact("TensorRT", "ok", "this Python sees it")
    else:
        yield Fact(
            "TensorRT",
            "missing",
            "this Python does not see it, so the GPU is not used",
            "sudo apt install python3-libnvinfer; its Python is /usr/bin/python3, and a virtual "
            "environment needs --system-site-packages",
        )


def _tracker(machine: Machine) -> Iterator[Fact]:
    layout = Layout(machine.root)
    current = release.current(layout)
    if current is None:
        yield Fact(
            "release",
            "missing",
            "none is installed",
            "from the workstation: thermedge deploy HOST --bundle BUNDLE --wheelhouse FOLDER",
        )
        return
    before = release.previous(layout)
    yield Fact("release", "ok", f"{current} runs" + (f", {before} was before" if before else ""))
    if machine.is_active(SERVICE):
        yield Fact("service", "ok", f"{SERVICE} is active")
    else:
        yield Fact("service", "wrong", f"{SERVICE} is not active", "journalctl -u thermedge -n 50")
    yield from _groups(machine)


def _groups(machine: Machine) -> Iterator[Fact]:
    unit = machine.text(f"etc/systemd/system/{SERVICE}") or ""
    user = next((ln[5:] for ln in unit.splitlines() if ln.startswith("User=")), "")
    rows = [line.split(":") for line in (machine.text("etc/group") or "").splitlines()]
    members = {row[0]: row[3].split(",") for row in rows if len(row) == 4}
    for group, purpose in (("video", "cameras"), ("render", "the GPU")):
        if user and user not in members.get(group, []):
            yield Fact(
                f"group {group}",
                "wrong",
                f"{user} is not in it and may not use {purpose}",
                f"sudo usermod --append --groups {group} {user}; sudo systemctl restart thermedge",
            )
