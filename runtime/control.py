"""Orders to the loop from whoever runs the camera: start on a box, stop, show a frame."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from thermedge.errors import ThermedgeError
from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.runtime.summary import Summary
from thermedge.runtime.track import Track

_MOST_WAITING = 64  # orders between two frames; more are refused


@dataclass(frozen=True, slots=True)
class Start:
    """Start a track, or start it anew, on the target in `box` (frame px)."""

    box: Box


@dataclass(frozen=True, slots=True)
class Stop:
    """Let the target go; frames are still read."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Copy the next frame."""


Order = Start | Stop | Snapshot


Answer = Track | Frame | None  # a Track for Start, a Frame of its own for Snapshot


@dataclass(frozen=True, slots=True)
class Asked:
    """An order, and who waits for its answer; None for one that a recording repeats."""

    order: Order
    answer: Future[Answer] | None = None

    def begin(self) -> bool:
        """Return whether it is to be carried out; from then on it can't be taken back.

        Asked once, by who carries it out, before `done` or `refused`.
        """
        return self.answer is None or self.answer.set_running_or_notify_cancel()

    def done(self, answer: Answer) -> None:
        """Tell that the order was carried out."""
        if self.answer is not None:
            self.answer.set_result(answer)

    def refused(self, error: ThermedgeError) -> None:
        """Tell why it was not; raise when nobody waits to be told.

        Raises:
            ThermedgeError: `error` itself.
        """
        if self.answer is None:
            raise error
        self.answer.set_exception(error)


@runtime_checkable
class Orders(Protocol):
    """Where the loop looks for orders between two frames."""

    def take(self, frame: Frame) -> Iterable[Asked]:
        """Return the orders to be carried out on `frame`, oldest first.

        The loop begins and answers each once.
        """
        ...


class Control:
    """Takes orders from any thread, and tells any thread how the run goes.

    The socket of `--control` uses one; so may a web page in the same process.
    """

    def __init__(self) -> None:
        self._orders: queue.SimpleQueue[Asked] = queue.SimpleQueue()
        self._newest: tuple[Track, Summary, float] | None = None

    def ask(self, order: Order) -> Future[Answer]:
        """Queue an order; the future is answered when it was carried out, or refused.

        Cancelling the future takes back an order that still waits for a frame, or for the
        shutter to open.

        Raises:
            ThermedgeError: Too many orders wait already.
        """
        if self._orders.qsize() >= _MOST_WAITING:
            raise ThermedgeError(
                f"{_MOST_WAITING} orders wait for the next frame already.",
                "Wait for the answers; if none comes, look whether the camera delivers.",
            )
        answer: Future[Answer] = Future()
        self._orders.put(Asked(order, answer))
        return answer

    def take(self, frame: Frame) -> list[Asked]:
        """Return the orders that wait."""
        waiting = []
        while not self._orders.empty():
            asked = self._orders.get()
            if asked.answer is None or not asked.answer.cancelled():
                waiting.append(asked)
        return waiting

    def publish(self, track: Track, summary: Summary) -> None:
        """Note the newest result, for `status`; called once per frame."""
        self._newest = track, summary, time.monotonic()

    def status(self) -> dict[str, Any]:
        """Return how the run goes, in plain numbers and texts; waits for no frame.

        `silent_s` is the time since the last frame: a camera that hangs shows there.
        """
        if self._newest is None:
            return {"state": "starting"}
        track, summary, seen = self._newest
        found: dict[str, Any] = {
            "state": track.state,
            "frame": track.frame_index,
            "silent_s": round(time.monotonic() - seen, 3),
            "frames": summary.frames,
            "dropped": summary.dropped,
            "fps": round(summary.fps, 2),
            "events": dict(summary.events),
            "faults": dict(summary.faults),
        }
        if track.state != "idle":
            found |= dict(zip("xywh", track.box, strict=True), score=track.score)
        if track.confidence is not None:
            found["confidence"] = round(track.confidence, 4)
        if track.age_ms is not None:
            found["age_ms"] = round(track.age_ms, 3)
        return found
