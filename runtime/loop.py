"""Frames in, tracks out: the newest frame first, every lost one counted, every stage timed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Protocol, runtime_checkable

from thermedge.errors import TargetError
from thermedge.events import Event
from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.runtime.control import Asked, Orders, Snapshot, Start
from thermedge.runtime.mailbox import newest
from thermedge.runtime.radiometry import target_celsius
from thermedge.runtime.sinks.base import Fallible, Sink
from thermedge.runtime.sources.base import FrameSource
from thermedge.runtime.start import Chooser
from thermedge.runtime.summary import Summary
from thermedge.runtime.track import NO_BOX, Track
from thermedge.runtime.tracker import Tracker

_LOG = logging.getLogger(__name__)

_ALARMING = {"stall", "unplugged", "range_changed", "lost", "gave_up", "visible_lost"}
_MEASURED = {"tracking", "uncertain", "reacquired"}  # states whose box lies on the target
_PATIENCE_NS = 2_000_000_000  # for a shutter to open before a start is refused; most take 0.6 s
_AGAIN = "Choose the target again."


def follow(
    source: FrameSource,
    tracker: Tracker,
    target: Box | Chooser | None,
    *,
    sinks: Callable[[Frame], Iterable[Sink]] = lambda frame: (),
    orders: Sequence[Orders] = (),
    max_frames: int | None = None,
    watch: Callable[[Track, Summary], None] = lambda track, summary: None,
    summary: Summary | None = None,
) -> Summary:
    """Follow a target from the source's first frame to its end.

    Frames without a target give tracks too, of state "idle".

    Args:
        source: Where frames come from; a live one is read ahead, older frames dropped.
        tracker: Started anew here.
        target: The box in the first frame, px; or what chooses one from the first frames;
            or None, to idle until an order comes.
        sinks: Called once with the first frame, after it was looked at: an impossible box
            leaves no file behind. Its results take every track.
        orders: Asked before every frame, in this order.
        max_frames: Stop after so many.
        watch: Called after every frame, for a progress line.
        summary: Filled in place, so that an interrupted run can still be told about.

    Raises:
        ThermedgeError: Of the source, the tracker, the chooser or a sink.
    """
    result = summary if summary is not None else Summary()
    if isinstance(source, Fallible):
        result.fallible.append(source)
    pilot = _Pilot(tracker, target, orders, is_live=source.live)
    outputs: list[Sink] = []
    started = asked = time.perf_counter()
    with closing(pilot), _read(source) as frames:
        for frame in frames:
            waited_ms = (time.perf_counter() - asked) * 1e3
            track = pilot.step(frame, waited_ms)
            if not result.frames:
                outputs = list(sinks(frame))
                result.fallible += [sink for sink in outputs if isinstance(sink, Fallible)]
                started = time.perf_counter()
            before_sinks = time.perf_counter()
            for sink in outputs:
                sink.write(frame, track)
            asked = time.perf_counter()
            result.add(track, sinks_ms=(asked - before_sinks) * 1e3, seconds=asked - started)
            _tell(track.events)
            watch(track, result)
            if result.frames == max_frames:
                break
        pilot.end()
    return result


@contextmanager
def _read(source: FrameSource) -> Iterator[Iterator[Frame]]:
    """Hand out the frames; the thread that reads a live source has ended afterwards."""
    if source.live:
        with closing(newest(source)) as frames:
            yield frames
    else:
        yield iter(source)


@runtime_checkable
class _Closing(Protocol):
    """A chooser that holds something open while it looks, as a window is."""

    def close(self) -> None:
        """Let go of it. Calling it twice is allowed."""
        ...


class _Pilot:
    """Decides per frame: start, follow, or idle."""

    def __init__(
        self,
        tracker: Tracker,
        target: Box | Chooser | None,
        orders: Sequence[Orders],
        *,
        is_live: bool,
    ) -> None:
        self._tracker = tracker
        self._target = target
        self._orders = orders
        self._is_live = is_live
        self._is_following = False
        self._has_followed = False
        self._last_index: int | None = None
        self._waiting: list[tuple[Asked, int]] = []  # starts for an open shutter, ns they came

    def step(self, frame: Frame, waited_ms: float) -> Track:
        """Return what is to be said about `frame`."""
        track = self._obey(frame) or self._choose(frame)
        if track is None:
            track = self._tracker.update(frame) if self._is_following else _idle(frame)
        return self._completed(frame, track, waited_ms)

    def end(self) -> None:
        """Complain when no target was chosen before the frames ended.

        Raises:
            TargetError: Of the chooser.
        """
        if self._target is not None and not isinstance(self._target, Box):
            raise self._target.failed()

    def close(self) -> None:
        """Choose no target any more. Calling it twice is allowed."""
        target, self._target = self._target, None
        if isinstance(target, _Closing):
            target.close()

    def _obey(self, frame: Frame) -> Track | None:
        """Carry out the orders; return the track of the last one that started one."""
        begun = self._resume(frame)
        for asked in [asked for some in self._orders for asked in some.take(frame)]:
            if isinstance(asked.order, Start):
                if self._is_live and frame.shutter == "closed":
                    self._waiting.append((asked, frame.timestamp_ns))
                else:
                    begun = self._try(frame, asked, asked.order.box) or begun
            elif not asked.begin():
                continue
            elif isinstance(asked.order, Snapshot):
                asked.done(frame.copy())
            else:
                self._is_following, begun = False, None
                self.close()
                for waiting, _ in self._waiting:
                    if waiting.begin():
                        error = TargetError("The track was stopped before it began.", _AGAIN)
                        waiting.refused(error)
                self._waiting.clear()
                asked.done(None)
        return begun

    def _resume(self, frame: Frame) -> Track | None:
        """Begin what waited for the shutter to open; what waited too long is refused."""
        if not self._waiting:
            return None
        begun, still = None, []
        for asked, since_ns in self._waiting:
            assert isinstance(asked.order, Start)
            is_patient = frame.timestamp_ns - since_ns < _PATIENCE_NS
            if frame.shutter == "closed" and is_patient:
                still.append((asked, since_ns))
            else:
                begun = self._try(frame, asked, asked.order.box) or begun
        self._waiting = still
        return begun

    def _try(self, frame: Frame, asked: Asked, box: Box) -> Track | None:
        if not asked.begin():  # it was taken back while it waited
            return None
        try:
            begun = self._begin(frame, box)
        except TargetError as error:
            asked.refused(error)
            return None
        asked.done(begun)
        return begun

    def _choose(self, frame: Frame) -> Track | None:
        # A camera may start behind its shutter; a box for a recording names its first frame.
        if self._target is None or (self._is_live and frame.shutter == "closed"):
            return None
        if isinstance(self._target, Box):
            return self._begin(frame, self._target)
        try:
            box = self._target.choose(frame)
        except TargetError as error:
            if not self._orders:
                raise
            _LOG.warning("%s An order can still start a track.", error.problem)
            self.close()
            return None
        return None if box is None else self._begin(frame, box)

    def _begin(self, frame: Frame, box: Box) -> Track:
        track = replace(self._tracker.init(frame, box), start=box)
        if self._has_followed and not any(event.kind == "restarted" for event in track.events):
            x, y, w, h = box
            detail = f"A new target was chosen: {x:.1f},{y:.1f},{w:.1f},{h:.1f} px."
            event = Event("restarted", frame.timestamp_ns, frame.index, detail)
            track = replace(track, events=(*track.events, event))
        self._is_following = self._has_followed = True
        self.close()
        return track

    def _completed(self, frame: Frame, track: Track, waited_ms: float) -> Track:
        """Add what the loop alone knows."""
        last, self._last_index = self._last_index, frame.index
        age_ms = None
        if self._is_live:
            # Some drivers stamp a frame a little ahead of its delivery.
            age_ms = max(time.monotonic_ns() - frame.timestamp_ns, 0) / 1e6
        events = track.events
        if frame.events:
            events = (*frame.events, *(one for one in events if one not in frame.events))
        return replace(
            track,
            stage_ms={"wait": waited_ms, **track.stage_ms},
            dropped=0 if last is None else max(frame.index - last - 1, 0),
            events=events,
            age_ms=age_ms,
            target_c=target_celsius(frame, track.box) if track.state in _MEASURED else None,
        )


def _idle(frame: Frame) -> Track:
    return Track(NO_BOX, 0.0, "idle", frame.index, frame.timestamp_ns, 0, {})


def _tell(events: Iterable[Event]) -> None:
    for event in events:
        level = logging.WARNING if event.kind in _ALARMING else logging.INFO
        _LOG.log(level, "frame %d: %s: %s", event.frame_index, event.kind, event.detail)
