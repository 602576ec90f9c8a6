"""What a check looks at, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from thermedge.board_configs import BoardConfig
from thermedge.flashing.bsp import Bsp
from thermedge.flashing.machine import Machine
from thermedge.flashing.plan import Plan

Severity = Literal["warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be, and what to do about it."""

    severity: Severity
    problem: str
    remedy: str


def error(problem: str, remedy: str) -> Finding:
    """Return a finding that flashing stops at."""
    return Finding("error", problem, remedy)


def warning(problem: str, remedy: str) -> Finding:
    """Return a finding that flashing goes on with."""
    return Finding("warning", problem, remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """All that checks look at before there is a plan.

    Args:
        yes_erase: The device that somebody agreed to erase; None: a dry run.
    """

    machine: Machine
    bsp: Bsp
    board: BoardConfig
    is_executing: bool = False
    yes_erase: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned(Subject):
    """All that checks look at once there is one."""

    plan: Plan
