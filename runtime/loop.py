"""Frames in, tracks out: the newest frame first, every lost one counted, every stage timed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from thermedge.frame import Counts, Frame
from thermedge.geometry import Box
from thermedge.runtime.sinks.base import Sink
from thermedge.runtime.sources.base import FrameSource
from thermedge.runtime.track import STAGES, Track
from thermedge.runtime.tracker import Tracker

_KEPT = 8192  # frames that percentiles look back on; a run on a pole never ends


class Latency:
    """Times of the last frames, in a ring of fixed size."""

    ROWS = (*STAGES, "sinks", "tracker")  # tracker: all of Tracker.update

    def __init__(self) -> None:
        self._ring = np.full((_KEPT, len(self.ROWS)), np.nan, np.float32)
        self._count = 0

    def add(self, track: Track, sinks_ms: float) -> None:
        """Note one frame."""
        row = self._ring[self._count % _KEPT]
        total = 0.0
        for column, stage in enumerate(STAGES):
            spent = track.stage_ms.get(stage, 0.0)
            row[column] = spent
            total += spent if stage != "wait" else 0.0
        row[-2], row[-1] = sinks_ms, total
        self._count += 1

    def percentiles(self, *percents: float) -> dict[str, tuple[float, ...]]:
        """Return ms per row and percentile over the frames kept; empty before the first."""
        seen = self._ring[: min(self._count, _KEPT)]
        if not len(seen):
            return {}
        values = np.percentile(seen, percents, axis=0)
        return {row: tuple(values[:, i].tolist()) for i, row in enumerate(self.ROWS)}


@dataclass(slots=True)
class Summary:
    """What one run came to."""

    frames: int = 0  # tracked
    dropped: int = 0  # lost before the tracker saw them
    seconds: float = 0.0  # from the second frame on: the first one also starts the track
    states: dict[str, int] = field(default_factory=dict)
    latency: Latency = field(default_factory=Latency)

    @property
    def fps(self) -> float:
        """Frames per second, all stages and sinks included."""
        return (self.frames - 1) / self.seconds if self.frames > 1 and self.seconds > 0 else 0.0


def follow(
    source: FrameSource,
    tracker: Tracker,
    box: Box,
    *,
    sinks: Callable[[Frame], Iterable[Sink]] = lambda frame: (),
    max_frames: int | None = None,
    watch: Callable[[Track, Summary], None] = lambda track, summary: None,
    summary: Summary | None = None,
) -> Summary:
    """Track `box` from the source's first frame to its end.

    Args:
        source: Where frames come from; a live one is read ahead, older frames dropped.
        tracker: Started anew here.
        box: The target in the first frame, px.
        sinks: Called once with the first frame, after the track has started: an
            impossible box leaves no file behind. Its results take every track.
        max_frames: Stop after so many.
        watch: Called after every frame, for a progress line.
        summary: Filled in place, so that an interrupted run can still be told about.

    Raises:
        ThermedgeError: Of the source, the tracker or a sink.
    """
    result = summary if summary is not None else Summary()
    outputs: list[Sink] = []
    started = asked = time.perf_counter()
    for frame in newest(source) if source.live else source:
        waited_ms = (time.perf_counter() - asked) * 1e3
        if result.frames:
            track = tracker.update(frame)
        else:
            track = tracker.init(frame, box)
            outputs = list(sinks(frame))
            started = time.perf_counter()
        track = replace(track, stage_ms={"wait": waited_ms, **track.stage_ms})
        before_sinks = time.perf_counter()
        for sink in outputs:
            sink.write(frame, track)
        asked = time.perf_counter()
        if result.frames:
            result.latency.add(track, (asked - before_sinks) * 1e3)
        result.frames += 1
        result.dropped += track.dropped
        result.states[track.state] = result.states.get(track.state, 0) + 1
        result.seconds = asked - started
        watch(track, result)
        if result.frames == max_frames:
            break
    return result


def newest(source: FrameSource) -> Iterator[Frame]:
    """Yield the newest frame whenever one is asked for; older ones are gone.

    A thread reads the source into three buffers: one being filled, one waiting, one in
    the tracker's hands. The frames lost show as gaps in `Frame.index`.

    Raises:
        ThermedgeError: What broke the source, when its last good frame was taken.
    """
    box = _Mailbox()
    thread = threading.Thread(target=box.fill, args=(source,), name="frames", daemon=True)
    thread.start()
    try:
        while (frame := box.take()) is not None:
            yield frame
    finally:
        box.stop()
        thread.join()


class _Mailbox:
    """Holds the newest frame between the reading thread and the tracker."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._buffers: list[Counts] = []
        self._waiting: Frame | None = None
        self._taken: Frame | None = None
        self._error: BaseException | None = None
        self._ended = self._stopped = False

    def fill(self, source: FrameSource) -> None:
        """Read the source until it ends, breaks, or nobody wants frames any more."""
        try:
            for frame in source:
                if self._stopped:
                    break
                self._put(frame)
        except BaseException as error:  # noqa: BLE001 - raised again where frames are taken
            self._error = error
        with self._condition:
            self._ended = True
            self._condition.notify()

    def _put(self, frame: Frame) -> None:
        with self._condition:
            busy = [held.counts for held in (self._waiting, self._taken) if held is not None]
            if not self._buffers or self._buffers[0].shape != frame.counts.shape:
                self._buffers = [np.empty_like(frame.counts) for _ in range(3)]
            free = next(b for b in self._buffers if not any(b is other for other in busy))
        np.copyto(free, frame.counts)
        with self._condition:
            self._waiting = replace(frame, counts=free)
            self._condition.notify()

    def take(self) -> Frame | None:
        """Wait for a frame newer than the last one; None at the end."""
        with self._condition:
            self._taken = None
            self._condition.wait_for(lambda: self._waiting is not None or self._ended)
            if self._waiting is None:
                if self._error is not None:
                    raise self._error
                return None
            self._taken, self._waiting = self._waiting, None
            return self._taken

    def stop(self) -> None:
        """Tell the reading thread to go."""
        self._stopped = True
