"""What a board's sensors say now: power mode, temperatures, rails, clocks, throttling."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_HWMON = ("sys/bus/i2c/drivers/ina3221/*/hwmon/hwmon*", "sys/class/hwmon/hwmon*")
_IIO = "sys/bus/i2c/drivers/ina3221x/*/iio:device*"  # JetPack 4
_GPU_NODES = {"gm20b", "gp10b", "gv11b", "ga10b", "gb10b", "gpu"}
_OFF_C = -200.0  # a sensor without power says -256
_SHUNT_SUM = 7  # a channel of INA3221 that is no rail
# A fan that turns throttles nothing, and TCC Offset is a setting.
_HARMLESS = re.compile(r"fan|tcc", re.IGNORECASE)
_MODE = re.compile(r"POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+)")


@dataclass(frozen=True, slots=True)
class BoardState:
    """The sensors of one moment; what this machine does not have is absent."""

    power_mode: str | None  # nvpmodel's name for it
    temperatures_c: dict[str, float]  # by thermal zone
    rails_w: dict[str, float]  # by rail; some rails contain others
    clocks_mhz: dict[str, float]  # cpu0 (by policy), gpu
    is_throttled: bool | None  # the kernel slows something down now; None: it does not tell
    throttle_counts: dict[str, int]  # events since boot; only their growth says something
    governors: dict[str, str]  # of the clocks
    are_clocks_locked: bool | None  # the lowest clock is the highest one


@dataclass(frozen=True, slots=True)
class _Clock:
    mhz: float | None
    low: float | None
    high: float | None
    governor: str | None


def read(root: Path = Path("/")) -> BoardState:
    """Read the sensors of this machine; cheap enough for once a second, not for every frame.

    Files that are missing, empty or unreadable are left out, never an error: no two boards
    have the same ones.

    Args:
        root: Where sys/, etc/ and var/ lie.

    Source: kernel documentation of hwmon, thermal, cpufreq and devfreq; NVIDIA's INA3221 and
        soctherm nodes as JetPack 4 to 7 have them.
    """
    clocks = _clocks(root)
    limits = [(clock.low, clock.high) for clock in clocks.values() if clock.high]
    return BoardState(
        power_mode=_power_mode(root),
        temperatures_c=_temperatures(root),
        rails_w=_rails(root),
        clocks_mhz={name: clock.mhz for name, clock in clocks.items() if clock.mhz is not None},
        is_throttled=_is_throttled(root),
        throttle_counts=_throttle_counts(root),
        governors={name: clock.governor for name, clock in clocks.items() if clock.governor},
        are_clocks_locked=all(low == high for low, high in limits) if limits else None,
    )


def _power_mode(root: Path) -> str | None:
    status = re.search(r"pmode:(\d+)", _text(root / "var/lib/nvpmodel/status") or "")
    if status is None:
        return None
    number = int(status[1])
    named = _MODE.findall(_text(root / "etc/nvpmodel.conf") or "")
    names: dict[int, str] = {int(mode): name.rstrip(">") for mode, name in named}
    return names.get(number, f"mode {number}")


def _temperatures(root: Path) -> dict[str, float]:
    found: dict[str, float] = {}
    for zone in _sorted(root, "sys/class/thermal/thermal_zone*"):
        name, millidegrees = _text(zone / "type"), _number(zone / "temp")
        if name and millidegrees is not None and millidegrees / 1e3 > _OFF_C:
            # PCs call several zones acpitz.
            found[name if name not in found else f"{name} {zone.name}"] = millidegrees / 1e3
    return found


def _rails(root: Path) -> dict[str, float]:
    found: dict[str, float] = {}
    for pattern in _HWMON:
        for chip in _sorted(root, pattern):
            if (_text(chip / "name") or "ina3221").startswith("ina"):
                found.update(_hwmon_rails(chip))
    for chip in _sorted(root, _IIO):
        for name_file in _sorted(chip, "rail_name_*"):
            milliwatts = _number(chip / f"in_power{name_file.name[-1]}_input")
            name = _text(name_file)
            if name and name != "NC" and milliwatts is not None:
                found[name] = milliwatts / 1e3
    return found


def _hwmon_rails(chip: Path) -> Iterator[tuple[str, float]]:
    for label_file in _sorted(chip, "in*_label"):
        channel = label_file.name[len("in") : -len("_label")]
        label = _text(label_file)
        if not label or label == "NC" or channel == str(_SHUNT_SUM):
            continue
        millivolts = _number(chip / f"in{channel}_input")
        milliamperes = _number(chip / f"curr{channel}_input")
        if millivolts is not None and milliamperes is not None:
            yield label, millivolts * milliamperes / 1e6
    for power_file in _sorted(chip, "power*_input"):
        microwatts = _number(power_file)
        label = _text(power_file.with_name(power_file.name.replace("_input", "_label")))
        if microwatts is not None:
            yield label or f"{_text(chip / 'name')} {chip.parent.parent.name}", microwatts / 1e6


def _clocks(root: Path) -> dict[str, _Clock]:
    found = {}
    for policy in _sorted(root, "sys/devices/system/cpu/cpufreq/policy*"):
        name = f"cpu{policy.name.removeprefix('policy')}"
        found[name] = _clock(policy, "scaling_{}_freq", "scaling_governor", per_mhz=1e3)
    for device in _sorted(root, "sys/class/devfreq/*"):
        node = (_text(device / "device/of_node/name") or device.name.rpartition(".")[2]).strip("\0")
        if node in _GPU_NODES or device.name.startswith("gpu-"):
            name = device.name if device.name.startswith("gpu-") else "gpu"
            found[name] = _clock(device, "{}_freq", "governor", per_mhz=1e6)
    return found


def _clock(folder: Path, pattern: str, governor: str, *, per_mhz: float) -> _Clock:
    values = [_number(folder / pattern.format(which)) for which in ("cur", "min", "max")]
    mhz, low, high = (None if value is None else value / per_mhz for value in values)
    return _Clock(mhz, low, high, _text(folder / governor))


def _is_throttled(root: Path) -> bool | None:
    signs = []
    for device in _sorted(root, "sys/class/thermal/cooling_device*"):
        if not _HARMLESS.search(_text(device / "type") or ""):
            signs.append(_number(device / "cur_state"))
    for pattern in _HWMON:
        for alarm in _sorted(root, f"{pattern}/curr*_crit_alarm"):
            signs.append(_number(alarm))
    known = [sign for sign in signs if sign is not None]
    return any(sign > 0 for sign in known) if known else None


def _throttle_counts(root: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    for pattern, ending in (
        ("sys/devices/platform/soctherm-oc-event/hwmon/hwmon*/oc*_event_cnt", "_event_cnt"),
        ("sys/devices/system/cpu/cpu*/thermal_throttle/*_throttle_count", "_throttle_count"),
    ):
        for counter in _sorted(root, pattern):
            count = _number(counter)
            if count is not None:
                name = counter.name.removesuffix(ending)
                found[name] = found.get(name, 0) + int(count)
    return found


def _sorted(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except OSError:  # a folder vanished, or may not be looked into
        return []


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip(" \t\r\n\0")
    except OSError:  # also EAGAIN of a sensor that is off
        return None


def _number(path: Path) -> float | None:
    try:
        return float(int(_text(path) or ""))
    except (ValueError, OverflowError):
        return None
