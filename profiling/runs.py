"""Run trackers to be timed: one in its loop, or several in turns on the same frames."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from thermedge.errors import SourceError
from thermedge.evaluation.run import Tracker as AnyTracker
from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.profiling.latency import (
    COLUMNS,
    Figures,
    FrameTimes,
    RecordedSummary,
    are_updates,
    figures,
)
from thermedge.runtime import loop
from thermedge.runtime.sinks.base import Sink
from thermedge.runtime.sources.base import FrameSource
from thermedge.runtime.start import Chooser
from thermedge.runtime.summary import Summary
from thermedge.runtime.track import NO_BOX, Track
from thermedge.runtime.tracker import Tracker

Target = Box | Chooser
OpenSource = Callable[[], FrameSource]
ChooseTarget = Callable[[FrameSource], Target]
LEAST_FRAMES = 30  # steady ones: fewer say nothing about a tracker's pace
TURN = 100  # frames that one tracker follows before the next one does: see in_turns
_TURN_BYTES = 1 << 26  # fewer of large frames: all frames of a turn are kept


@dataclass(slots=True)
class Run:
    """One tracker that ran."""

    name: str
    times: FrameTimes
    loading_ms: float | None = None
    states: dict[str, int] = field(default_factory=dict)
    passes: int = 1  # over its sources
    was_stopped: bool = False  # by Ctrl-C: the frames until then count
    in_loop: bool = True  # reading included; else in turns with others on the same frames

    def add(self, track: Track) -> None:
        """Note one frame whose result is there now."""
        self.times.add(track)
        self.states[track.state] = self.states.get(track.state, 0) + 1

    def figures(self, warm_up: int) -> Figures:
        """Return what its frames come to.

        Raises:
            SourceError: The source ended too early.
        """
        found = figures(self.times.rows(), warm_up=self.kept_of(warm_up))
        if found.frames < LEAST_FRAMES:
            raise SourceError(
                f"{self.name} tracked {found.frames} frames after a warm-up of {warm_up}; "
                f"figures need {LEAST_FRAMES}.",
                "Give a longer source, a smaller --warm-up, --minutes, or more --rounds.",
            )
        return found

    def kept_of(self, warm_up: int) -> int:
        """Return how many updates of a warm-up are still kept: it is forgotten first."""
        return max(warm_up - self.times.forgotten, 0)

    def update_ms(self, warm_up: int) -> list[float]:
        """Return the time of every update after the warm-up, in their order."""
        rows = self.times.rows()
        updates = rows[are_updates(rows)]
        found: list[float] = updates[self.kept_of(warm_up) :, COLUMNS.index("tracker")].tolist()
        return found


def in_loop(
    name: str,
    tracker: Tracker,
    open_source: OpenSource,
    choose: ChooseTarget,
    *,
    minutes: float = 0.0,
    max_frames: int | None = None,
    sinks: Callable[[Frame], Sequence[Sink]] = lambda frame: (),
    watch: Callable[[Track, Summary], None] = lambda track, summary: None,
) -> Run:
    """Follow a target in the loop that track-camera runs.

    Args:
        name: What the tracker is called.
        tracker: Started anew in each pass.
        open_source: A source that ends is opened again until the minutes are over.
        choose: Returns what to follow in a source.
        minutes: How long to go on; 0 is one pass.
        max_frames: Stop after so many frames.
        sinks: As for `loop.follow`.
        watch: Likewise.

    Raises:
        ThermedgeError: Of the source, the tracker or a sink.
    """
    summary, passes, was_stopped = RecordedSummary(), 0, False
    until = time.monotonic() + 60 * minutes

    def watched(track: Track, seen: Summary) -> None:
        watch(track, seen)
        if minutes and time.monotonic() >= until:
            raise _Over

    is_over = False
    while not is_over:
        passes += 1
        before = summary.frames
        left = None if max_frames is None else max_frames - summary.frames
        part = _Pass(summary)
        with open_source() as source:
            try:
                loop.follow(
                    source,
                    tracker,
                    choose(source),
                    sinks=sinks,
                    max_frames=left,
                    watch=watched,
                    summary=part,
                )
            except _Over:
                is_over = True
            except KeyboardInterrupt:
                is_over = was_stopped = True
        if summary.frames == before and not was_stopped:
            raise SourceError("The source has no frame.", "Give one that has frames.")
        is_enough = max_frames is not None and summary.frames >= max_frames
        is_over = is_over or is_enough or not minutes
    return Run(name, summary.times, states=summary.states, passes=passes, was_stopped=was_stopped)


class _Over(Exception):  # noqa: N818  no error: the time is up
    """Ends a run from within."""


class _Pass(Summary):
    """Counts one pass for the loop, and hands every frame to the whole run's summary."""

    def __init__(self, whole: RecordedSummary) -> None:
        super().__init__()
        self._whole = whole

    def add(self, track: Track, *, sinks_ms: float, seconds: float) -> None:
        """Note one frame."""
        self.frames += 1  # the loop stops by it
        self._whole.add(track, sinks_ms=sinks_ms, seconds=seconds)


def in_turns(
    trackers: Mapping[str, AnyTracker],
    open_source: OpenSource,
    choose: ChooseTarget,
    *,
    rounds: int = 1,
    max_frames: int | None = None,
    turn: int = TURN,
    runs: Sequence[Run] = (),
) -> list[Run]:
    """Let every tracker follow the same frames before the next ones come, in changing order.

    What slows the machine down then slows all of them down, and their ratios stay. With turns
    of one frame, each would find the caches full of what the others left there: that is not
    how a tracker runs, and costs quick ones most.

    Args:
        trackers: By name; started anew in each round.
        open_source: Opened once per round; must wait for its reader.
        choose: Returns what to follow in a source: all start on the same frame.
        rounds: How often to go over the source.
        max_frames: Per round.
        turn: How many frames, at most.
        runs: Of earlier calls with the same trackers, to go on with.

    Raises:
        ThermedgeError: Of the source or a tracker.
    """
    found = list(runs) or [Run(name, FrameTimes(), passes=0, in_loop=False) for name in trackers]
    ready = list(trackers.values())
    for number in range(rounds):
        with open_source() as source:
            if source.live:
                raise SourceError(
                    "A live source gives no frame to two trackers one after the other.",
                    "Record it (track-camera --record FOLDER), then compare on the folder.",
                )
            frames = _awaited(islice(source, max_frames), choose(source), found)
            try:
                for place, some in enumerate(_parts(frames, turn)):
                    for which in _turned(len(found), number + place):
                        for frame, start in some:
                            found[which].add(_timed(ready[which], frame, start))
            except KeyboardInterrupt:
                for run in found:
                    run.was_stopped = True
        for run in found:
            run.passes += 1
        if found[0].was_stopped:
            break
    return found


def _awaited(
    frames: Iterable[Frame], target: Target, runs: Sequence[Run]
) -> Iterator[tuple[Frame, Box | None]]:
    """Yield frames from the one on that shows the target, which comes with its box.

    Those before it are idle ones of all runs.

    Raises:
        TargetError: Of the chooser.
    """
    is_started = False
    for frame in frames:
        start = None
        if not is_started:
            start = target if isinstance(target, Box) else target.choose(frame)
            is_started = start is not None
        if is_started:
            yield frame, start
            continue
        for run in runs:
            run.add(Track(NO_BOX, 0.0, "idle", frame.index, frame.timestamp_ns, 0, {}))
    if not is_started and not isinstance(target, Box):
        raise target.failed()


def _parts(
    frames: Iterator[tuple[Frame, Box | None]], length: int
) -> Iterator[list[tuple[Frame, Box | None]]]:
    """Yield `length` frames at a time, copied: a source may use a frame's memory again."""
    for frame, start in frames:
        fitting = min(length, max(_TURN_BYTES // frame.counts.nbytes, 1))
        others = islice(frames, fitting - 1)
        yield [(frame.copy(), start), *((other.copy(), None) for other, _ in others)]


def _turned(count: int, by: int) -> list[int]:
    """Return 0..count-1, begun elsewhere each time; every other time round, backwards."""
    order = [(index + by) % count for index in range(count)]
    return order[:1] + order[:0:-1] if by // count % 2 else order


def _timed(tracker: AnyTracker, frame: Frame, start: Box | None) -> Track:
    """Run once; a tracker that does not tell its stages gets all of its time as "update"."""
    began = time.perf_counter_ns()
    track = tracker.update(frame) if start is None else tracker.init(frame, start)
    spent_ms = (time.perf_counter_ns() - began) / 1e6
    # The time around the call is what is compared: peers tell none, ours leave out the call.
    inner = sum(track.stage_ms.values())
    stages = {**track.stage_ms, "update": track.stage_ms.get("update", 0.0) + spent_ms - inner}
    return replace(track, stage_ms=stages, start=start, dropped=0)
