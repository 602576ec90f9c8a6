"""Where frames come from; each source is one module, imported only when it is asked for."""

from __future__ import annotations

import importlib
import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from thermedge.errors import SourceError
from thermedge.paths import barrier
from thermedge.runtime.sources.base import FrameSource

# scheme -> function that takes the whole URI. Paths and file: need no function: what lies
# there decides between VIDEO and FOLDER, which take (path, rate_hz=, start_frame=).
SCHEMES = {
    "pair": "thermedge.runtime.sources.pair:open_pair",
    "synthetic": "thermedge.runtime.sources.synthetic:open_synthetic",
    "v4l2": "thermedge.runtime.sources.v4l2:open_v4l2",
}
VIDEO = "thermedge.runtime.sources.video:VideoSource"
FOLDER = "thermedge.runtime.sources.folder:FolderSource"
REPLAY = "thermedge.runtime.sources.replay:ReplaySource"  # takes (path, start_frame=)

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):")  # two letters at least: C: is a drive
_SLOWEST_HZ, _FASTEST_HZ = 1e-5, 1e6  # a picture a day; time stamps that still differ
_REMEDY = (
    "Give a video, a folder of numbered pictures, or a URI that starts with "
    f"{' or '.join(f'{scheme}:' for scheme in ('file', *SCHEMES))}"
)


def open_source(uri: str | Path, *, start_frame: int = 0) -> FrameSource:
    """Open what `uri` names, up to its first frame.

    A video or folder is named by its path or as file:PATH (percent-encoded). `?rate=HZ`
    behind it sets the frame rate: a folder has none of its own and is read at 30 Hz
    otherwise, a video's own one is overruled. So a Lepton's recording is `cat?rate=9`.

    Args:
        uri: A path, or scheme:rest with a scheme of `SCHEMES`.
        start_frame: The first frame to deliver, counted from 0; recordings only.

    Raises:
        SourceError: The scheme is unknown, nothing is there, or no frame can be read.
    """
    text = os.fspath(uri)
    if start_frame < 0:
        raise SourceError(
            f"The start frame is {start_frame}, expected 0 or more.", "Count frames from 0."
        )
    scheme = _scheme(text)
    if scheme in SCHEMES:
        return _generated(f"{scheme}{text[len(scheme) :]}", SCHEMES[scheme], start_frame)
    return _recording(_name(text), start_frame)


def path_of(uri: str | Path) -> Path | None:
    """Return where what `uri` names lies, None when it is no file and no folder.

    Raises:
        SourceError: The scheme is unknown, or an option impossible.
    """
    text = os.fspath(uri)
    return None if _scheme(text) in SCHEMES else _path_and_rate(_name(text))[0]


def _scheme(text: str) -> str:
    match = _SCHEME.match(text)
    return match[1].lower() if match else ""


def _name(text: str) -> str:
    """Return the path that the text, or a file: URI, stands for, options included."""
    scheme = _scheme(text)
    if scheme == "file":
        return unquote(text[len("file:") :].removeprefix("//"))
    if scheme and not os.path.exists(text):
        raise SourceError(f"{text} has the unknown scheme {scheme!r}.", _REMEDY)
    return text


def _generated(uri: str, opener: str, start_frame: int) -> FrameSource:
    if start_frame:
        raise SourceError(
            f"{uri} can't start at frame {start_frame}: only recordings can.",
            "Leave the start frame at 0.",
        )
    source: FrameSource = _load(opener)(uri)
    return source


def _recording(name: str, start_frame: int) -> FrameSource:
    path, rate_hz = _path_and_rate(name)
    if is_recording(path):
        return _replay(path, rate_hz, start_frame)
    if os.path.isdir(path):
        opener = _load(FOLDER)
    elif os.path.isfile(path):
        opener = _load(VIDEO)
    else:
        raise _absent(path)
    rate = {} if rate_hz is None else {"rate_hz": rate_hz}
    source: FrameSource = opener(path, start_frame=start_frame, **rate)
    return source


def is_recording(path: Path) -> bool:
    """Return whether --record wrote the folder `path`, or a run in it."""
    is_run = os.path.isfile(path / "recording.json")
    return is_run or (os.path.isdir(path) and any(path.glob("run-*/recording.json")))


def _absent(path: Path) -> SourceError:
    if reason := barrier(path):
        return SourceError(
            f"{path} can't be reached: {reason}.",
            "Check the name, and that this user may enter all folders on the way.",
        )
    what = "is neither a file nor a folder" if os.path.exists(path) else "does not exist"
    return SourceError(f"{path} {what}.", _REMEDY)


def _replay(path: Path, rate_hz: float | None, start_frame: int) -> FrameSource:
    if rate_hz is not None:
        raise SourceError(
            f"{path} is a recording with time stamps of its own, expected no rate.",
            f"Write {path}",
        )
    source: FrameSource = _load(REPLAY)(path, start_frame=start_frame)
    return source


def _path_and_rate(name: str) -> tuple[Path, float | None]:
    """Split PATH?rate=HZ; the name of something that exists may itself hold a `?`."""
    plain, mark, query = name.rpartition("?")
    if not mark or os.path.exists(name):
        plain, query = name, ""
    if not plain:
        raise SourceError(f"{name!r} names no source.", _REMEDY)
    options = dict(parse_qsl(query, keep_blank_values=True))
    if query and set(options) != {"rate"}:
        raise SourceError(
            f"{name} has the option {query!r}, expected rate=HZ.", f"Write {plain}?rate=9"
        )
    return Path(plain), _rate(options["rate"], plain) if options else None


def _rate(text: str, plain: str) -> float:
    try:
        rate_hz = float(text)
    except ValueError:
        rate_hz = math.nan
    if not _SLOWEST_HZ <= rate_hz <= _FASTEST_HZ:
        raise SourceError(
            f"The frame rate of {plain} is {text!r}, expected a number from {_SLOWEST_HZ:g} to "
            f"{_FASTEST_HZ:g} Hz.",
            f"Write {plain}?rate=9",
        )
    return rate_hz


def _load(opener: str) -> Callable[..., Any]:
    module, _, name = opener.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function
