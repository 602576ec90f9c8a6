"""The list of what is checked before anything is touched, and its result."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeVar

from thermedge.flashing.checks import cable, consent, host, network, space, tree
from thermedge.flashing.checks.finding import Finding, Planned, Subject
from thermedge.flashing.plan import Plan

Status = Literal["ok", "warning", "error", "skipped"]
DEVICE_CHECK, CONSENT_CHECK = 16, 25  # their errors have exit statuses of their own


Looked = TypeVar("Looked", bound=Subject)


@dataclass(frozen=True)
class Check(Generic[Looked]):
    """One line of the list.

    Args:
        look: Returns what is wrong, None if nothing is.
        applies: Whether the plan needs it; None: always.
    """

    number: int
    name: str
    look: Callable[[Looked], Finding | None]
    applies: Callable[[Plan], bool] | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What one check found; problem and remedy are empty if all is well."""

    number: int
    name: str
    status: Status
    problem: str = ""
    remedy: str = ""


def _network(plan: Plan) -> bool:
    return plan.uses_network


def _flashing(plan: Plan) -> bool:
    return plan.is_flashing


def _writing(plan: Plan) -> bool:
    return plan.is_writing


def _arm64(plan: Plan) -> bool:
    return plan.runs_arm64


# These need no plan; without them there is none.
FIRST: tuple[Check[Subject], ...] = (
    Check(1, "x86_64 and root", host.architecture_and_root),
    Check(2, "no virtual machine", host.virtual),
    Check(3, "Linux_for_Tegra known", tree.known),
    Check(4, "L4T fits the board", tree.version),
)
# In the order of the work: this machine, the folder, the links, the board, the consent.
THEN: tuple[Check[Planned], ...] = (
    Check(5, "configuration and layouts", tree.files),
    Check(6, "root file system unpacked", tree.root_file_system),
    Check(7, "apply_binaries.sh done", tree.applied),
    Check(8, "user and no wizard", tree.user, _writing),
    Check(9, "host programs", host.programs),
    Check(10, "arm64 programs run", host.arm64_programs, _arm64),
    Check(11, "NFS server", network.nfs, _network),
    Check(12, "file system can be exported", network.file_system, _network),
    Check(13, "firewall", network.firewall, _network),
    Check(14, "IPv6", network.ipv6, _network),
    Check(15, "desktop services", network.services, _network),
    Check(DEVICE_CHECK, "board in recovery", cable.recovery, _flashing),
    Check(17, "USB port", cable.port, _flashing),
    Check(18, "USB power saving", cable.power_saving, _flashing),
    Check(19, "TLP", cable.tlp, _flashing),
    Check(20, "room on this machine", space.on_host, _writing),
    Check(21, "room on the board", space.on_board, _writing),
    Check(22, "leftovers", tree.leftovers),
    Check(23, "EEPROM", consent.eeprom, _flashing),
    Check(24, "what goes onto the board", consent.contents),
    Check(CONSENT_CHECK, "consent", consent.agreed, _flashing),
)
EEPROM_CHECK = 23


def before_plan(subject: Subject) -> list[Result]:
    """Run the checks that need no plan."""
    return [_result(check, check.look(subject)) for check in FIRST]


def of_plan(subject: Planned, *, reads_eeprom: bool = False) -> list[Result]:
    """Run the others; those that this plan doesn't need are skipped.

    Args:
        reads_eeprom: Also ask the module what it is. It must enter recovery again then.
    """
    results = []
    for check in THEN:
        is_asked = reads_eeprom or check.number != EEPROM_CHECK
        if is_asked and (check.applies is None or check.applies(subject.plan)):
            results.append(_result(check, check.look(subject)))
        else:
            results.append(Result(check.number, check.name, "skipped"))
    return results


def ignoring(results: Iterable[Result], numbers: Iterable[int]) -> list[Result]:
    """Turn the errors of the checks `numbers` into warnings; consent can't be ignored."""
    ignored = set(numbers) - {CONSENT_CHECK}
    return [
        replace(one, status="warning") if one.status == "error" and one.number in ignored else one
        for one in results
    ]


def has_errors(results: Iterable[Result]) -> bool:
    """Return whether flashing must stop."""
    return any(result.status == "error" for result in results)


def _result(check: Check[Looked], found: Finding | None) -> Result:
    if found is None:
        return Result(check.number, check.name, "ok")
    return Result(check.number, check.name, found.severity, found.problem, found.remedy)
