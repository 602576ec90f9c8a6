"""Where results go; each format is one module, imported only when it is asked for."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from thermedge.errors import SinkError
from thermedge.runtime.sinks.base import Sink

# suffix -> function that takes the path
TEXTS = {
    ".csv": "thermedge.runtime.sinks.table:open_csv",
    ".jsonl": "thermedge.runtime.sinks.jsonl:open_jsonl",
    ".txt": "thermedge.runtime.sinks.boxes:open_boxes",
}
VIDEOS = (".avi", ".mp4")
# scheme -> function that takes the whole URI
SCHEMES = {
    "mavlink": "thermedge.runtime.sinks.mavlink:MavlinkSink",
    "mqtt": "thermedge.runtime.sinks.mqtt:MqttSink",
    "udp": "thermedge.runtime.sinks.udp:UdpSink",
}

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):")  # two letters at least: C: is a drive


def open_sink(target: str | Path, *, width_px: int, height_px: int, rate_hz: float) -> Sink:
    """Open the sink that `target` names.

    Args:
        target: A path with a suffix of `TEXTS` or `VIDEOS`, where the file shall lie once
            the sink is closed, replaced if it exists; or a URI with a scheme of `SCHEMES`.
        width_px: Of the frames.
        height_px: Of the frames.
        rate_hz: Of the frames.

    Raises:
        SinkError: The suffix or scheme is unknown, or nothing can be written there.
        MissingDependencyError: A package that the scheme needs is not installed.
    """
    text = os.fspath(target)
    if is_address(text):
        scheme, _, rest = text.partition(":")
        return _load(SCHEMES[scheme.lower()])(f"{scheme.lower()}:{rest}")
    path = Path(text)
    suffix = path.suffix.lower()
    if suffix not in TEXTS:
        _check(path, (*TEXTS, *VIDEOS))
        return open_video(path, width_px=width_px, height_px=height_px, rate_hz=rate_hz)
    return _load(TEXTS[suffix])(path)


def check_target(target: str | Path) -> None:
    """Refuse what `open_sink` can't open by its name, before any frame is read.

    Raises:
        SinkError: The suffix or scheme is unknown.
    """
    if not is_address(os.fspath(target)):
        _check(Path(target), (*TEXTS, *VIDEOS))


def check_video(path: Path) -> None:
    """Refuse what `open_video` can't open by its name, before any frame is read.

    Raises:
        SinkError: The suffix is not one of `VIDEOS`.
    """
    _check(path, VIDEOS)


def is_address(target: str) -> bool:
    """Return whether `target` is a URI of a network, not a path.

    Raises:
        SinkError: It has a scheme that is unknown, as in tcp://host.
    """
    match = _SCHEME.match(target)
    if match is None or (match[1].lower() not in SCHEMES and "//" not in target):
        return False
    if match[1].lower() in SCHEMES:
        return True
    raise SinkError(
        f"{target} has the unknown scheme {match[1]!r}, expected one of {' '.join(SCHEMES)}.",
        "Write, for example, udp://127.0.0.1:5600",
    )


def open_video(path: Path, *, width_px: int, height_px: int, rate_hz: float) -> Sink:
    """Open an annotated video; arguments as for `open_sink`.

    Raises:
        SinkError: The suffix is not one of `VIDEOS`, or nothing can be written at `path`.
    """
    _check(path, VIDEOS)
    from thermedge.runtime.sinks.video import VideoSink

    return VideoSink(path, width_px=width_px, height_px=height_px, rate_hz=rate_hz)


def _load(opener: str) -> Callable[[Any], Sink]:
    module, _, name = opener.partition(":")
    function: Callable[[Any], Sink] = getattr(importlib.import_module(module), name)
    return function


def _check(path: Path, suffixes: tuple[str, ...]) -> None:
    if path.suffix.lower() not in suffixes:
        raise SinkError(
            f"{path} has the suffix {path.suffix!r}, expected one of {' '.join(suffixes)}.",
            f"Name the file, for example, {path.stem or 'track'}{suffixes[0]}",
        )
