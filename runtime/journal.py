"""What happened in the present frame, in words."""

from __future__ import annotations

from thermedge.events import Event, EventKind
from thermedge.frame import Frame
from thermedge.runtime.shutter import Sight
from thermedge.runtime.track import State


class Journal:
    """Collects the events of one frame: the source's own first, then the tracker's."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._timestamp_ns = self._index = 0
        self._closed_ns: int | None = None
        self._seen_ns = 0
        self._state: State = "tracking"

    def start(self, frame: Frame) -> None:
        """Begin with the frame that a track starts on."""
        self.open(frame)
        self._closed_ns, self._seen_ns, self._state = None, frame.timestamp_ns, "tracking"

    def open(self, frame: Frame) -> None:
        """Turn to the next frame."""
        self._events.clear()
        self._events.extend(frame.events)
        self._timestamp_ns, self._index = frame.timestamp_ns, frame.index

    @property
    def events(self) -> tuple[Event, ...]:
        """All of this frame so far."""
        return tuple(self._events)

    def note(self, kind: EventKind, detail: str) -> None:
        """Add an event of this frame."""
        self._events.append(Event(kind, self._timestamp_ns, self._index, detail))

    def shutter(self, sight: Sight) -> None:
        """Note when the shutter closes and opens, as a frame shows it."""
        if sight.shutter == "closed":
            if self._closed_ns is None:
                self._closed_ns = self._timestamp_ns
                self.note("shutter_closed", f"The shutter closed: {sight.why}.")
        elif self._closed_ns is not None:
            seconds = (self._timestamp_ns - self._closed_ns) * 1e-9
            self._closed_ns = None
            self.note("shutter_opened", f"The shutter opened after {seconds:.2f} s.")

    def state(self, state: State, score: float) -> None:
        """Note when the target goes missing, is lost, and is found again."""
        missing_s = (self._timestamp_ns - self._seen_ns) * 1e-9
        if state == "reacquired":
            self.note("reacquired", f"Found again after {missing_s:.2f} s with score {score:.2f}.")
        elif state != self._state:
            if state == "coasting" and self._closed_ns is None:
                self.note("coasting", f"The best score is {score:.2f}: the target is missing.")
            elif state == "lost":
                self.note("lost", f"Not seen for {missing_s:.2f} s.")
        if state not in ("coasting", "lost"):
            self._seen_ns = self._timestamp_ns
        self._state = state
