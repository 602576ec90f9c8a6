"""What a text like v4l2:by-id/NAME?size=640x512 asks for."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote

from thermedge.errors import SourceError

SCHEME = "v4l2:"
EXAMPLES = (
    "v4l2:auto, v4l2:/dev/video0, v4l2:serial=XYZ, v4l2:by-id/NAME, v4l2:by-path/NAME, "
    "with options behind it: ?format=Y16&size=640x512&rate=60"
)

How = Literal["auto", "path", "serial"]


@dataclass(frozen=True, slots=True)
class Address:
    """Which camera, and how it shall deliver."""

    how: How
    name: str  # a path below /dev, or a serial number
    format: str | None = None
    size: tuple[int, int] | None = None  # px, the V4L2 picture with its telemetry rows
    rate_hz: float | None = None
    profile: str | None = None
    shift: int | None = None
    wait_s: float = math.inf
    stall_s: float | None = None


def parse(uri: str) -> Address:
    """Read a URI; see `thermedge.runtime.sources.v4l2.open_v4l2`.

    Raises:
        SourceError: It names no camera, or an option is unknown or impossible.
    """
    place, mark, query = uri[len(SCHEME) :].partition("?")
    place = unquote(place)
    if place.startswith("///"):  # v4l2:///dev/video0
        place = place[2:]
    how, name = _place(place, uri)
    options: dict[str, Any] = {}
    for key, text in parse_qsl(query, keep_blank_values=True, strict_parsing=False):
        options |= _option(key, text, options)
    if mark and not options:
        raise SourceError(f"{uri} has the option {query!r}, expected NAME=VALUE.", _REMEDY)
    return Address(how, name, **options)


_REMEDY = f"Write {EXAMPLES}"


def _place(place: str, uri: str) -> tuple[How, str]:
    if place == "auto":
        return "auto", ""
    key, mark, serial = place.partition("=")
    if key == "serial" and mark and serial:
        return "serial", serial
    if place.startswith("/") and place.strip("/"):
        return "path", place
    if re.fullmatch(r"by-(id|path)/[^/]+", place):
        return "path", f"/dev/v4l/{place}"
    raise SourceError(f"{uri} names no camera.", _REMEDY)


def _option(key: str, text: str, known: dict[str, Any]) -> dict[str, Any]:
    if key not in _OPTIONS:
        raise SourceError(
            f"A camera has no option {key!r}; it knows {', '.join(_OPTIONS)}.", _REMEDY
        )
    field, read, expected = _OPTIONS[key]
    if field in known:
        raise SourceError(f"The camera's option {key!r} comes twice.", _REMEDY)
    try:
        return {field: read(text)}
    except ValueError as error:
        raise SourceError(
            f"The camera's option {key}={text!r} is not {expected}.", _REMEDY
        ) from error


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if not found:
        raise ValueError(text)
    return int(found[1]), int(found[2])


def _above_0(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:  # refuses nan too
        raise ValueError(text)
    return number


def _format(text: str) -> str:
    name = text.strip().upper()
    if not re.fullmatch(r"[A-Z0-9]{1,4}(_BE)?", name):
        raise ValueError(text)
    return name


def _shift(text: str) -> int:
    if text not in {str(bits) for bits in range(9)}:
        raise ValueError(text)
    return int(text)


_OPTIONS: dict[str, tuple[str, Callable[[str], Any], str]] = {
    "format": ("format", _format, "a pixel format such as Y16, Y16_BE or GREY"),
    "size": ("size", _size, "WIDTHxHEIGHT in px"),
    "rate": ("rate_hz", _above_0, "a number of frames per second"),
    "profile": ("profile", str, "a profile's name"),
    "shift": ("shift", _shift, "a whole number of bits from 0 to 8"),
    "wait": ("wait_s", _above_0, "a number of seconds"),
    "stall": ("stall_s", _above_0, "a number of seconds"),
}
