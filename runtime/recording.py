"""Record every frame as the loop saw it, with all that is needed to see it again."""

from __future__ import annotations

import json
import logging
import math
import queue
import re
import threading
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import numpy as np

from thermedge import __version__
from thermedge.errors import SinkError
from thermedge.frame import Frame
from thermedge.runtime.recording_files import FORMAT, RunHeader, SegmentWriter
from thermedge.runtime.track import Track

_LOG = logging.getLogger(__name__)

_SYNC_S = 0.5  # so that a power cut costs less than a second, the sync itself included
_WAITING_BYTES = 64 << 20  # of frames that a slow disk may lag behind
_BYTES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}
_LEAST_BYTES = 10**7
_REMEDY = "Write, for example, --record 'FOLDER?max=2G&rotate=60s'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How much of a recording is kept."""

    most_bytes: int = 2 * 10**9  # of all runs in the folder; the oldest segments make room
    segment_s: float = 60.0


class RecordingSink:
    """Writes frames and decisions in a thread of its own; the loop never waits for the disk.

    A frame that the disk can't take in time is left out, counted, and marked as missing in
    the recording. When the disk refuses, the recording ends, once and for all, and
    tracking goes on.

    Args:
        folder: Each run becomes a folder in it.
        quota: What is kept.
        source: How the source is called, for the header.
        rate_hz: Its nominal rate.
        is_live: A camera can't wait. Any other source waits for the disk.

    Raises:
        SinkError: Nothing can be written in `folder`.
    """

    def __init__(
        self, folder: Path, *, quota: Quota, source: str, rate_hz: float, is_live: bool
    ) -> None:
        began = datetime.now(timezone.utc).isoformat(timespec="seconds")
        header = RunHeader(FORMAT, f"thermedge {__version__}", source, rate_hz, began)
        try:
            self._writer = SegmentWriter(
                folder, header, most_bytes=quota.most_bytes, segment_s=quota.segment_s
            )
        except OSError as error:
            raise SinkError(
                f"{folder} can't hold a recording: {error.strerror}.",
                "Make it writable, or name another folder.",
            ) from error
        # Last in, first out: memory that a slow disk never asked for is never touched.
        self._slots: queue.LifoQueue[_Slot] = queue.LifoQueue()
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._shape: tuple[object, ...] = ()
        self._num_unrecorded = self._missing = self._num_recorded = self._num_came = 0
        self._has_failed = self._is_closed = False
        self._is_live = is_live
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)
        self._thread.start()

    @property
    def folder(self) -> Path:
        """The folder of this run."""
        return self._writer.folder

    @property
    def has_failed(self) -> bool:
        """Whether the disk refused, which ended the recording."""
        return self._has_failed

    @property
    def faults(self) -> Mapping[str, int]:
        """Frames that are not in the recording; those that still wait count at the close."""
        return {"frames not recorded": self._num_unrecorded}

    def write(self, frame: Frame, track: Track) -> None:
        """Copy `frame` for the thread that writes it."""
        self._num_came += 1
        if not self._has_failed:
            self._reserve(frame)
        slot = self._free_slot()
        if slot is None:
            self._skip(frame)
            return
        if self._missing:
            _LOG.warning("frame %d: recorded again; %d are missing", frame.index, self._missing)
        self._work.put(_Work(slot, slot.filled(frame), track, self._missing))
        self._missing = 0

    def close(self) -> None:
        """Write what waits, and complete the files. Calling it twice is allowed."""
        if self._is_closed:
            return
        self._is_closed = True
        self._work.put(None)
        self._thread.join()
        self._num_unrecorded = self._num_came - self._num_recorded

    def _reserve(self, frame: Frame) -> None:
        """Make room for frames of this size, unless there is."""
        visible = None if frame.visible is None else frame.visible.shape
        shape = (frame.counts.shape, frame.counts.dtype, visible)
        if shape == self._shape or (visible is None and shape[:2] == self._shape[:2]):
            return
        self._shape = shape
        size = frame.counts.nbytes + (0 if frame.visible is None else frame.visible.nbytes)
        # A new queue: slots of the old size that come back later are let go.
        self._slots = queue.LifoQueue()
        for _ in range(min(max(_WAITING_BYTES // size, 8), 256)):
            self._slots.put(_Slot.like(frame, self._slots))

    def _free_slot(self) -> _Slot | None:
        while True:
            try:
                may_wait = not (self._is_live or self._has_failed)
                return self._slots.get(block=may_wait, timeout=0.1)
            except queue.Empty:
                if not may_wait:
                    return None

    def _skip(self, frame: Frame) -> None:
        if not self._missing and not self._has_failed:
            _LOG.warning("frame %d: the disk is too slow; frames are left out", frame.index)
        self._missing += 1
        self._num_unrecorded += 1

    def _run(self) -> None:
        try:
            self._write_all()
            self._writer.close()
        except OSError as error:
            self._has_failed = True
            self._slots = queue.LifoQueue()  # nothing is taken any more
            with suppress(OSError):
                self._writer.close()
            _LOG.error(
                "%s: recording ended after %d frames: %s; tracking goes on",
                self._writer.folder,
                self._num_recorded,
                error.strerror,
            )

    def _write_all(self) -> None:
        synced, is_dirty = time.monotonic(), False
        while True:
            wait_s = max(synced + _SYNC_S - time.monotonic(), 0.0) if is_dirty else None
            try:
                work = self._work.get(timeout=wait_s)
            except queue.Empty:
                work = None
            else:
                if work is None:
                    return
                self._append(work)
                is_dirty = True
            if is_dirty and time.monotonic() - synced >= _SYNC_S:
                self._writer.sync()
                synced, is_dirty = time.monotonic(), False

    def _append(self, work: _Work) -> None:
        frame = work.frame
        self._writer.begin(frame)
        visible = None if frame.visible is None else frame.visible.data
        line = _line(work, self._writer)
        was_full = self._writer.num_removed > 0
        self._writer.append(line, frame.counts.data, visible)
        if self._writer.num_removed and not was_full:
            _LOG.info("%s: the quota is used up; the oldest frames make room", self.folder)
        self._num_recorded += 1
        work.slot.home.put(work.slot)


def parse_record(text: str) -> tuple[Path, Quota]:
    """Split what --record got: FOLDER?max=BYTES&rotate=SECONDS, units K M G T and s m h.

    Raises:
        SinkError: An option is unknown, or its value is impossible.
    """
    name, mark, query = text.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(set(options) - {"max", "rotate"})
    if unknown or not name or (mark and not options):
        what = unknown[0] if unknown else text
        raise SinkError(f"--record does not know {what!r}; it takes max and rotate.", _REMEDY)
    quota = Quota()
    if "max" in options:
        most_bytes = _number(options["max"], "max", _BYTES, least=_LEAST_BYTES)
        quota = replace(quota, most_bytes=round(most_bytes))
    if "rotate" in options:
        segment_s = _number(options["rotate"], "rotate", _SECONDS, least=1)
        quota = replace(quota, segment_s=segment_s)
    return Path(name), quota


def _number(text: str, name: str, units: Mapping[str, int], *, least: float) -> float:
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z]?)", text)
    value = float(match[1]) * units[match[2]] if match and match[2] in units else math.nan
    if not value >= least:
        known = " ".join(filter(None, units))
        raise SinkError(
            f"{name}={text!r} of --record is not a number from {least} up, with a unit of {known}.",
            _REMEDY,
        )
    return value


class _Slot(NamedTuple):
    """Room for one frame that waits to be written."""

    counts: np.ndarray[Any, Any]
    visible: np.ndarray[Any, Any] | None
    home: queue.LifoQueue[Any]  # where it goes when it is free again

    @classmethod
    def like(cls, frame: Frame, home: queue.LifoQueue[Any]) -> _Slot:
        visible = None if frame.visible is None else np.empty_like(frame.visible)
        return cls(np.empty_like(frame.counts, order="C"), visible, home)

    def filled(self, frame: Frame) -> Frame:
        """Return `frame` with its pictures copied here."""
        np.copyto(self.counts, frame.counts)
        if frame.visible is None or self.visible is None:
            return replace(frame, counts=self.counts, visible=None)
        np.copyto(self.visible, frame.visible)
        return replace(frame, counts=self.counts, visible=self.visible)


class _Work(NamedTuple):
    """One frame to be written."""

    slot: _Slot
    frame: Frame  # in the slot
    track: Track
    missing: int  # frames before it that could not be recorded


def _line(work: _Work, writer: SegmentWriter) -> bytes:
    """Return the line of one frame; `thermedge.runtime.sources.replay` reads it.

    Its CRC-32 is of the line before it and of the pictures: a flipped bit anywhere shows.
    """
    frame, track = work.frame, work.track
    told = {
        "n": writer.count,  # place in the segment's .frames
        "frame": frame.index,
        "timestamp_ns": frame.timestamp_ns,
        "bits": frame.bits,
        "kelvin": None if frame.kelvin is None else [frame.kelvin.scale, frame.kelvin.offset],
        "shutter": frame.shutter,
        "sensor_c": frame.sensor_c,
        "visible": None if frame.visible is None else writer.num_visible,  # place in .visible
        "events": [[e.kind, e.timestamp_ns, e.frame_index, e.detail] for e in frame.events],
        "missing": work.missing,
        "start": None if track.start is None else list(track.start),
        "state": track.state,
        "box": None if track.state == "idle" else list(track.box),
        "score": track.score,
        "confidence": track.confidence,
    }
    text = json.dumps(told, separators=(",", ":"))[:-1].encode("ascii")
    crc = zlib.crc32(frame.counts.data, zlib.crc32(text))
    if frame.visible is not None:
        crc = zlib.crc32(frame.visible.data, crc)
    return text + b',"crc":%d}\n' % crc
