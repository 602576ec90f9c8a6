"""Where results go; each format is one module, imported only when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

from thermedge.errors import SinkError
from thermedge.runtime.sinks.base import Sink

# suffix -> function that takes the path
TEXTS = {
    ".csv": "thermedge.runtime.sinks.table:open_csv",
    ".jsonl": "thermedge.runtime.sinks.jsonl:open_jsonl",
    ".txt": "thermedge.runtime.sinks.boxes:open_boxes",
}
VIDEOS = (".avi", ".mp4")


def open_sink(path: Path, *, width_px: int, height_px: int, rate_hz: float) -> Sink:
    """Open the sink that the suffix of `path` names; one of `TEXTS` or `VIDEOS`.

    Args:
        path: Where the file shall lie once the sink is closed; replaced if it exists.
        width_px: Of the frames.
        height_px: Of the frames.
        rate_hz: Of the frames.

    Raises:
        SinkError: The suffix is unknown, or nothing can be written at `path`.
    """
    suffix = path.suffix.lower()
    if suffix not in TEXTS:
        _check(path, (*TEXTS, *VIDEOS))
        return open_video(path, width_px=width_px, height_px=height_px, rate_hz=rate_hz)
    module, _, name = TEXTS[suffix].partition(":")
    opener: Callable[[Path], Sink] = getattr(importlib.import_module(module), name)
    return opener(path)


def open_video(path: Path, *, width_px: int, height_px: int, rate_hz: float) -> Sink:
    """Open an annotated video; arguments as for `open_sink`.

    Raises:
        SinkError: The suffix is not one of `VIDEOS`, or nothing can be written at `path`.
    """
    _check(path, VIDEOS)
    from thermedge.runtime.sinks.video import VideoSink

    return VideoSink(path, width_px=width_px, height_px=height_px, rate_hz=rate_hz)


def _check(path: Path, suffixes: tuple[str, ...]) -> None:
    if path.suffix.lower() not in suffixes:
        raise SinkError(
            f"{path} has the suffix {path.suffix!r}, expected one of {' '.join(suffixes)}.",
            f"Name the file, for example, {path.stem or 'track'}{suffixes[0]}",
        )
