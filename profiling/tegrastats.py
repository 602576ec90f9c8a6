"""Read the lines of NVIDIA's tegrastats, of every generation of boards."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from dataclasses import dataclass, field, replace

from thermedge.errors import MissingDependencyError
from thermedge.runtime import board_state
from thermedge.runtime.board_state import BoardState

_OFF_C = -200.0  # a sensor without power says -256
_FIELDS = re.compile(
    r"""
    (?<!\S)(?:
      (?P<date>\d\d-\d\d-\d{4}\ \d\d:\d\d:\d\d)
    | RAM\ (?P<ram>\d{1,9})/(?P<ram_all>\d{1,9})MB(?:\ \(lfb\ \d{1,9}x\d{1,9}[kM]B\))?
    | SWAP\ (?P<swap>\d{1,9})/(?P<swap_all>\d{1,9})MB(?:\ \(cached\ \d{1,9}MB\))?
    | IRAM\ \d{1,9}/\d{1,9}kB\ ?\(lfb\ \d{1,9}kB\)
    | CPU\ \[(?P<cores>[^\]]*)\]
    | MTS\ fg\ \d{1,9}%\ bg\ \d{1,9}%
    | (?P<unit>\w+)\ (?P<percent>\d{1,9})%(?:@(?P<mhz>\d{1,9}|\[[\d,]*\]))?
    | (?P<loadless>\w+)\ @(?P<only>\d{1,9}|\[[\d,]*\])
    | (?P<sensor>[\w-]+)@(?P<celsius>-?\d{1,9}(?:\.\d{1,9})?)C
    | (?P<rail>\w+)\ (?P<now>\d{1,9})(?:mW)?/(?P<mean>\d{1,9})(?:mW)?
    | (?P<off>\w+)\ off
    | (?P<clock>\w+)\ (?P<clock_mhz>\d{1,9})
    )(?!\S)
    """,
    re.VERBOSE,
)
_CORE = re.compile(r"(\d{1,9})%(?:@(\d{1,9}))?")


@dataclass(frozen=True, slots=True)
class Core:
    """One CPU core that is on."""

    load: float  # [0, 1]
    mhz: float | None


@dataclass(slots=True)
class Sample:
    """One line; what it does not say is empty."""

    date: str = ""  # month-day-year hour:minute:second, from JetPack 6 on
    ram_mib: tuple[int, int] | None = None  # used, all
    swap_mib: tuple[int, int] | None = None
    cores: tuple[Core | None, ...] = ()  # None: switched off
    loads: dict[str, float] = field(default_factory=dict)  # [0, 1], by unit: GR3D is the GPU
    clocks_mhz: dict[str, tuple[float, ...]] = field(default_factory=dict)  # by unit
    off: tuple[str, ...] = ()  # units without power
    temperatures_c: dict[str, float] = field(default_factory=dict)
    rails_w: dict[str, float] = field(default_factory=dict)  # now
    # Since tegrastats was started, so of no use for a part of that time.
    mean_rails_w: dict[str, float] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()  # words that no rule covers


def parse(line: str) -> Sample:
    """Read one line; words that no rule covers are kept, never an error.

    Source: lines of JetPack 4 to 7 on Nano, TX2, AGX Xavier, AGX Orin, Orin Nano and Thor.
    """
    sample = Sample()
    for found in _FIELDS.finditer(line):
        _take(sample, {key: text for key, text in found.groupdict().items() if text is not None})
    sample.unknown = tuple(_FIELDS.sub(" ", line).split())
    return sample


def _take(sample: Sample, found: dict[str, str]) -> None:
    match found:
        case {"date": date}:
            sample.date = date
        case {"ram": used, "ram_all": total}:
            sample.ram_mib = int(used), int(total)
        case {"swap": used, "swap_all": total}:
            sample.swap_mib = int(used), int(total)
        case {"cores": cores}:
            sample.cores = tuple(_cores(cores))
        case {"loadless": unit, "only": mhz}:  # Thor tells no load
            sample.clocks_mhz[_unit(unit)] = _mhz(mhz)
        case {"unit": unit, "percent": percent}:
            sample.loads[_unit(unit)] = int(percent) / 100
            if "mhz" in found:
                sample.clocks_mhz[_unit(unit)] = _mhz(found["mhz"])
        case {"sensor": sensor, "celsius": celsius}:
            if float(celsius) > _OFF_C:
                sample.temperatures_c[sensor] = float(celsius)
        case {"rail": rail, "now": now, "mean": mean}:
            sample.rails_w[rail] = int(now) / 1e3
            sample.mean_rails_w[rail] = int(mean) / 1e3
        case {"off": unit}:
            sample.off = (*sample.off, _unit(unit))
        case {"clock": unit, "clock_mhz": mhz}:
            sample.clocks_mhz[_unit(unit)] = (float(mhz),)


def _cores(text: str) -> list[Core | None]:
    cores: list[Core | None] = []
    for word in text.split(","):
        found = _CORE.fullmatch(word.strip())
        if found is not None:
            cores.append(Core(int(found[1]) / 100, float(found[2]) if found[2] else None))
        elif word.strip() == "off":
            cores.append(None)
    return cores


def _unit(name: str) -> str:
    return name.removesuffix("_FREQ")


def _mhz(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.strip("[]").split(",") if part)


class Stream:
    """Runs tegrastats beside a measurement and keeps its newest line.

    Args:
        interval_ms: Between two lines.

    Raises:
        MissingDependencyError: There is no tegrastats here.
    """

    def __init__(self, *, interval_ms: int = 500) -> None:
        program = shutil.which("tegrastats")
        if program is None:
            raise MissingDependencyError(
                "--tegrastats needs NVIDIA's tegrastats, and none is on the PATH.",
                "Leave the flag out: sysfs tells temperatures, clocks and rails too.",
            )
        command = [program, "--interval", str(interval_ms)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._thread = threading.Thread(target=self._read, name="tegrastats", daemon=True)
        self.newest: Sample | None = None
        self._thread.start()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._thread.join()

    def state(self) -> BoardState:
        """Return the board's sensors, with what tegrastats tells in their place."""
        known, sample = board_state.read(), self.newest
        if sample is None:
            return known
        clocks = {name: max(values) for name, values in sample.clocks_mhz.items() if values}
        return replace(
            known,
            temperatures_c=sample.temperatures_c or known.temperatures_c,
            rails_w=sample.rails_w or known.rails_w,
            clocks_mhz={**known.clocks_mhz, **clocks},
        )

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self.newest = parse(line)
        self.newest = None  # it ended: what it told last is no longer so
