"""Tell which board this is, from what its Linux states in files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from thermedge import board_configs
from thermedge.board_configs import BoardConfig, l4t

_TREE = Path("proc/device-tree")
# R35 and older name the board here too.
_WHERE_BOARDS_ARE_NAMED = ("compatible", "nvidia,dtsfilename", "nvidia,boardids")
_POWER_MODEL = re.compile(r"<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+)\s*>")
_PACKAGE = re.compile(
    r"^Package: nvidia-l4t-core$.*?^Version: (\d+\.\d+\.\d+)", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Detected:
    """What a machine says of itself; None or empty for what it doesn't say."""

    model: str | None  # in NVIDIA's words
    l4t: str | None  # "36.4.3"
    jetpack: str | None  # "6.2"; None for a release that we don't know
    board: str | None  # a name of board_configs.names(); None when none or several fit
    power_mode: str | None  # "25W"
    candidates: tuple[str, ...] = ()  # the boards that fit
    power_modes: tuple[str, ...] = ()  # that nvpmodel offers
    rails: tuple[str, ...] = ()  # power meters, as they call themselves


def detect(root: Path = Path("/")) -> Detected:
    """Read which board this is. Whatever is missing or unreadable stays None.

    Args:
        root: The file system of the machine; another one than / in tests.
    """
    version = _l4t(root)
    candidates = _candidates(root)
    modes = _power_modes(root)
    return Detected(
        model=_text(root / _TREE / "model"),
        l4t=version,
        jetpack=l4t.JETPACK.get(version or ""),
        board=candidates[0] if len(candidates) == 1 else None,
        power_mode=modes.get(_power_mode_id(root)),
        candidates=candidates,
        power_modes=tuple(modes.values()),
        rails=tuple(sorted(set(_rails(root)))),
    )


def _candidates(root: Path) -> tuple[str, ...]:
    named = " ".join(_text(root / _TREE / name) or "" for name in _WHERE_BOARDS_ARE_NAMED)
    memory_gib = _memory_gib(root)
    lengths = {
        board.id: longest
        for board in map(board_configs.read, board_configs.names())
        if (longest := _longest_match(board, named)) and _has_memory_of(board, memory_gib)
    }
    # "p3767-0005-super" is also a p3767-0005: the longer name tells more.
    best = max(lengths.values(), default=0)
    return tuple(sorted(board for board, length in lengths.items() if length == best))


def _longest_match(board: BoardConfig, named: str) -> int:
    return max((len(part) for part in board.match.compatible if part in named), default=0)


def _has_memory_of(board: BoardConfig, memory_gib: float | None) -> bool:
    low, high = board.match.min_mem_gib, board.match.max_mem_gib
    if memory_gib is None:
        return True
    return (low is None or memory_gib >= low) and (high is None or memory_gib < high)


def _memory_gib(root: Path) -> float | None:
    found = re.search(r"^MemTotal:\s+(\d+) kB", _text(root / "proc/meminfo") or "", re.MULTILINE)
    return int(found[1]) / 2**20 if found else None


def _l4t(root: Path) -> str | None:
    stated = l4t.from_release_file(_text(root / "etc/nv_tegra_release") or "")
    if stated is not None:
        return stated
    package = _PACKAGE.search(_text(root / "var/lib/dpkg/status") or "")
    return package[1] if package else None


def _power_modes(root: Path) -> dict[int, str]:
    text = _text(root / "etc/nvpmodel.conf") or ""
    return {int(number): name for number, name in _POWER_MODEL.findall(text)}


def _power_mode_id(root: Path) -> int:
    found = re.search(r"pmode:(\d+)", _text(root / "var/lib/nvpmodel/status") or "")
    return int(found[1]) if found else -1


def _rails(root: Path) -> Iterator[str]:
    i2c = root / "sys/bus/i2c/drivers"
    for pattern in ("*/*/hwmon/hwmon*/in*_label", "ina3221x/*/iio:device*/rail_name_*"):
        for path in _found(i2c, pattern):
            label = _text(path)
            # Channel 7 adds up the others; a channel that nothing hangs on is called NC.
            if label and label != "NC" and not label.startswith("sum of"):
                yield label


def _found(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def _text(path: Path) -> str | None:
    try:
        # The device tree ends strings with a zero byte, and separates several by it.
        return path.read_bytes().decode("utf-8", "replace").replace("\0", " ").strip()
    except OSError:
        return None
