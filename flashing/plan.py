"""What flashing a board will do, step by step, before anything is done."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from thermedge.board_configs import BoardConfig, Eeprom, Release, Storage
from thermedge.errors import BoardError
from thermedge.flashing import bsp as tools
from thermedge.flashing.bsp import Bsp
from thermedge.flashing.overlay import OverlayRequest

STEPS = ("apply_binaries", "user", "password", "overlay", "flash")  # in this order
SUCCESS = "Flash is successful"  # the last line of l4t_initrd_flash.sh; its status alone lies

# Names that useradd takes on any Linux (chkname.c of shadow-utils), but for those that begin like a
# number or a hidden file. NVIDIA's l4t_create_default_user.sh checks neither, and runs as root.
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?")  # 64: HOST_NAME_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The user who may log in to the board.

    Raises:
        BoardError: Nobody can have this name, or no board the host's.
    """

    user: str
    host: str
    password_file: Path | None = None  # None: the account takes no password

    def __post_init__(self) -> None:
        if not _USER.fullmatch(self.user) or self.user == "root":
            raise BoardError(
                f"Nobody can log in as {self.user!r}.",
                "Name a user of letters, digits and _ . - who is not root: --login tracker",
            )
        if not _HOST.fullmatch(self.host):
            raise BoardError(
                f"{self.host!r} can't be the board's host name.",
                "Use up to 64 letters, digits and _ . -, as in --host-name pole7",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody asked for.

    Args:
        storage: None: the board's default.
        conf: Another configuration of flash.sh, for a carrier that isn't NVIDIA's.
        is_image_only: Make the images and write no board.
        image: Where an image of a whole SD card goes, if the board has such.
        root_gib: Size of the root partition; None: what the tool chooses.
        usb_instance: Which of several boards; "3-14".
    """

    board: BoardConfig
    bsp: Bsp
    overlay: OverlayRequest
    storage: str | None = None
    login: Login | None = None
    conf: str | None = None
    is_image_only: bool = False
    image: Path = Path("thermedge.img")
    root_gib: int | None = None
    usb_instance: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do.

    Args:
        name: One of STEPS.
        argv: A program of NVIDIA's with its arguments; empty: ThermEdge does it itself.
        env: Variables for it, beside those that are there.
        success: A text that the program must have written; None: its status is enough.
        hides_passwords: The program writes one; such lines are neither shown nor kept.
    """

    name: str
    summary: str
    argv: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    success: str | None = None
    hides_passwords: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All steps, and what they need and destroy."""

    wanted: Wanted
    release: Release
    storage: Storage
    conf: str
    steps: tuple[Step, ...]
    erases: tuple[str, ...]  # empty for an image

    @property
    def cwd(self) -> Path:
        """Where NVIDIA's programs run."""
        return self.wanted.bsp.root

    @property
    def is_flashing(self) -> bool:
        """Whether a board is written, not only an image or its root file system."""
        return not self.wanted.is_image_only and self.is_writing

    @property
    def is_writing(self) -> bool:
        """Whether the root file system is copied, to a board or an image."""
        return any(step.name == "flash" for step in self.steps)

    @property
    def uses_network(self) -> bool:
        """Whether the board mounts the root file system over NFS."""
        return self.is_flashing and self.storage.tool == tools.UNIFIED_FLASH

    @property
    def runs_arm64(self) -> bool:
        """Whether a step runs programs of the board on this machine."""
        return any(step.name in {"apply_binaries", "user"} for step in self.steps)

    @property
    def files(self) -> tuple[str, ...]:
        """What the steps read from Linux_for_Tegra."""
        named = [step.argv[0].removeprefix("./") for step in self.steps if step.argv]
        named.append(f"{self.conf}.conf")
        if self.storage.external_xml:
            named.append(self.storage.external_xml)
        words = shlex.split(self.storage.internal_args or "")
        named += [path for flag, path in zip(words, words[1:], strict=False) if flag == "-c"]
        return tuple(named)

    def as_mapping(self) -> dict[str, Any]:
        """Return it for programs: argv as lists, no password."""
        login = self.wanted.login
        return {
            "board": self.wanted.board.id,
            "l4t": self.wanted.bsp.l4t,
            "jetpack_line": self.release.jetpack,
            "storage": self.storage.name,
            "device": self.storage.device,
            "configuration": self.conf,
            "cwd": str(self.cwd),
            "user": login and {"name": login.user, "host": login.host},
            "overlay": {
                "version": self.wanted.overlay.version,
                "bundle": str(self.wanted.overlay.bundle),
                "user": self.wanted.overlay.user,
                "power_mode": self.wanted.overlay.power_mode,
            },
            "image_only": self.wanted.is_image_only,
            "erases": list(self.erases),
            "steps": [
                {
                    "name": step.name,
                    "summary": step.summary,
                    "argv": list(step.argv),
                    "env": dict(step.env),
                    "cwd": str(self.cwd),
                }
                for step in self.steps
            ],
        }


def make(wanted: Wanted) -> Plan:
    """Work out the steps.

    Raises:
        BoardError: The L4T doesn't run on the board, it has no such storage, or an image
            needs what nobody confirmed.
    """
    board, bsp = wanted.board, wanted.bsp
    release = board.release_for(bsp.l4t) if bsp.l4t else None
    if release is None:
        raise BoardError(
            f"L4T {bsp.l4t or 'of an unknown version'} doesn't run on {board.id}.",
            f"Unpack one of {', '.join(one.l4t for one in board.release)}.",
        )
    storage = release.storage_named(wanted.storage)
    if storage is None:
        raise BoardError(
            f"{board.id} can't be flashed to {wanted.storage!r} with L4T {bsp.l4t}.",
            f"Choose --storage {' or '.join(one.name for one in release.storage)}.",
        )
    conf = wanted.conf or release.flash_board
    return Plan(
        wanted=wanted,
        release=release,
        storage=storage,
        conf=conf,
        steps=(
            *_apply_binaries(bsp, release),
            *_login(wanted.login),
            _overlay(wanted.overlay),
            _flash(wanted, storage, conf),
        ),
        erases=() if wanted.is_image_only else _erases(board, storage),
    )


def chosen(plan: Plan, *, start: str | None = None, only: str | None = None) -> Plan:
    """Return a plan of a step and all after it, or of one step alone; of all for neither.

    A plan that begins after apply_binaries goes on from there: that is done, or broke off, and
    then a check tells.

    Raises:
        BoardError: The plan has no such step.
    """
    names, wanted = [step.name for step in plan.steps], only or start
    if wanted is None or (start == STEPS[0] and start not in names):
        return plan
    if wanted not in names:
        raise BoardError(
            f"This plan has no step {wanted!r}: it is done, or its options are missing.",
            f"Choose one of {', '.join(names)}.",
        )
    first = names.index(wanted)
    steps = plan.steps[first : first + 1 if only else None]
    return replace(plan, steps=steps, erases=plan.erases if steps[-1].name == "flash" else ())


def _apply_binaries(bsp: Bsp, release: Release) -> list[Step]:
    # It installs the stock kernel again and turns the first-boot wizard back on: only once,
    # and before all others.
    if bsp.is_applied:
        return []
    arguments = bsp.known_arguments(tools.APPLY_BINARIES, release.apply_binaries_args)
    return [
        Step(
            name="apply_binaries",
            summary="install NVIDIA's drivers into the root file system",
            argv=(f"./{tools.APPLY_BINARIES}", *arguments),
        )
    ]


def _login(login: Login | None) -> list[Step]:
    if login is None:
        return []
    # Without -p the script invents a password and prints it. The next step replaces it: a
    # password of yours on a command line could be read by every user of this machine.
    argv = (f"./{tools.CREATE_USER}", "-u", login.user, "-n", login.host, "--accept-license")
    state = (
        f"set the password of {login.user} from {login.password_file} (not shown)"
        if login.password_file
        else f"lock the password of {login.user}: no --password-file is given"
    )
    return [
        Step(
            name="user",
            summary=f"make the user {login.user}, accept NVIDIA's licence, switch its wizard off",
            argv=argv,
            hides_passwords=True,
        ),
        Step(name="password", summary=state),
    ]


def _overlay(request: OverlayRequest) -> Step:
    return Step(
        name="overlay",
        summary=f"put ThermEdge {request.version} into the root file system",
    )


def _flash(wanted: Wanted, storage: Storage, conf: str) -> Step:
    env, summary = dict(storage.env or {}), "write the board"
    if wanted.is_image_only:
        if storage.image_board is not None:
            return _image(wanted, storage.image_board, storage)
        env |= _eeprom(wanted.board.eeprom, wanted.board.id)
        summary = (
            "make the images in Linux_for_Tegra; --flash-only in place of --no-flash writes them"
        )
    argv = _flash_sh(wanted) if storage.tool == tools.FLASH else _initrd_flash(wanted, storage)
    return Step(
        name="flash",
        summary=summary,
        argv=(*argv, conf, storage.rootdev),
        env=env,
        success=SUCCESS if storage.external_device and not wanted.is_image_only else None,
    )


def _image(wanted: Wanted, image_board: str, storage: Storage) -> Step:
    for flag, value in (("--conf", wanted.conf), ("--root-gib", wanted.root_gib)):
        if value is not None:
            raise BoardError(
                f"NVIDIA's program for images of whole cards knows no {flag} {value}: it chooses "
                "itself.",
                f"Leave {flag} out, or flash the board itself.",
            )
    return Step(
        name="flash",
        summary=f"make the image of a whole card: {wanted.image}",
        argv=(
            f"./{tools.IMAGE_CREATOR}",
            *("-o", str(wanted.image.absolute()), "-b", image_board, *storage.image_args),
        ),
    )


def _flash_sh(wanted: Wanted) -> tuple[str, ...]:
    return (f"./{tools.FLASH}", *_common(wanted))


def _initrd_flash(wanted: Wanted, storage: Storage) -> tuple[str, ...]:
    if storage.external_device is None:
        # Whole-board layouts: the script moved to the top with R38.
        at_top = wanted.bsp.has(tools.UNIFIED_FLASH)
        script = tools.UNIFIED_FLASH if at_top else tools.INITRD_FLASH
        return (f"./{script}", *_common(wanted))
    internal = ("-p", storage.internal_args) if storage.internal_args else ()
    network = ("--network", storage.network) if storage.network else ()
    return (
        f"./{tools.INITRD_FLASH}",
        *("--external-device", storage.external_device, "-c", str(storage.external_xml)),
        *internal,
        *_common(wanted),
        "--showlogs",
        *network,
    )


def _common(wanted: Wanted) -> tuple[str, ...]:
    return (
        *(("-S", f"{wanted.root_gib}GiB") if wanted.root_gib else ()),
        *(("--usb-instance", wanted.usb_instance) if wanted.usb_instance else ()),
        *(("--no-flash",) if wanted.is_image_only else ()),
    )


def _eeprom(eeprom: Eeprom | None, board: str) -> dict[str, str]:
    if eeprom is None:
        raise BoardError(
            f"An image for {board} needs the values of its EEPROM, and nobody confirmed them.",
            "Flash the board itself: leave --no-flash out.",
        )
    values = {
        "BOARDID": eeprom.boardid,
        "BOARDSKU": eeprom.boardsku,
        "FAB": eeprom.fab,
        "BOARDREV": eeprom.boardrev,
        "CHIP_SKU": eeprom.chip_sku,
    }
    return {name: value for name, value in values.items() if value}


def _erases(board: BoardConfig, storage: Storage) -> tuple[str, ...]:
    medium = {
        "nvme": "the NVMe disk",
        "sd": "the SD card",
        "emmc": "the eMMC",
        "usb": "the USB disk",
    }[storage.name]
    firmware = "QSPI" if board.module.firmware == "qspi" else "eMMC's boot areas"
    return (f"boot firmware in the {firmware}", f"{medium} /dev/{storage.device} on the board")
