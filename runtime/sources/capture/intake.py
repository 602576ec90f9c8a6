"""Take the newest good picture out of a stream, and account for every other one."""

from __future__ import annotations

import errno
import logging
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from thermedge.runtime.sources.capture.decoder import Decoder, Picture
from thermedge.runtime.sources.capture.kernel import Kernel
from thermedge.runtime.sources.capture.sequence import Sequence
from thermedge.runtime.sources.capture.setup import Setup
from thermedge.runtime.sources.capture.stream import Filled, Stream

_LOG = logging.getLogger(__name__)

# Frames that were not delivered, by reason. Delivered frames and these make all that the
# driver numbered since the first one.
LOST = ("missing", "damaged", "short", "skipped", "repeated")
BAD_STAMP = "bad_stamp"  # delivered, but stamped by us: the driver's time is impossible

_FUTURE_NS = 100_000_000  # end-of-frame stamps may lie some ms ahead; more is another clock
_BEFORE_NS = 1_000_000_000  # no frame was taken longer than this before its stream began
_EMPTY_WAKES = 3  # of poll, without a frame or an error, before we call it broken
_FROZEN = 1.5  # periods of equal frames that repetition explains; then the picture stands still


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture, and when it was taken."""

    picture: Picture
    index: int
    stamp_ns: int


class Intake:
    """Drains a stream to its newest good picture.

    Frames that nobody asked for in time are skipped, so a picture is never older than the
    queue is; each is copied once, and its buffer goes back at once. Memory is taken when
    this is made, and no more afterwards.

    Args:
        setup: What was agreed with the driver.
        faults: Counts go in here: those of `LOST`, and `bad_stamp`.
        kernel: For the clock, and to wait.
    """

    def __init__(self, setup: Setup, faults: MutableMapping[str, int], kernel: Kernel) -> None:
        self._setup, self._faults, self._kernel = setup, faults, kernel
        self._sequence = Sequence()
        self._stream: Stream | None = None
        self._failure: OSError | None = None
        self._empty_wakes = 0
        self._repeats = 0  # in all, as they take no index
        self._begun_ns = self._delivered_ns = 0
        self._driver_ns = -1  # the driver's own last time; what we put in its place may be later
        self._last_stamp_ns = 0
        self._knows_clock = True
        self.alive_ns = 0  # when the last good picture came, also a repeated one
        self.decoder = Decoder(setup)

    def attach(self, stream: Stream) -> None:
        """Start a stream; counting goes on from where it was."""
        self._stream, self._failure, self._empty_wakes = stream, None, 0
        self._sequence.restart()
        self._begun_ns = self._kernel.now_ns()
        self.decoder.judge_again()
        stream.start()
        self.alive_ns = self._kernel.now_ns()

    def restart(self) -> None:
        """Stop and start the stream, which wakes up a driver that stands still."""
        assert self._stream is not None
        self._stream.stop()
        self.attach(self._stream)

    def take(self, fd: int, wake_fd: int, timeout_s: float) -> Shot | None:
        """Return the newest picture, None when there is none in time or `wake_fd` called.

        Raises:
            OSError: The device fails. Pictures that came before it did are returned first.
        """
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if not self._kernel.wait(fd, wake_fd, timeout_s):
            return None
        newest, index = self._drain(wake_fd)
        if newest is None:
            return None
        assert self._stream is not None
        try:
            return self._develop(newest, index, self._stream.memories[newest.index])
        finally:
            self._give_back(newest)

    def _drain(self, wake_fd: int) -> tuple[Filled | None, int]:
        assert self._stream is not None
        newest, index, came, most = None, 0, 0, len(self._stream.memories)
        while came < most:
            try:
                filled = self._stream.take()
            except OSError as error:
                self._failure = error
                break
            if filled is None:
                break
            came += 1
            if not self._is_good(filled):
                self._give_back(filled)
                continue
            if newest is not None:
                self._note("skipped")
                self._give_back(newest)
            newest, index = filled, self._sequence.index
        self._check_wake(came, wake_fd)
        if newest is not None and came == most > 1:
            # The driver had nothing left to fill: the scene went on without us, so the next
            # frame is waited for.
            self._note("skipped")
            self._give_back(newest)
            newest = None
        if newest is None and self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        return newest, index

    def _is_good(self, filled: Filled) -> bool:
        lost = self._sequence.step(filled.sequence, filled.stamp_ns)
        if lost is None:
            return False
        if lost:
            self._note("missing", lost)
        if filled.is_damaged:
            self._note("damaged")
            return False
        if filled.num_bytes < self._setup.picture_bytes:
            self._note("short")
            return False
        self.alive_ns = self._kernel.now_ns()
        return True

    def _check_wake(self, came: int, wake_fd: int) -> None:
        """Call a device broken that keeps waking us for nothing, instead of spinning on it."""
        self._empty_wakes = 0 if came or self._failure else self._empty_wakes + 1
        if self._empty_wakes > _EMPTY_WAKES:
            raise OSError(errno.EIO, "the driver reports an error, and no frame")
        if self._empty_wakes:
            self._kernel.wait(None, wake_fd, 0.01)

    def _give_back(self, filled: Filled) -> None:
        assert self._stream is not None
        try:
            self._stream.give_back(filled.index)
        except OSError as error:
            self._failure = error

    def _develop(self, filled: Filled, index: int, memory: Any) -> Shot | None:
        stamp_ns = self._stamp(filled)
        picture = self.decoder.take(memory)
        if self._is_repeated(picture, stamp_ns):
            self._repeats += 1
            self._note("repeated")
            return None
        self.decoder.keep(picture)
        self._delivered_ns = stamp_ns
        return Shot(picture, index - self._repeats, stamp_ns)

    def _stamp(self, filled: Filled) -> int:
        """Return the driver's time, or ours where the driver's is none.

        Time never runs backwards from frame to frame.
        """
        now_ns = self._kernel.now_ns()
        stamp_ns = filled.stamp_ns
        if not filled.is_monotonic:
            if self._knows_clock:
                self._knows_clock = False
                _LOG.warning("The driver's clock is unknown: frames are stamped when they arrive.")
            stamp_ns = now_ns
        elif self._is_possible(stamp_ns, now_ns):
            self._driver_ns = stamp_ns
        else:
            if not self._faults.get(BAD_STAMP):
                _LOG.warning(
                    "The driver stamped a frame %.3f s from now: such frames are stamped when "
                    "they arrive.",
                    (stamp_ns - now_ns) * 1e-9,
                )
            self._note(BAD_STAMP)
            stamp_ns = now_ns
        self._last_stamp_ns = max(stamp_ns, self._last_stamp_ns)
        return self._last_stamp_ns

    def _is_possible(self, stamp_ns: int, now_ns: int) -> bool:
        """Return whether a driver can have taken a frame then."""
        earliest_ns = max(self._driver_ns + 1, self._begun_ns - _BEFORE_NS)
        return earliest_ns <= stamp_ns <= now_ns + _FUTURE_NS

    def _is_repeated(self, picture: Picture, stamp_ns: int) -> bool:
        """Return whether a stream faster than the sensor shows the last picture once more.

        Equal pictures for longer than that are delivered: the sensor itself stands still,
        as it does behind a closed shutter, and whoever looks must see it.
        """
        unique_hz = self._setup.mode.unique_hz
        if unique_hz is None or stamp_ns - self._delivered_ns > _FROZEN * 1e9 / unique_hz:
            return False
        return self.decoder.is_repeat(picture)

    def _note(self, fault: str, count: int = 1) -> None:
        self._faults[fault] = self._faults.get(fault, 0) + count
