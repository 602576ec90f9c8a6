"""Agree with a driver on a format, and refuse whatever it puts in its place."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from thermedge.errors import SourceError
from thermedge.runtime.sources.capture import profiles
from thermedge.runtime.sources.capture.address import Address
from thermedge.runtime.sources.capture.device import Device, Format, Identity, Offer
from thermedge.runtime.sources.capture.pixels import picture_bytes, row_bytes
from thermedge.runtime.sources.capture.profiles import Mode, Profile

_LOG = logging.getLogger(__name__)

_RATE_SLACK = 0.01  # drivers round frame intervals, UVC to 100 ns


@dataclass(frozen=True, slots=True)
class Setup:
    """What was agreed on."""

    identity: Identity
    profile: Profile
    mode: Mode
    format: Format
    shift: int  # bits that counts are moved down
    rate_hz: float  # of pictures, repeats not counted

    @property
    def picture_bytes(self) -> int:
        """Bytes of a whole picture; a frame with less is a short one."""
        return picture_bytes(self.format.name, self.format.stride, self.format.height_px)


def set_up(device: Device, address: Address, usb: str | None) -> Setup:
    """Set format, rate and controls.

    Raises:
        SourceError: The camera doesn't offer what was asked for, or does something else.
        OSError: Of the driver.
    """
    identity, offers = device.identity(), device.offers()
    if not offers:
        raise _no_signal(device)
    profile = (
        profiles.load(address.profile)
        if address.profile is not None
        else profiles.best_match(identity, usb, offers)
    )
    mode, width, height = _choice(profile, offers, address, device)
    _set_controls(device, profile)
    made = _set_format(device, mode, width, height, offers)
    stream_hz = _set_rate(device, address.rate_hz, made)
    unique_hz = min(mode.unique_hz or stream_hz, stream_hz)
    shift = mode.shift if address.shift is None else address.shift
    return Setup(identity, profile, mode, made, shift, unique_hz)


def offered(offers: tuple[Offer, ...]) -> str:
    """Return all formats and sizes in one line."""
    return "; ".join(map(str, offers)) or "nothing"


def _choice(
    profile: Profile, offers: tuple[Offer, ...], address: Address, device: Device
) -> tuple[Mode, int, int]:
    for mode in _candidates(profile, address):
        for offer in offers:
            size = _size(mode, offer, address, device) if offer.name == mode.format else None
            if size is not None:
                return mode, *size
    asked = " ".join(
        each for each in (address.format, "x".join(map(str, address.size or ()))) if each
    )
    if asked:
        formats = [offer for offer in offers if offer.name == address.format]
        if address.format and not formats:
            problem = f"{device.path} does not offer the format {address.format}"
        elif address.format and not _is_readable(address.format):
            problem = f"{device.path} offers {asked}, which is no format of grey counts"
        else:
            problem = f"{device.path} does not offer {asked}"
    else:
        problem = f"{device.path} offers no format of grey counts that {profile.title} has"
    raise SourceError(
        f"{problem}; it offers {offered(offers)}.",
        "Choose one of these with ?format=NAME&size=WIDTHxHEIGHT"
        + ("" if not profile.is_known else ", or take them as they come with ?profile=generic"),
    )


def _candidates(profile: Profile, address: Address) -> Iterator[Mode]:
    """Yield the modes in question; what the family doesn't list is taken as it comes, if asked."""
    asked = address.format is not None or address.size is not None
    for each in (profile, profiles.load(profiles.GENERIC)) if asked else (profile,):
        for mode in each.modes:
            if address.format in (None, mode.format):
                yield mode


def _is_readable(name: str) -> bool:
    return any(name == mode.format for mode in profiles.load(profiles.GENERIC).modes)


def _size(mode: Mode, offer: Offer, address: Address, device: Device) -> tuple[int, int] | None:
    fixed = (mode.width_px, mode.height_px)
    if address.size is not None:
        size = address.size
    elif fixed[0] is not None and fixed[1] is not None:
        size = (fixed[0], fixed[1])
    else:
        size = _present_size(device, offer)
    if None not in fixed and size != fixed:
        return None
    return size if offer.has(*size) else None


def _present_size(device: Device, offer: Offer) -> tuple[int, int]:
    """Return the size that the camera stands at, else the first one that it lists."""
    try:
        present = device.format()
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise _no_signal(device) from error
    if offer.has(present.width_px, present.height_px) or not offer.sizes:
        return present.width_px, present.height_px
    first = offer.sizes[0]
    return first.widths[1], first.heights[1]


def _no_signal(device: Device) -> SourceError:
    return SourceError(
        f"{device.path} has no signal: it has no format yet.",
        "Start what feeds it, then try again.",
    )


def _set_controls(device: Device, profile: Profile) -> None:
    known = device.controls() if profile.controls else {}
    for name, value in (profile.controls or {}).items():
        if name in known:
            device.set_control(known[name], value)
        else:
            _LOG.warning(
                "%s has no control %s, which %s should be told %#x by.",
                device.path,
                name,
                profile.title,
                value,
            )


def _set_format(
    device: Device, mode: Mode, width: int, height: int, offers: tuple[Offer, ...]
) -> Format:
    got = device.set_format(mode.format, width, height)
    if (got.name, got.width_px, got.height_px) != (mode.format, width, height):
        raise SourceError(
            f"{device.path} was asked for {mode.format} {width}x{height} and put {got} in its "
            f"place; it offers {offered(offers)}.",
            "Choose one of these with ?format=NAME&size=WIDTHxHEIGHT",
        )
    needed = row_bytes(mode.decode, width)
    if got.stride < needed:
        raise SourceError(
            f"{device.path} delivers {got} with {got.stride} bytes a row, expected {needed} at "
            "least.",
            "Choose another format with ?format=NAME; the driver contradicts itself.",
        )
    if got.size < picture_bytes(got.name, got.stride, height):
        raise SourceError(
            f"{device.path} delivers {got} in {got.size} bytes, fewer than its rows have.",
            "Choose another format with ?format=NAME; the driver contradicts itself.",
        )
    return got


def _set_rate(device: Device, wanted: float | None, made: Format) -> float:
    told = device.rate_hz() if wanted is None else device.set_rate(wanted)
    if wanted is None:
        if told is None:
            raise SourceError(
                f"{device.path} doesn't tell its frame rate.", "Say it yourself: ?rate=HZ"
            )
        return told
    if told is not None and abs(told - wanted) > _RATE_SLACK * wanted:
        rates = device.rates_hz(made.name, made.width_px, made.height_px)
        listed = ", ".join(f"{rate:g}" for rate in rates) or f"{told:g}"
        raise SourceError(
            f"{device.path} was asked for {wanted:g} Hz and runs at {told:g} Hz; with {made} it "
            f"offers {listed} Hz.",
            "Choose one of these with ?rate=HZ, or leave it out.",
        )
    return wanted
