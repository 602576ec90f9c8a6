"""The files of a recording: raw counts, what came with them, and a bound on the disk they take.

    FOLDER/                 what --record names; all runs together keep to its quota
      run-0001/             one run of the loop
        recording.json      `RunHeader`
        000000.frames       counts as the sensor delivered them, one frame behind the other
        000000.visible      grey of the second camera, for the frames that have it
        000000.jsonl        `SegmentHeader`, then an object per frame with its CRC-32

A segment that ends in the middle of a frame, as after a power cut, is read up to there.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from thermedge.files import replacing, sync
from thermedge.frame import Frame
from thermedge.records import to_mapping

FORMAT = 1
MARK = "recording.json"  # a folder that holds it is a run
SUFFIXES = (".jsonl", ".frames", ".visible")

_RUN = re.compile(r"run-([0-9]{4,})")
_SHARE = 8  # a segment is at most this part of the quota, so that the rest stays


@dataclass(frozen=True, slots=True)
class RunHeader:
    """What holds for a whole run."""

    format: int
    made_by: str
    source: str  # as it was named on the command line
    rate_hz: float  # nominal
    began: str  # ISO 8601, UTC, by the machine's clock


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """What holds for all frames of one segment."""

    width_px: int
    height_px: int
    dtype: str  # of the counts as numpy writes it: |u1 or <u2
    visible_px: tuple[int, ...] = ()  # (width, height) of the second camera's picture

    @classmethod
    def of(cls, frame: Frame) -> SegmentHeader:
        """Return the header of a segment that begins with `frame`."""
        visible = () if frame.visible is None else frame.visible.shape[::-1]
        return cls(frame.width_px, frame.height_px, frame.counts.dtype.str, visible)

    def fits(self, other: SegmentHeader) -> bool:
        """Return whether a frame of `other` can follow; one without a visible picture can."""
        same = (self.width_px, self.height_px, self.dtype)
        return same == (other.width_px, other.height_px, other.dtype) and other.visible_px in (
            (),
            self.visible_px,
        )


class SegmentWriter:
    """Appends frames to numbered segments of one run, the oldest ones making room.

    A run that another tracker is writing is left alone, and has an equal share of the room.

    Args:
        root: Holds the runs; their total size is bounded.
        header: Of the run that is begun.
        most_bytes: Bound of all runs together.
        segment_s: Length of a segment; a quota that is small makes them shorter.

    Raises:
        OSError: Nothing can be written in `root`.
    """

    def __init__(self, root: Path, header: RunHeader, *, most_bytes: int, segment_s: float) -> None:
        self._root, self._most_bytes, self._segment_s = root, most_bytes, segment_s
        self._kept: list[tuple[Path, int]] = []
        self._room = most_bytes  # of this run and those that nobody writes
        self.num_removed = 0
        self.folder = _new_run(root)
        with replacing(self.folder / MARK) as temporary:
            temporary.write_text(json.dumps(to_mapping(header)) + "\n", encoding="ascii")
        self._claim: int | None = _claimed(self.folder)
        self._number = -1
        self._header: SegmentHeader | None = None
        self._files: dict[str, int] = {}  # suffix -> descriptor
        self._sizes: dict[str, int] = {}
        self._began = 0.0
        self.count = self.num_visible = 0  # frames of this segment, and visible pictures

    def begin(self, frame: Frame) -> None:
        """Make sure that a segment is open which `frame` fits into."""
        header = SegmentHeader.of(frame)
        is_long = time.monotonic() - self._began > self._segment_s
        is_large = sum(self._sizes.values()) > self._room / _SHARE
        if self._header is not None and self._header.fits(header) and not (is_long or is_large):
            return
        self._end_segment()
        self._look_around()
        self._number += 1
        self._header, self._began, self.count = header, time.monotonic(), 0
        self.num_visible = 0
        stem = self.folder / f"{self._number:06d}"
        for suffix in SUFFIXES if header.visible_px else SUFFIXES[:2]:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
            self._files[suffix] = os.open(stem.with_suffix(suffix), flags, 0o666)
            self._sizes[suffix] = 0
        sync(self.folder)
        self._write(".jsonl", json.dumps(to_mapping(header)).encode() + b"\n")

    def append(self, line: bytes, counts: memoryview, visible: memoryview | None) -> None:
        """Write one frame; what does not go in whole is cut off again.

        Raises:
            OSError: The disk is full or broken.
        """
        size = len(line) + counts.nbytes + (0 if visible is None else visible.nbytes)
        self._make_room(size)
        before = dict(self._sizes)
        try:
            self._write(".frames", counts)
            if visible is not None:
                self._write(".visible", visible)
            self._write(".jsonl", line)
        except OSError:
            self._sizes = before
            for suffix, descriptor in self._files.items():
                with suppress(OSError):
                    os.ftruncate(descriptor, before[suffix])
            raise
        self.count += 1
        self.num_visible += visible is not None

    def sync(self) -> None:
        """Force all that was written to the disk, pictures before the lines that tell of them."""
        for descriptor in reversed(self._files.values()):
            os.fdatasync(descriptor)

    def close(self) -> None:
        """Complete the open segment, and the run. Calling it twice is allowed."""
        try:
            self._end_segment()
        finally:
            claim, self._claim = self._claim, None
            if claim is not None:
                os.close(claim)

    def _end_segment(self) -> None:
        if not self._files:
            return
        try:
            self.sync()
        finally:
            for descriptor in self._files.values():
                os.close(descriptor)
            self._files, self._sizes, self._header = {}, {}, None

    def _write(self, suffix: str, data: bytes | memoryview) -> None:
        rest = memoryview(data).cast("B")
        while rest:
            written = os.write(self._files[suffix], rest)
            self._sizes[suffix] += written
            rest = rest[written:]

    def _make_room(self, size: int) -> None:
        used = sum(self._sizes.values()) + sum(kept for _, kept in self._kept)
        while self._kept and used + size > self._room:
            segment, kept = self._kept.pop(0)
            _remove(segment, keep_run=segment.parent == self.folder)
            self.num_removed += 1
            used -= kept

    def _look_around(self) -> None:
        """Note which segments may make room; other trackers record here too, and people tidy up."""
        segments = segments_of(self._root)
        runs = {segment.parent for segment in segments} - {self.folder}
        busy = {run for run in runs if _is_claimed(run)}
        self._kept = [(stem, _size(stem)) for stem in segments if stem.parent not in busy]
        self._room = self._most_bytes // (1 + len(busy))


def runs_of(root: Path) -> list[Path]:
    """Return the folders of the runs in `root`, oldest first."""
    found = [path.parent for path in root.glob(f"*/{MARK}") if _RUN.fullmatch(path.parent.name)]
    return sorted(found, key=_run_number)


def segments_of(root: Path) -> list[Path]:
    """Return the segments of all runs in `root`, oldest first, as paths without suffix."""
    return [stem for run in runs_of(root) for stem in stems_of(run)]


def stems_of(run: Path) -> list[Path]:
    """Return the segments of one run, oldest first, as paths without suffix."""
    try:
        names = list(run.iterdir())
    except FileNotFoundError:  # another tracker made room
        return []
    files = (path for path in names if path.suffix in SUFFIXES and path.stem.isdecimal())
    return sorted({path.with_suffix("") for path in files}, key=lambda stem: int(stem.name))


def _run_number(folder: Path) -> int:
    match = _RUN.fullmatch(folder.name)
    return int(match[1]) if match else 0


def _new_run(root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    number = max((_run_number(path) for path in root.iterdir()), default=0) + 1
    while True:
        folder = root / f"run-{number:04d}"
        try:
            folder.mkdir()
        except FileExistsError:  # another tracker began at this moment
            number += 1
        else:
            sync(root)
            return folder


def _claimed(run: Path) -> int:
    """Return a descriptor that keeps other trackers from removing the run while it is open."""
    descriptor = os.open(run / MARK, os.O_RDONLY)
    with suppress(OSError):  # a network's disk without locks
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def _is_claimed(run: Path) -> bool:
    try:
        with (run / MARK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # it is gone, or the disk knows no locks
        return False
    return False


def _size(segment: Path) -> int:
    total = 0
    for suffix in SUFFIXES:
        with suppress(FileNotFoundError):  # another tracker makes room too
            total += segment.with_suffix(suffix).stat().st_size
    return total


def _remove(segment: Path, *, keep_run: bool) -> None:
    for suffix in SUFFIXES:  # the lines first: pictures without them are not read
        segment.with_suffix(suffix).unlink(missing_ok=True)
    if not keep_run and not stems_of(segment.parent):
        (segment.parent / MARK).unlink(missing_ok=True)
        with suppress(OSError):  # somebody put a file of his own there
            segment.parent.rmdir()
