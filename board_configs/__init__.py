"""Jetson boards: one TOML file each, every number in it with its source."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from thermedge import toml
from thermedge.board_configs import l4t, rules
from thermedge.errors import BoardError
from thermedge.records import RecordError, from_mapping

Tool = Literal["flash.sh", "l4t_initrd_flash.sh"]
StorageName = Literal["nvme", "sd", "emmc", "usb"]


@dataclass(frozen=True, slots=True)
class Module:
    """The computer on the board."""

    part_numbers: tuple[str, ...]  # "p3767-0005"
    soc: str  # "tegra234"
    gpu: str  # architecture
    compute_capability: str  # "8.7"
    memory_gib: int
    dla_cores: int  # accelerators besides the GPU
    firmware: Literal["qspi", "emmc"]  # which chip the boot firmware lies on
    cuda_cores: int | None = None  # None, here and below: not confirmed
    tensor_cores: int | None = None


@dataclass(frozen=True, slots=True)
class Precision:
    """What the GPU computes in, and what we take unless told otherwise."""

    fp16: bool
    int8: bool
    fp8: bool
    fp4: bool
    default: Literal["fp32", "fp16", "int8"]


@dataclass(frozen=True, slots=True)
class Match:
    """How a running board is recognised."""

    compatible: tuple[str, ...]  # any of these within the device tree's compatible; longest wins
    min_mem_gib: float | None = None  # where boards differ in memory alone
    max_mem_gib: float | None = None


@dataclass(frozen=True, slots=True)
class Usb:
    """How the recovery port shows on the host."""

    recovery_ids: tuple[str, ...]  # "0955:7523"; empty: not confirmed


@dataclass(frozen=True, slots=True)
class Eeprom:
    """What the module's EEPROM says, for images that are made without the board."""

    boardid: str
    boardsku: str
    fab: str
    boardrev: str = ""
    chip_sku: str = ""


@dataclass(frozen=True, slots=True)
class Storage:
    """One medium that the board boots from, and how NVIDIA's tools write it."""

    name: StorageName
    tool: Tool
    device: str  # as the board's Linux calls it: "nvme0n1"
    rootdev: str  # the tool's last argument
    default: bool = False
    external_device: str | None = None  # "nvme0n1p1"
    external_xml: str | None = None  # partition layout of that device
    internal_args: str | None = None  # one argument: what initrd flash hands to flash.sh
    network: str | None = None  # "usb0"
    env: dict[str, str] | None = None
    min_gb: int | None = None  # smallest medium that the stock layout fits on, 10^9 bytes
    image_board: str | None = None  # jetson-disk-image-creator.sh -b; None: makes none
    image_args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Release:
    """One line of JetPack that runs on the board."""

    jetpack: str  # the line's first
    l4t: str  # ">=36.4.3,<37"
    ubuntu: str
    python: str
    cuda: str
    dla: bool  # whether this line's TensorRT drives the DLA cores
    flash_board: str  # configuration of flash.sh, without .conf
    storage: tuple[Storage, ...]
    cudnn: str | None = None
    tensorrt: str | None = None
    cfg_dir: str | None = None  # layouts of the internal storage
    apply_binaries_args: tuple[str, ...] = ()  # given if the script knows them
    post_flash_reset: bool = False  # the board doesn't restart by itself

    def storage_named(self, name: str | None) -> Storage | None:
        """Return the storage `name`, or the default one for None; None if there is no such."""
        return next(
            (one for one in self.storage if (one.default if name is None else one.name == name)),
            None,
        )


@dataclass(frozen=True, slots=True)
class PowerMode:
    """A mode of nvpmodel; its number differs between releases, its name does not."""

    name: str
    watts: float | None = None  # 0: not capped
    id_hint: int | None = None  # as seen once; the board's own nvpmodel.conf decides


@dataclass(frozen=True, slots=True)
class Power:
    """What the board is set to when it boots."""

    default_mode: str | None = None  # None: left as it is
    jetson_clocks: bool = False


@dataclass(frozen=True, slots=True)
class Rails:
    """Power meters on the board."""

    total: tuple[str, ...] = ()  # the whole board; the first that is there counts
    gpu: str | None = None  # the one that the GPU hangs on, with others or not


@dataclass(frozen=True, slots=True)
class Devfreq:
    """Clocks in sysfs."""

    gpu_nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BoardConfig:
    """What is known of one board; what nobody confirmed is absent."""

    schema: int
    id: str
    name: str
    tier: Literal["supported", "legacy", "experimental"]
    module: Module
    precision: Precision
    match: Match
    usb: Usb
    release: tuple[Release, ...]
    sources: dict[str, str]  # dotted key, or the start of one -> where its values come from
    eeprom: Eeprom | None = None
    power_mode: tuple[PowerMode, ...] = ()
    power: Power = Power()
    rails: Rails = Rails()
    devfreq: Devfreq | None = None
    notes: tuple[str, ...] = ()  # for whoever uses the board

    def release_for(self, version: str) -> Release | None:
        """Return the line that the L4T `version` belongs to, None if it can't run here."""
        return next((one for one in self.release if l4t.is_within(version, one.l4t)), None)


def names() -> tuple[str, ...]:
    """Return the names of all boards."""
    folder = resources.files(__name__)
    files = [entry.name for entry in folder.iterdir() if entry.name.endswith(".toml")]
    return tuple(sorted(name.removesuffix(".toml") for name in files))


@cache
def read(name: str) -> BoardConfig:
    """Read a board's file; a missing or misspelt key is an error, never a default.

    Raises:
        BoardError: There is no such board, or its file is wrong.
    """
    if name not in names():
        raise BoardError(f"There is no board {name!r}.", f"Choose one of {', '.join(names())}.")
    return parse(resources.files(__name__).joinpath(f"{name}.toml").read_text("utf-8"), name)


def parse(text: str, name: str) -> BoardConfig:
    """Build a board from its TOML text.

    Raises:
        BoardError: The text is no TOML, not a board's, or contradicts itself.
    """
    try:
        values = toml.loads(text)
        board = from_mapping(BoardConfig, values, name)
        broken = rules.broken(board, values, name)
    except (RecordError, ValueError) as error:
        broken = [str(error)]
    if broken:
        raise BoardError(
            f"The board file {name}.toml is wrong: {broken[0]}.",
            "Compare the file with orin-nano-8gb-devkit-super.toml.",
        )
    return board
