"""A visible camera beside a thermal one: paired by time, registered, and missed with grace."""

from __future__ import annotations

import logging
import math
import re
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from thermedge.errors import SourceError
from thermedge.events import Event, EventKind
from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.records import RecordError, from_mapping
from thermedge.runtime.registration import Picture, Registration
from thermedge.runtime.sources.base import FrameSource
from thermedge.toml import loads

_LOG = logging.getLogger(__name__)

SCHEME = "pair:"
_KEPT = 4  # pictures to choose the nearest in time from
_PATIENCE_S = 5.0  # for the first picture of a camera; a replug takes as long
_RETRY_S = 1.0
_SCHEME_OR_ROOT = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+:|/")
_REMEDY = (
    'Give pair:RIG.toml with the keys thermal = "v4l2:...", visible = "v4l2:...", '
    "max_gap_ms = 40 and homography = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """Two cameras that look the same way; a TOML file."""

    thermal: str  # what a source is named by; paths are relative to the rig's file
    visible: str
    max_gap_ms: float  # pictures further apart in time than this do not belong together
    # Three rows, from px of the visible picture to px of the thermal one. Both count from
    # the outer corner of the first pixel.
    homography: tuple[tuple[float, ...], ...]
    offset_ms: float = 0.0  # the visible clock minus the thermal one, of recordings


class PairSource:
    """Delivers the thermal frames, each with the visible picture taken closest to it.

    While the visible camera is silent, frames come without: the event "visible_lost" says
    since when, "visible_back" until when. A live visible camera that breaks is opened
    again and again.

    Args:
        rig: The cameras.
        folder: What the rig's paths are relative to.

    Raises:
        SourceError: A source can't be opened, only one of them is live, the visible one
            gives no 8-bit picture, or the rig's numbers are impossible.
    """

    def __init__(self, rig: Rig, folder: Path) -> None:
        _check(rig)
        self._max_gap_ns, self._offset_ns = rig.max_gap_ms * 1e6, round(rig.offset_ms * 1e6)
        self._thermal = _opened(rig.thermal, folder)
        try:
            self._visible = _Beside(rig.visible, folder)
        except SourceError:
            self._thermal.close()
            raise
        self.width_px, self.height_px = self._thermal.width_px, self._thermal.height_px
        self.rate_hz, self.live = self._thermal.rate_hz, self._thermal.live
        self.num_frames: int | None = self._thermal.num_frames
        try:
            self._check_together(rig)
            frame_px = self.width_px, self.height_px
            picture_px = self._visible.picture_px
            self._registration = Registration(
                rig.homography, picture_px=picture_px, frame_px=frame_px
            )
        except SourceError:
            self.close()
            raise
        self._out: Picture = np.empty((self.height_px, self.width_px), np.uint8)
        self._is_seeing, self._losses = True, 0
        self._lost_ns = 0

    @property
    def faults(self) -> dict[str, int]:
        """What went wrong so far: name -> count."""
        lost = {"visible picture lost": self._losses} if self._losses else {}
        return {**self._thermal.faults, **self._visible.faults, **lost}

    @property
    def start_box(self) -> Box | None:
        """The target in the first thermal frame, px, where the source knows it."""
        return self._thermal.start_box

    def __iter__(self) -> Iterator[Frame]:
        """Yield thermal frames; their pictures are valid until the next one is asked for.

        Raises:
            SourceError: The thermal stream breaks.
        """
        for frame in self._thermal:
            visible = self._beside(frame.timestamp_ns)
            events = (*frame.events, *self._changes(frame, visible is not None))
            yield replace(frame, visible=visible, events=events)

    def close(self) -> None:
        """Close both. Calling it twice is allowed."""
        self._thermal.close()
        self._visible.close()

    def __enter__(self) -> PairSource:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _check_together(self, rig: Rig) -> None:
        if self.live != self._visible.live:
            first, second = ("thermal", "visible") if self.live else ("visible", "thermal")
            raise SourceError(
                f"The {first} source of the pair is live, the {second} one is a recording.",
                "Pair two cameras, or two recordings made together.",
            )
        period_ms = 1e3 / self._visible.rate_hz
        if rig.max_gap_ms < period_ms:
            raise SourceError(
                f"max_gap_ms is {rig.max_gap_ms:g}, but the visible pictures are "
                f"{period_ms:.4g} ms apart: most frames would have none.",
                f"Set max_gap_ms to {math.ceil(period_ms)} or more.",
            )

    def _beside(self, timestamp_ns: int) -> Picture | None:
        """Return the visible picture closest to this moment of the thermal clock."""
        wanted_ns = timestamp_ns + self._offset_ns
        self._visible.read_until(wanted_ns)
        with self._visible.lock:
            kept = self._visible.nearest(wanted_ns)
            if kept is None or abs(kept.timestamp_ns - wanted_ns) > self._max_gap_ns:
                return None
            self._registration.warp(kept.picture, self._out)
        return self._out

    def _changes(self, frame: Frame, is_seeing: bool) -> list[Event]:
        if is_seeing == self._is_seeing:
            return []
        self._is_seeing = is_seeing
        kind: EventKind = "visible_back"
        seconds = (frame.timestamp_ns - self._lost_ns) * 1e-9
        detail = f"The visible camera delivers again after {seconds:.1f} s."
        if not is_seeing:
            kind, self._lost_ns = "visible_lost", frame.timestamp_ns
            self._losses += 1
            gap_ms = self._max_gap_ns * 1e-6
            detail = (
                f"No visible picture within {gap_ms:g} ms of the thermal one; that stands in."
                f"{self._visible.trouble}"
            )
        return [Event(kind, frame.timestamp_ns, frame.index, detail)]


@dataclass(slots=True)
class _Kept:
    """One visible picture."""

    picture: Picture
    timestamp_ns: int


class _Beside:
    """The last pictures of the visible camera; a live one is read by a thread of its own."""

    def __init__(self, uri: str, folder: Path) -> None:
        self._uri, self._folder = uri, folder
        self._source = _opened(uri, folder)
        self.live, self.rate_hz = self._source.live, self._source.rate_hz
        self.picture_px = self._source.width_px, self._source.height_px
        self.lock = threading.Lock()
        self.trouble = ""  # a sentence for the event, with a space in front
        self._num_broken = 0
        self._past: Counter[str] = Counter()  # faults of it before it was opened again
        self._kept: list[_Kept] = []
        self._next = 0  # place in `_kept` of the oldest one
        self._newest_ns: int | None = None
        self._first, self._stopped = threading.Event(), threading.Event()
        self._frames: Iterator[Frame] = iter(()) if self.live else iter(self._source)
        self._is_over = False
        self._thread = threading.Thread(target=self._read, name="visible", daemon=True)
        try:
            self._begin()
        except SourceError:
            self.close()
            raise

    def _begin(self) -> None:
        if not self.live:
            self._step()
        else:
            self._thread.start()
            self._first.wait(_PATIENCE_S)
        if self._newest_ns is None:
            raise SourceError(
                f"The visible source {self._uri} delivers no picture.{self.trouble}",
                "Check it alone with `thermedge track`, or track with the thermal source alone.",
            )

    @property
    def faults(self) -> dict[str, int]:
        """What went wrong with the visible camera, each name told from the thermal one's."""
        found = self._past + Counter(dict(self._source.faults))
        broken = {"visible source broke": self._num_broken} if self._num_broken else {}
        return {**{f"visible {name}": count for name, count in found.items()}, **broken}

    def read_until(self, timestamp_ns: int) -> None:
        """Read a recording on up to this moment of its clock."""
        while not self.live and not self._is_over and (self._newest_ns or 0) < timestamp_ns:
            self._step()

    def nearest(self, timestamp_ns: int) -> _Kept | None:
        """Return the picture closest to this moment; to be used under the lock."""
        return min(self._kept, key=lambda kept: abs(kept.timestamp_ns - timestamp_ns), default=None)

    def close(self) -> None:
        """Stop reading. Calling it twice is allowed."""
        self._stopped.set()
        self._source.close()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE_S)

    def _step(self) -> None:
        """Take the next picture of a recording; note its end."""
        try:
            frame = next(self._frames, None)
            if frame is not None:
                self._keep(frame)
            self._is_over = frame is None
        except SourceError as error:
            self._tell(error)
            self._is_over = True

    def _read(self) -> None:
        """Read a camera until nobody wants it any more, however often it breaks."""
        while not self._stopped.is_set():
            try:
                for frame in self._source:
                    if self._stopped.is_set():
                        return
                    self._keep(frame)
                self.trouble = " Its stream ended."
            except SourceError as error:
                self._tell(error)
            self._source.close()
            self._reopen()
        self._source.close()  # it may have been opened while `close` was called

    def _reopen(self) -> None:
        while not self._stopped.wait(_RETRY_S):
            try:
                opened = _opened(self._uri, self._folder)
                self._past.update(dict(self._source.faults))
                self._source = opened
                return
            except SourceError as error:
                self.trouble = f" {error.problem}"

    def _tell(self, error: SourceError) -> None:
        _LOG.warning("The visible camera: %s", error.problem)
        self.trouble = f" {error.problem}"
        self._num_broken += 1
        self._first.set()  # nobody need wait for it longer

    def _keep(self, frame: Frame) -> None:
        counts = frame.counts
        if counts.dtype != np.uint8 or counts.shape != self.picture_px[::-1]:
            width, height = self.picture_px
            raise SourceError(
                f"The visible source {self._uri} gives {counts.shape[1]}x{counts.shape[0]} px "
                f"{counts.dtype}, expected {width}x{height} px uint8.",
                "Choose an 8-bit format; if it is the thermal camera, swap the two in the rig.",
            )
        with self.lock:
            if len(self._kept) < _KEPT:
                self._kept.append(_Kept(np.array(counts, np.uint8), frame.timestamp_ns))
            else:
                oldest = self._kept[self._next]
                np.copyto(oldest.picture, counts)
                oldest.timestamp_ns = frame.timestamp_ns
                self._next = (self._next + 1) % _KEPT
            self._newest_ns = frame.timestamp_ns
            self.trouble = ""
        self._first.set()


def open_pair(uri: str) -> PairSource:
    """Open the two cameras of a rig, named like `pair:rig.toml`.

    Raises:
        SourceError: The file can't be read, or says what is impossible.
    """
    path = Path(uri.removeprefix(SCHEME))
    try:
        rig = from_mapping(Rig, loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SourceError(f"The rig {path} can't be read: {error.strerror}.", _REMEDY) from error
    except (RecordError, ValueError) as error:
        raise SourceError(f"{path}: {error}.", _REMEDY) from error
    return PairSource(rig, path.parent)


def _check(rig: Rig) -> None:
    for uri in (rig.thermal, rig.visible):
        if uri.lower().startswith(SCHEME):
            raise SourceError(
                f"The rig names {uri}, itself a pair; expected two single sources.", _REMEDY
            )
    if not (0 < rig.max_gap_ms < 1e4 and abs(rig.offset_ms) < 1e9):
        raise SourceError(
            f"The rig has max_gap_ms = {rig.max_gap_ms:g} and offset_ms = {rig.offset_ms:g}.",
            "Give a gap above 0 and below 10000 ms, and a finite offset.",
        )


def _opened(uri: str, folder: Path) -> FrameSource:
    from thermedge.runtime.sources import open_source

    return open_source(uri if _SCHEME_OR_ROOT.match(uri) else str(folder / uri))
