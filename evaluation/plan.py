"""How a tracker is run over a sequence: protocols are versioned files."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Literal

from thermedge.errors import ThermedgeError
from thermedge.records import RecordError, from_mapping, to_mapping
from thermedge.toml import loads


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One protocol. What a kind does not use stays at its default."""

    version: int  # raised when a change would change scores
    summary: str  # half a line for reports
    kind: Literal["one_pass", "reset", "real_time"]
    name: str = ""  # the file's
    max_frames: int = 0  # end so many frames after the first label; 0: at the recording's end
    skip_frames: int = 0  # reset: frames from a failure to the next start
    burn_in_frames: int = 0  # reset: frames from a start that accuracy leaves out
    eao_lengths: tuple[int, ...] = ()  # reset: lowest and highest length; (): estimated
    rate_hz: float = 0.0  # real_time: frames per second; 0: the recording's own
    # real_time: the time of every update, ms, taken in turns; (): measured as they run.
    latencies_ms: tuple[float, ...] = ()

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that differ where any number or rule differs."""
        rules = {**to_mapping(self), "name": "", "summary": ""}
        return hashlib.sha256(repr(rules).encode()).hexdigest()[:12]

    @property
    def title(self) -> str:
        """Name, version and summary, for reports."""
        return f"{self.name} v{self.version}: {self.summary}"


def names() -> list[str]:
    """Return the shipped protocols' names."""
    return sorted(
        item.name.removesuffix(".toml")
        for item in files(__package__).joinpath("protocols").iterdir()
        if item.name.endswith(".toml")
    )


def read(name_or_file: str) -> Plan:
    """Read a shipped protocol, or a TOML file.

    Raises:
        ThermedgeError: There is none, or a key is missing, misspelt or out of range.
    """
    if name_or_file in names():
        text = files(__package__).joinpath("protocols", f"{name_or_file}.toml").read_text("utf-8")
        return _parsed(text, name_or_file, name_or_file)
    path = Path(name_or_file)
    if path.suffix != ".toml":
        raise ThermedgeError(
            f"No protocol is called {name_or_file!r}.",
            f"Choose one of {', '.join(names())}, or give a TOML file.",
        )
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ThermedgeError(
            f"The protocol {path} can't be read: {error.strerror}.", "Check the path."
        ) from error
    except UnicodeDecodeError as error:
        raise ThermedgeError(
            f"The protocol {path} is no UTF-8 text.", "Save the file as UTF-8."
        ) from error
    return _parsed(text, path.stem, str(path))


def _parsed(text: str, name: str, where: str) -> Plan:
    try:
        plan = replace(from_mapping(Plan, loads(text)), name=name)
    except (RecordError, ValueError) as error:
        raise ThermedgeError(
            f"The protocol {where} is wrong: {error}.", "Compare it with the shipped ones."
        ) from error
    return checked(plan)


def checked(plan: Plan) -> Plan:
    """Return the plan if its numbers make sense together.

    Raises:
        ThermedgeError: Naming the one that does not.
    """
    wrong_ms = next((ms for ms in plan.latencies_ms if not 0 <= ms < math.inf), None)
    limits: dict[str, bool] = {
        f"max_frames is {plan.max_frames}, expected 0 or more": plan.max_frames >= 0,
        f"skip_frames is {plan.skip_frames}, expected 1 or more": (
            plan.kind != "reset" or plan.skip_frames >= 1
        ),
        f"burn_in_frames is {plan.burn_in_frames}, expected 0 or more": plan.burn_in_frames >= 0,
        f"rate_hz is {plan.rate_hz:g}, expected a finite number from 0 up": (
            0 <= plan.rate_hz < math.inf
        ),
        f"eao_lengths is {plan.eao_lengths}, expected lowest and highest": (
            not plan.eao_lengths
            or (len(plan.eao_lengths) == 2 and 2 <= plan.eao_lengths[0] <= plan.eao_lengths[1])
        ),
        f"latencies_ms holds {wrong_ms}, expected finite numbers from 0 up": wrong_ms is None,
    }
    for problem, is_met in limits.items():
        if not is_met:
            raise ThermedgeError(f"The protocol {plan.name}: {problem}.", "Correct the number.")
    return plan
