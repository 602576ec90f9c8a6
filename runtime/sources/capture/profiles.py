"""What is known of each camera family, read from sources/sensors/*.toml."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from thermedge import toml
from thermedge.errors import SourceError
from thermedge.frame import Kelvin
from thermedge.records import RecordError, from_mapping
from thermedge.runtime.sources.capture.device import Identity, Offer
from thermedge.runtime.sources.capture.pixels import Decode

GENERIC = "generic"


@dataclass(frozen=True, slots=True)
class Match:
    """How a camera of the family is recognised: all that is stated must hold."""

    usb: str | None = None  # "09cb:4007", hexadecimal
    card: str | None = None  # regular expression, found anywhere in the name, any case
    driver: str | None = None  # the driver's name
    offers: str | None = None  # "YUYV 256x384"


@dataclass(frozen=True, slots=True)
class TelemetrySpec:
    """Rows of a picture that hold data."""

    parser: Literal["lepton", "boson"]
    rows: int
    at: Literal["bottom", "detect"]  # "detect": above or below the picture, as the data says


@dataclass(frozen=True, slots=True)
class Mode:
    """One way in which the family delivers pictures."""

    format: str  # Y16, Y16_BE, GREY
    decode: Decode
    bits: int  # significant bits of a count
    width_px: int | None = None  # of the V4L2 picture, None: any
    height_px: int | None = None
    skip_rows: int = 0  # above the picture that we want
    drop_rows: int = 0  # below it
    shift: int = 0  # bits that counts are moved down
    telemetry: TelemetrySpec | None = None
    kelvin: Kelvin | None = None  # only where it holds whatever the camera is set to
    plausible_c: tuple[float, ...] = ()  # (low, high): a median outside disproves `kelvin`
    unique_hz: float | None = None  # a faster stream repeats its frames


@dataclass(frozen=True, slots=True)
class ShutterSpec:
    """The family's flat-field correction."""

    gap_s: float = 0.0  # the stream may fall silent for so long
    settle_s: float | None = None  # counts still move for so long after it


@dataclass(frozen=True, slots=True)
class Profile:
    """One camera family."""

    name: str
    title: str
    modes: tuple[Mode, ...]  # the first one that a camera offers is taken
    match: tuple[Match, ...] = ()
    shutter: ShutterSpec = ShutterSpec()
    controls: dict[str, int] | None = None  # set before streaming: name as v4l2-ctl writes it
    hints: tuple[str, ...] = ()  # for whoever runs the camera

    @property
    def is_known(self) -> bool:
        """Whether this is a family, not the stand-in for all others."""
        return self.name != GENERIC

    def matches(self, identity: Identity, usb: str | None, offers: Sequence[Offer]) -> bool:
        """Return whether a camera is of this family."""
        return any(_holds(match, identity, usb, offers) for match in self.match)


def names() -> tuple[str, ...]:
    """Return the profiles' names, the generic one last."""
    folder = resources.files("thermedge.runtime.sources").joinpath("sensors")
    found = {entry.name.removesuffix(".toml") for entry in folder.iterdir() if _is_toml(entry.name)}
    return (*sorted(found - {GENERIC}), GENERIC)


@cache
def load(name: str) -> Profile:
    """Read a profile; a missing or misspelt key is an error, never a default.

    Raises:
        SourceError: There is no such profile, or its file is wrong.
    """
    if name not in names():
        raise SourceError(
            f"There is no camera profile {name!r}.", f"Choose one of {', '.join(names())}."
        )
    file = resources.files("thermedge.runtime.sources").joinpath("sensors", f"{name}.toml")
    return parse(file.read_text(encoding="utf-8"), name)


def parse(text: str, name: str) -> Profile:
    """Build a profile from its TOML text.

    Raises:
        SourceError: The text is no TOML, or not a profile's.
    """
    remedy = "Compare the file with boson.toml."
    try:
        profile = from_mapping(Profile, toml.loads(text) | {"name": name}, name)
        for match in profile.match:
            re.compile(match.card or "")
            if match.offers is not None:
                _format_and_size(match.offers)
    except (RecordError, re.error, ValueError) as error:
        raise SourceError(f"The camera profile {name}.toml is wrong: {error}.", remedy) from error
    for mode in profile.modes:
        if mode.plausible_c and (len(mode.plausible_c) != 2 or mode.kelvin is None):
            raise SourceError(
                f"The camera profile {name}.toml is wrong: plausible_c must be two temperatures "
                "beside a kelvin scale.",
                remedy,
            )
    return profile


def best_match(identity: Identity, usb: str | None, offers: Sequence[Offer]) -> Profile:
    """Return the profile of a camera's family, the generic one for an unknown camera."""
    for name in names():
        profile = load(name)
        if profile.matches(identity, usb, offers):
            return profile
    return load(GENERIC)


def _holds(match: Match, identity: Identity, usb: str | None, offers: Sequence[Offer]) -> bool:
    if match.usb is not None and match.usb != usb:
        return False
    if match.driver is not None and match.driver != identity.driver:
        return False
    if match.card is not None and not re.search(match.card, identity.card, re.IGNORECASE):
        return False
    if match.offers is None:
        return True
    name, width, height = _format_and_size(match.offers)
    # A camera that takes any size, as a grabber does, is not told by one.
    return any(
        offer.name == name
        and any(
            sizes.widths[:2] == (width, width) and sizes.heights[:2] == (height, height)
            for sizes in offer.sizes
        )
        for offer in offers
    )


def _format_and_size(text: str) -> tuple[str, int, int]:
    name, _, size = text.partition(" ")
    width, _, height = size.partition("x")
    return name, int(width), int(height)


def _is_toml(name: str) -> bool:
    return name.endswith(".toml")
