"""Frames and decisions of a recording, exactly as the loop had them."""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from thermedge.errors import SourceError
from thermedge.events import Event, EventKind
from thermedge.frame import Frame, Kelvin, Shutter
from thermedge.geometry import Box
from thermedge.records import RecordError, from_mapping
from thermedge.runtime.control import Asked, Start, Stop
from thermedge.runtime.recording_files import (
    FORMAT,
    MARK,
    RunHeader,
    SegmentHeader,
    runs_of,
    stems_of,
)

_LOG = logging.getLogger(__name__)

_MOST_PX = 8192
_MEASURED = ("tracking", "uncertain", "reacquired")  # states whose box lies on the target


@dataclass(frozen=True, slots=True)
class Record:
    """What a recording says about one frame, besides its pictures."""

    place: int  # in the segment's .frames
    visible: int | None  # place in the segment's .visible
    crc: int  # of the line and the pictures
    line_crc: int  # of the line alone, up to its CRC
    missing: int  # frames before it that are not in the recording
    start: Box | None
    state: str
    box: Box | None
    score: float
    confidence: float | None  # None also where an older version recorded


class ReplaySource:
    """Delivers the frames of one recorded run, and the orders that the loop had then.

    Frames that a power cut or a damaged disk left unreadable are skipped, counted and
    told. When the frame that the track was started on is gone, the track starts from the
    box recorded with the first frame that shows the target; boxes then differ a little.

    Args:
        folder: A run, or a folder with a single run in it.
        start_frame: The first frame delivered, counted from 0.

    Raises:
        SourceError: There is no run, or more than one, or nothing can be read.
    """

    live = False
    start_box: Box | None = None  # the orders say where a track starts

    def __init__(self, folder: Path, *, start_frame: int = 0) -> None:
        self._run = _only_run(folder)
        self.header = _run_header(self._run)
        self.rate_hz = self.header.rate_hz
        self._segments = [(stem, _segment_header(stem)) for stem in stems_of(self._run)]
        first = next((header for _, header in self._segments if header is not None), None)
        if first is None:
            raise SourceError(
                f"{self._run} holds no frame that can be read.",
                "Record again; a run that was cut off within its first second is empty.",
            )
        self.width_px, self.height_px = first.width_px, first.height_px
        total = sum(_num_frames(stem, header) for stem, header in self._segments)
        if start_frame >= max(total, 1):
            raise SourceError(
                f"{self._run} can't start at frame {start_frame}: it holds {total} frames.",
                f"Start at a frame from 0 to {max(total - 1, 0)}.",
            )
        self.num_frames: int | None = total - start_frame
        self.faults: dict[str, int] = {}
        self.record: Record | None = None  # of the frame delivered last
        self._skip = start_frame
        self._was_idle, self._has_started = True, False
        self._is_closed = False

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames whose counts are valid until the next one is asked for."""
        for stem, header in self._segments:
            if header is None:
                self._count("segments unreadable", 1)
                continue
            try:
                for frame in self._frames(stem, header):
                    if self._is_closed:
                        return
                    yield frame
            except OSError as error:  # it made room for newer ones meanwhile; or a damaged disk
                self._count("segments unreadable", 1)
                _LOG.warning("%s can't be read to its end: %s", stem, error.strerror)

    def take(self, frame: Frame) -> list[Asked]:
        """Return the orders that were carried out on `frame`, the one delivered last."""
        record = self.record
        if record is None:
            return []
        was_idle, self._was_idle = self._was_idle, record.state == "idle"
        box = record.start
        if box is None and record.box and record.state in _MEASURED and not self._has_started:
            _LOG.warning(
                "%s: the frame that the track was started on is not there; it starts from the "
                "box of frame %d, and its boxes will differ from those recorded",
                self._run,
                frame.index,
            )
            box = record.box
        if box is not None:
            self._has_started = True
            return [Asked(Start(box))]
        return [Asked(Stop())] if record.state == "idle" and not was_idle else []

    def close(self) -> None:
        """End iterations. Calling it twice is allowed."""
        self._is_closed = True

    def __enter__(self) -> ReplaySource:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _frames(self, stem: Path, header: SegmentHeader) -> Iterator[Frame]:
        counts = np.empty((header.height_px, header.width_px), np.dtype(header.dtype))
        visible = np.empty(header.visible_px[::-1], np.uint8) if header.visible_px else None
        num_damaged = 0
        with _Pictures(stem, counts, visible) as pictures:
            for line in _lines(stem):
                if self._skip:
                    self._skip -= 1
                    continue
                read = _parsed(line, counts, visible)
                if read is None or not pictures.load(read[1]):
                    num_damaged += 1
                    continue
                frame, self.record = read
                if self.record.missing:
                    self._count("frames not recorded", self.record.missing)
                yield frame
        if num_damaged:
            self._count("frames unreadable", num_damaged)
            _LOG.warning(
                "%s: %d frames can't be read: a power cut, or a damaged disk", stem, num_damaged
            )

    def _count(self, name: str, count: int) -> None:
        self.faults[name] = self.faults.get(name, 0) + count


class _Pictures:
    """The .frames and .visible of one segment, read into two arrays."""

    def __init__(self, stem: Path, counts: NDArray[Any], visible: NDArray[np.uint8] | None) -> None:
        self._counts, self._visible = counts, visible
        self._frames = stem.with_suffix(".frames").open("rb", buffering=0)
        self._second = None
        if visible is not None:
            try:
                self._second = stem.with_suffix(".visible").open("rb", buffering=0)
            except OSError:
                self._frames.close()
                raise

    def load(self, record: Record) -> bool:
        """Return whether the pictures of `record` are whole."""
        is_whole = _filled(self._frames, record.place, self._counts)
        crc = zlib.crc32(self._counts.data, record.line_crc)
        if record.visible is not None and self._second is not None and self._visible is not None:
            is_whole &= _filled(self._second, record.visible, self._visible)
            crc = zlib.crc32(self._visible.data, crc)
        return is_whole and crc == record.crc

    def __enter__(self) -> _Pictures:
        return self

    def __exit__(self, *error: object) -> None:
        self._frames.close()
        if self._second is not None:
            self._second.close()


def _filled(file: Any, place: int, into: NDArray[Any]) -> bool:
    room = into.data.cast("B")
    try:
        file.seek(place * into.nbytes)
        while room and (count := file.readinto(room)):
            room = room[count:]
    except OSError:  # a damaged disk refuses some blocks and gives the next ones
        return False
    return not room


def _lines(stem: Path) -> Iterator[bytes]:
    with stem.with_suffix(".jsonl").open("rb") as file:
        next(file, None)  # the header
        yield from file


def _parsed(
    line: bytes, counts: NDArray[Any], visible: NDArray[np.uint8] | None
) -> tuple[Frame, Record] | None:
    """Return the frame and the rest of what `line` says; None when it is damaged."""
    try:
        told = json.loads(line)
        seen = None if told["visible"] is None else _whole(told["visible"])
        if seen is not None and visible is None:
            return None
        frame = Frame(
            counts,
            int(told["frame"]),
            int(told["timestamp_ns"]),
            bits=int(told["bits"]),
            kelvin=None if told["kelvin"] is None else Kelvin(*map(float, told["kelvin"])),
            shutter=_one_of(told["shutter"], get_args(Shutter)),
            sensor_c=None if told["sensor_c"] is None else float(told["sensor_c"]),
            visible=visible if seen is not None else None,
            events=tuple(_event(*event) for event in told["events"]),
        )
        record = Record(
            place=_whole(told["n"]),
            visible=seen,
            crc=int(told["crc"]),
            line_crc=zlib.crc32(line.rpartition(b',"crc":')[0]),
            missing=_whole(told["missing"]),
            start=_box(told["start"]),
            state=str(told["state"]),
            box=_box(told["box"]),
            score=float(told["score"]),
            confidence=None if told.get("confidence") is None else float(told["confidence"]),
        )
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    return frame, record


def _whole(value: Any) -> int:
    number = int(value)
    if not 0 <= number < 1 << 31:
        raise ValueError(value)
    return number


def _one_of(value: Any, known: tuple[Any, ...]) -> Any:
    if value not in known:
        raise ValueError(value)
    return value


def _event(kind: str, timestamp_ns: int, frame_index: int, detail: str) -> Event:
    return Event(
        _one_of(kind, get_args(EventKind)), int(timestamp_ns), int(frame_index), str(detail)
    )


def _box(values: Any) -> Box | None:
    return None if values is None else Box(*(float(value) for value in values))


def _only_run(folder: Path) -> Path:
    if (folder / MARK).is_file():
        return folder
    runs = runs_of(folder)
    if len(runs) == 1:
        return runs[0]
    if not runs:
        raise SourceError(f"{folder} holds no recording.", "Name what --record was given.")
    raise SourceError(
        f"{folder} holds {len(runs)} runs, from {runs[0].name} to {runs[-1].name}.",
        f"Name one of them, for example {runs[-1]}",
    )


def _run_header(run: Path) -> RunHeader:
    path = run / MARK
    try:
        header = from_mapping(RunHeader, json.loads(path.read_bytes()))
    except (OSError, ValueError, RecursionError) as error:
        raise SourceError(
            f"{path} can't be read: {error}.", "Copy it from another run of the same camera."
        ) from error
    if header.format != FORMAT or not 0 < header.rate_hz < 1e6:
        raise SourceError(
            f"{path} has format {header.format} and {header.rate_hz:g} Hz; this version reads "
            f"format {FORMAT}.",
            "Replay it with the version that made_by names.",
        )
    return header


def _segment_header(stem: Path) -> SegmentHeader | None:
    """Return the header of a segment; None when it is lost, and the segment with it."""
    try:
        with stem.with_suffix(".jsonl").open("rb") as file:
            header = from_mapping(SegmentHeader, json.loads(file.readline(1000)))
    except (OSError, ValueError, RecordError, RecursionError):
        return None
    sides = (header.width_px, header.height_px, *header.visible_px)
    is_possible = all(0 < side <= _MOST_PX for side in sides) and len(sides) in (2, 4)
    has_files = stem.with_suffix(".frames").exists() and (
        not header.visible_px or stem.with_suffix(".visible").exists()
    )
    return header if is_possible and has_files and header.dtype in ("|u1", "<u2") else None


def _num_frames(stem: Path, header: SegmentHeader | None) -> int:
    if header is None:
        return 0
    stride = header.width_px * header.height_px * np.dtype(header.dtype).itemsize
    return stem.with_suffix(".frames").stat().st_size // stride
