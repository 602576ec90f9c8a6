"""What cameras write beside their picture: shutter, temperatures, range."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from thermedge.frame import Kelvin, Shutter
from thermedge.runtime.sources.capture.profiles import ShutterSpec, TelemetrySpec

Words = NDArray[np.uint16]

_ZERO_C = 273.15
# A core's own temperature, K: ours, generous. Outside, the words are not what they should be.
_CORE_K = (223.0, 400.0)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one frame's telemetry says."""

    shutter: Shutter
    sensor_c: float
    counter: int  # pictures that the sensor took; a repeated frame has its original's
    range: str  # another text: counts mean something else from here on
    kelvin: Kelvin | None = None  # in the present mode of the camera


class Telemetry(Protocol):
    """Reads the data rows of one camera, frame after frame."""

    def read(self, rows: NDArray[Any]) -> Reading | None:
        """Return what the rows say, None when they hold no telemetry.

        Args:
            rows: (rows, width) counts as they came, uint16.
        """
        ...


def open_telemetry(spec: TelemetrySpec, shutter: ShutterSpec) -> Telemetry:
    """Return the reader that a profile asks for."""
    return _PARSERS[spec.parser](shutter)


class LeptonTelemetry:
    """Rows A and C of a Lepton's telemetry; 32-bit numbers have their low word first.

    Source: Lepton Engineering Datasheet 500-0659-00-09 rev 203, tables 2 and 3.
    """

    # Words, from the start of row A; row C begins behind A and B of 80 words each.
    _UPTIME, _STATUS, _COUNTER, _FPA, _UPTIME_AT_FFC = 1, 3, 20, 24, 30  # ms, -, -, 0.01 K, ms
    _TLINEAR, _FINE = 160 + 48, 160 + 49
    _SHUTTERS: tuple[Shutter, ...] = ("none", "imminent", "closed", "none")  # bits 4 and 5

    def __init__(self, shutter: ShutterSpec) -> None:
        self._settle_ms = 1e3 * (shutter.settle_s or 0.0)

    def read(self, rows: NDArray[Any]) -> Reading | None:
        """Return what the rows say, None when they hold no telemetry."""
        words: Words = rows.reshape(-1)
        fpa_k = 0.01 * float(words[self._FPA])
        if not _is_core(fpa_k):
            return None
        state = (_low_first(words, self._STATUS) >> 4) & 3
        shutter = self._SHUTTERS[state]
        if state == 3:
            since = (_low_first(words, self._UPTIME) - _low_first(words, self._UPTIME_AT_FFC)) % (
                1 << 32
            )
            shutter = "settling" if since < self._settle_ms else "none"
        scale = 0.0
        if words[self._TLINEAR]:
            scale = 0.01 if words[self._FINE] else 0.1
        return Reading(
            shutter,
            fpa_k - _ZERO_C,
            _low_first(words, self._COUNTER),
            f"TLinear {scale:g} K" if scale else "raw counts",
            Kelvin(scale, 0.0) if scale else None,
        )


class BosonTelemetry:
    """A Boson's telemetry line; 32-bit numbers have their high word first.

    The camera can pack the line as 16-bit words or as a byte per sample, and swap its
    bytes; the packing is the one in which the part number is text and the core's
    temperature is one that a core can have.

    Source: byte offsets of Boson640Telemetry.java (Elphel, 2021) and of flirpy, which
    agree. The status bits are not confirmed anywhere, so the shutter is known by the
    number of the frame of the last correction alone: what follows it is settling.
    """

    _PART, _RATE, _COUNTER, _AT_FFC, _FPA, _NUC = slice(10, 30), 28, 42, 44, 47, 79
    _NUM_WORDS = 92

    def __init__(self, shutter: ShutterSpec) -> None:
        self._settle_s = shutter.settle_s or 0.0
        self._unpack: Callable[[Words], Words] | None = None

    def read(self, rows: NDArray[Any]) -> Reading | None:
        """Return what the rows say, None when they hold no telemetry."""
        line: Words = rows[0]
        if self._unpack is None or not self._fits(self._unpack(line)):
            fitting = (each for each in _PACKINGS if self._fits(each(line)))
            self._unpack = next(fitting, None)
            if self._unpack is None:
                return None
        words = self._unpack(line)
        counter = _high_first(words, self._COUNTER)
        since = (counter - _high_first(words, self._AT_FFC)) % (1 << 32)
        settles = since < self._settle_s * int(words[self._RATE])
        return Reading(
            "settling" if settles else "none",
            0.1 * float(words[self._FPA]) - _ZERO_C,
            counter,
            f"NUC table {int(words[self._NUC])}",
        )

    def _fits(self, words: Words) -> bool:
        part = words[:15].astype("<u2").tobytes()[self._PART].strip(b"\0 ")
        return (
            len(part) >= 5
            and part.isascii()
            and _is_text(part)
            and _is_core(0.1 * float(words[self._FPA]))
        )


def _is_text(part: bytes) -> bool:
    text = part.decode("ascii").replace("\0", "")
    return text.isprintable() and any(c.isdigit() for c in text)


def _is_core(kelvin: float) -> bool:
    return _CORE_K[0] <= kelvin <= _CORE_K[1]


def _low_first(words: Words, at: int) -> int:
    return int(words[at]) | int(words[at + 1]) << 16


def _high_first(words: Words, at: int) -> int:
    return int(words[at]) << 16 | int(words[at + 1])


def _as_words(line: Words) -> Words:
    return line[: BosonTelemetry._NUM_WORDS]


def _swapped(line: Words) -> Words:
    return _as_words(line).byteswap()


def _low_bytes(line: Words) -> Words:
    """Return words of the low bytes of two samples each, the first one high."""
    samples = line[: 2 * BosonTelemetry._NUM_WORDS] & 0xFF
    return (samples[::2] << 8 | samples[1::2]).astype(np.uint16)


def _low_bytes_swapped(line: Words) -> Words:
    return _low_bytes(line).byteswap()


_PACKINGS = (_as_words, _swapped, _low_bytes, _low_bytes_swapped)
_PARSERS: dict[str, Callable[[ShutterSpec], Telemetry]] = {
    "lepton": LeptonTelemetry,
    "boson": BosonTelemetry,
}
