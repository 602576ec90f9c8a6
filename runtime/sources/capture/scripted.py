"""A camera that answers V4L2's ioctls from a script, in a time of its own.

It takes the place of the kernel, not of any code of ours: what reads it is what reads a real
camera. Benches and tests of hours run on it in seconds.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from thermedge.optional import require
from thermedge.runtime.sources.capture.pixels import fourcc, picture_bytes

# What a camera does in one period:
#   frame      a good one                      gap      one that no buffer gets to see
#   damaged    one with the driver's flag      short    one with half of its bytes
#   again      the last one's number, a new picture
#   pause      nothing; the sensor numbers nothing either
#   hang       nothing until the stream is restarted
#   dead       nothing until the camera is opened anew
#   fail       DQBUF reports EIO until the stream is restarted
#   unplug     the node is gone; a `plug` brings it back
Step = Literal[
    "frame", "gap", "damaged", "short", "again", "pause", "hang", "dead", "fail", "unplug", "plug"
]

_MONOTONIC, _ERROR = 0x2000, 0x40


@dataclass
class ScriptedCamera:
    """One camera and its kernel.

    Args:
        script: One step per period; at its end the camera pauses for ever.
        path: Of its node.
        modes: (format, width, height, bytes per row) that it offers; sizes in px.
        rate_hz: Periods per second.
        paint: Called with the number of a picture and the buffer to fill.
    """

    script: Iterable[Step]
    path: str = "/dev/video0"
    modes: tuple[tuple[str, int, int, int], ...] = (("Y16", 640, 512, 1280),)
    rate_hz: float = 60.0
    paint: Callable[[int, bytearray], None] = lambda number, buffer: None
    driver: str = "scripted"
    card: str = "Scripted camera"
    bus: str = "platform:scripted-000"
    caps: int = 0x1  # VIDEO_CAPTURE
    tells_rate: bool = True
    first_sequence: int = 0
    stamp_flags: int = _MONOTONIC
    substitute: tuple[str, int, int, int] | None = None  # what S_FMT makes of any request
    busy: bool = False
    controls: dict[str, int] = field(default_factory=dict)

    produced: int = 0  # frames of all streams together
    unseen: int = 0  # before the first, or after the last one that a stream's reader took
    painted: int = 0
    is_plugged: bool = True
    opened: int = 0
    clock_ns: int = 10**9

    def __post_init__(self) -> None:
        self._raw: Any = require("linuxpy.video.raw", "a scripted camera")
        self._names = {int(request): request.name for request in self._raw.IOC}
        self._steps: Iterator[Step] = iter(self.script)
        self._due_ns = self.clock_ns
        self._mode = self.modes[0]
        self._rate = (1, 1)
        self._buffers: list[bytearray] = []
        self._queued: deque[int] = deque()
        self._done: deque[tuple[int, int, int, int, int, int]] = deque()
        self._known: int | None = None  # frames produced up to the last one taken, in a stream
        self._known_before = 0
        self._sequence = self.first_sequence
        self._is_on = self._hangs = self._is_dead = self._fails = False
        self._had_buffer = False  # for the last frame produced
        self._fds: set[int] = set()
        self._next_fd = 1000

    # The kernel's calls

    def open(self, path: str) -> int:
        """Open the node, if it is there."""
        if os.path.realpath(path) != os.path.realpath(self.path) or not self.is_plugged:
            raise _refusal(errno.ENOENT)
        self.opened += 1
        self._next_fd += 1
        self._fds.add(self._next_fd)
        self._is_dead = False
        return self._next_fd

    def close(self, fd: int) -> None:
        """Close the node."""
        self._fds.remove(fd)

    def ioctl(self, fd: int, request: int, argument: Any) -> None:
        """Answer as a driver does."""
        if fd not in self._fds:
            raise _refusal(errno.EBADF)
        if not self.is_plugged:
            raise _refusal(errno.ENODEV)
        answer = getattr(self, f"_{self._names[request].lower()}", None)
        if answer is None:
            raise _refusal(errno.ENOTTY)
        answer(argument)

    def map(self, fd: int, length: int, offset: int) -> bytearray:
        """Return a buffer; its offset is its number."""
        return self._buffers[offset]

    def unmap(self, memory: Any) -> None:
        """Forget a buffer."""

    def wait(self, fd: int | None, wake_fd: int, timeout_s: float) -> bool:
        """Let time pass until a frame is there, or something to report."""
        until_ns = self.clock_ns + max(0, round(timeout_s * 1e9))
        while not (fd is not None and self._is_ready()):
            if self._due_ns > until_ns:
                self.clock_ns = max(self.clock_ns, until_ns)
                return False
            self._step()
        return True

    def now_ns(self) -> int:
        """Return the time of the script."""
        return self.clock_ns

    def sleep(self, seconds: float) -> None:
        """Let time pass while nobody asks for frames."""
        self.wait(None, -1, seconds)

    def swap(self, mode: tuple[str, int, int, int], card: str) -> None:
        """Put another camera in this one's place."""
        self.modes, self.card = (mode,), card

    # Time

    def _is_ready(self) -> bool:
        return bool(self._done) or self._fails or not self.is_plugged

    def _step(self) -> None:
        self.clock_ns = max(self.clock_ns, self._due_ns)
        self._due_ns += round(1e9 / self.rate_hz)
        # A camera that nobody streams from, or that stands still, keeps its script.
        if self.is_plugged and (not self._is_on or self._hangs or self._is_dead or self._fails):
            return
        step: Step = next(self._steps, "pause")
        if step in ("unplug", "plug"):
            self.is_plugged = step == "plug"
            self._mode = self.modes[0]  # where a camera stands when it gets power
            self._end()
            return
        if not self.is_plugged or step == "pause":
            return
        if step == "hang":
            self._hangs = True
        elif step == "dead":
            self._is_dead = True
        elif step == "fail":
            self._fails = True
        else:
            self._make(step)

    def _make(self, step: Step) -> None:
        has_buffer = step != "gap" and bool(self._queued)
        if not (step == "again" and has_buffer and self._had_buffer):
            self._sequence = (self._sequence + 1) % (1 << 32)
        self.produced += 1
        self._had_buffer = has_buffer
        if not has_buffer:
            return
        index = self._queued.popleft()
        length = self._length()
        self.paint(self.painted, self._buffers[index])
        self.painted += 1
        flags = self.stamp_flags | (_ERROR if step == "damaged" else 0)
        used = length // 2 if step == "short" else length
        number = (self._sequence - 1) % (1 << 32)
        self._done.append((index, number, self.clock_ns, flags, used, self.produced))

    def _end(self) -> None:
        """End the stream; what its reader has not taken by now, it will never know of."""
        self.unseen += self.produced - (self._known_before if self._known is None else self._known)
        self._known, self._known_before = None, self.produced
        self._is_on = False
        self._sequence = self.first_sequence
        self._queued.clear()
        self._done.clear()

    def _length(self) -> int:
        name, _, height, stride = self._mode
        return picture_bytes(name, stride, height)

    # The driver's answers

    def _querycap(self, told: Any) -> None:
        told.driver, told.card = self.driver.encode(), self.card.encode()
        told.bus_info = self.bus.encode()
        told.capabilities = int(self._raw.Capability.DEVICE_CAPS) | 0x1
        told.device_caps = self.caps

    def _enum_fmt(self, entry: Any) -> None:
        names = list(dict.fromkeys(name for name, *_ in self.modes))
        entry.pixelformat = fourcc(_at(names, entry.index))

    def _enum_framesizes(self, entry: Any) -> None:
        sizes = [(w, h) for name, w, h, _ in self.modes if fourcc(name) == entry.pixel_format]
        entry.discrete.width, entry.discrete.height = _at(sizes, entry.index)
        entry.type = int(self._raw.Frmsizetypes.DISCRETE)

    def _enum_frameintervals(self, entry: Any) -> None:
        hertz = _at([self.rate_hz], entry.index)
        entry.discrete.numerator, entry.discrete.denominator = 1000, round(1000 * hertz)
        entry.type = int(self._raw.Frmivaltypes.DISCRETE)

    def _g_fmt(self, told: Any) -> None:
        name, width, height, stride = self._mode
        pix = told.fmt.pix
        pix.width, pix.height, pix.pixelformat = width, height, fourcc(name)
        pix.bytesperline, pix.sizeimage = stride, picture_bytes(name, stride, height)

    def _s_fmt(self, asked: Any) -> None:
        pix = asked.fmt.pix
        wanted = (pix.pixelformat, pix.width, pix.height)
        fitting = [mode for mode in self.modes if (fourcc(mode[0]), *mode[1:3]) == wanted]
        self._mode = self.substitute or _at(fitting or list(self.modes), 0)
        self._g_fmt(asked)

    def _g_parm(self, told: Any) -> None:
        if not self.tells_rate:
            raise _refusal(errno.ENOTTY)
        told.parm.capture.timeperframe.numerator = 1000
        told.parm.capture.timeperframe.denominator = round(1000 * self.rate_hz)

    def _s_parm(self, asked: Any) -> None:
        self._g_parm(asked)

    def _queryctrl(self, entry: Any) -> None:
        after = entry.id & 0xFFFFFF
        entry.id, entry.name = after + 1, _at(list(self.controls), after).encode()

    def _s_ctrl(self, asked: Any) -> None:
        self.controls[list(self.controls)[asked.id - 1]] = asked.value

    def _reqbufs(self, asked: Any) -> None:
        if self.busy:
            raise _refusal(errno.EBUSY)
        self._buffers = [bytearray(self._length()) for _ in range(asked.count)]
        self._queued.clear()
        self._done.clear()

    def _querybuf(self, told: Any) -> None:
        told.length, told.m.offset = self._length(), told.index

    def _qbuf(self, given: Any) -> None:
        self._queued.append(given.index)

    def _dqbuf(self, taken: Any) -> None:
        if self._fails:
            raise _refusal(errno.EIO)
        if not self._done:
            raise _refusal(errno.EAGAIN)
        taken.index, taken.sequence, stamp_ns, taken.flags, taken.bytesused, count = (
            self._done.popleft()
        )
        if self._known is None:
            self.unseen += count - 1 - self._known_before
        self._known = count
        taken.timestamp.secs, rest_ns = divmod(stamp_ns, 10**9)
        taken.timestamp.usecs = rest_ns // 1000

    def _streamon(self, kind: ctypes.c_int) -> None:
        self._is_on = True
        self._due_ns = max(self._due_ns, self.clock_ns)

    def _streamoff(self, kind: ctypes.c_int) -> None:
        self._hangs = self._fails = False
        self._end()


def _refusal(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def _at(entries: list[Any], index: int) -> Any:
    if index >= len(entries):
        raise _refusal(errno.EINVAL)
    return entries[index]
