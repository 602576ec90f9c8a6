"""A thermal camera behind V4L2, kept going through all that cameras do."""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Iterator

from thermedge.errors import SourceError
from thermedge.events import Event, EventKind
from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.runtime.sources.capture.address import Address, parse
from thermedge.runtime.sources.capture.camera import Camera
from thermedge.runtime.sources.capture.intake import Intake, Shot
from thermedge.runtime.sources.capture.kernel import Kernel, Linux
from thermedge.runtime.sources.capture.nodes import SYSTEM, Roots

_LOG = logging.getLogger(__name__)

_STALL_S = 2.0  # a shutter event may silence a camera for about a second
_STALL_PERIODS = 5.0  # of a slow sensor
_START_S = 5.0  # what a camera just opened may take to its first frame: it boots
_PAUSE_S = (0.2, 5.0)  # first and longest one between two tries to reopen
_MOST_EVENTS = 16  # that wait for one frame; a camera may be broken for days
_AWAY = (errno.ENODEV, errno.ENXIO, errno.ENOTTY, errno.EBADF)


class V4l2Source:
    """Delivers the newest frame of one camera, until `close`.

    A camera that stands still is restarted, then opened anew; one that is unplugged is
    waited for, and found again by serial number or port. Each of these is an event of the
    next frame, and a line in the log at once. `Frame.index` goes on growing through all
    of that; its gaps are the frames lost.

    `faults` counts lost frames: `missing` (the driver's numbers skip them), `damaged`
    (flagged by the driver), `short`, `skipped` (not asked for in time), `repeated` (of a
    stream that is faster than its sensor); then `bad_stamp`, frames whose driver time is
    impossible; and the incidents `stalls` and `unplugs`.

    Args:
        address: Which camera, and how it shall deliver.
        kernel: What answers the ioctls; the real one by default.
        roots: Where the system's trees lie.

    Raises:
        SourceError: There is no such camera, or it can't deliver what is asked for.
        MissingDependencyError: linuxpy is not installed.
    """

    live = True
    num_frames: int | None = None
    start_box: Box | None = None

    def __init__(
        self, address: Address, *, kernel: Kernel | None = None, roots: Roots = SYSTEM
    ) -> None:
        self._wait_s = address.wait_s
        self._kernel: Kernel = Linux() if kernel is None else kernel
        self._camera = Camera(address, self._kernel, roots)
        self.setup = self._camera.setup
        self.faults: dict[str, int] = {}
        self._intake = Intake(self.setup, self.faults, self._kernel)
        self.width_px = self._intake.decoder.width_px
        self.height_px = self._intake.decoder.height_px
        self.rate_hz = self.setup.rate_hz
        self._stall_s = address.stall_s or max(
            _STALL_S, _STALL_PERIODS / self.rate_hz, self.setup.profile.shutter.gap_s + 0.5
        )
        self._patience_s = max(self._stall_s, _START_S)
        self._fresh_ns = self._kernel.now_ns()  # when the last frame was delivered
        self._asked_ns = self._fresh_ns  # when the one that is waited for was asked for
        self._restarts = self._tries = 0  # since then
        self._trouble = ""  # what was last said about it
        self._range: str | None = None
        self._events: list[tuple[EventKind, int, str]] = []
        self._is_streaming = self._is_away = self._closed = False
        self._lock = threading.RLock()  # held while the device is in use, never between frames
        self._closing = threading.RLock()
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._log_opened(address)

    @property
    def name(self) -> str:
        """Where the camera is at present, and what it calls itself."""
        return self._camera.name

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames whose counts are valid until the next one is asked for.

        The first frame starts the stream. Iterating again goes on with it.

        Raises:
            SourceError: The camera delivered nothing for as long as `wait` allows.
        """
        while (frame := self._next()) is not None:
            yield frame

    def close(self) -> None:
        """Let go of the camera; an iteration that waits in another thread ends soon."""
        with self._closing:
            if not self._closed:
                self._closed = True
                os.eventfd_write(self._wake_fd, 1)
        with self._lock:
            self._let_go()
            wake_fd, self._wake_fd = self._wake_fd, -1
            if wake_fd >= 0:
                os.close(wake_fd)

    def __enter__(self) -> V4l2Source:
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close."""
        self.close()

    def _log_opened(self, address: Address) -> None:
        profile = self.setup.profile
        _LOG.info(
            "%s: profile %s, %s at %g Hz.",
            self._camera.name,
            profile.name,
            self.setup.format,
            self.rate_hz,
        )
        if not profile.is_known and address.profile is None:
            for hint in profile.hints:
                _LOG.warning("%s: %s.", self._camera.name, hint)

    def _next(self) -> Frame | None:
        """Return the next frame, None after `close`."""
        with self._lock:
            self._asked_ns = self._kernel.now_ns()
            while not self._closed:
                shot = self._attempt()
                if shot is not None:
                    return self._framed(shot)
        return None

    def _attempt(self) -> Shot | None:
        """Wait for a frame once; whatever is in the way is dealt with, and leads to None."""
        self._check_wait()
        try:
            if not self._is_streaming and not self._begin():
                return None
            left_s = min(self._left_s(), self._wait_left_s())
            shot = self._intake.take(self._camera.fd, self._wake_fd, left_s)
            if shot is None and self._left_s() <= 0 and not self._closed:
                self._revive(f"no frame came for {self._since_s(self._intake.alive_ns):.1f} s")
        except OSError as error:
            if not self._closed:
                self._recover(error)
            return None
        return shot

    def _framed(self, shot: Shot) -> Frame:
        self._fresh_ns = self._kernel.now_ns()
        self._patience_s = self._stall_s
        self._restarts = self._tries = 0
        self._trouble = ""
        picture, reading = shot.picture, shot.picture.reading
        if reading is not None:
            if self._range not in (None, reading.range):
                self._tell("range_changed", f"counts change from {self._range} to {reading.range}")
            self._range = reading.range
        events = tuple(Event(kind, at, shot.index, text) for kind, at, text in self._events)
        self._events.clear()
        return Frame(
            picture.counts,
            shot.index,
            shot.stamp_ns,
            bits=self.setup.mode.bits,
            kelvin=picture.kelvin,
            shutter="none" if reading is None else reading.shutter,
            sensor_c=None if reading is None else reading.sensor_c,
            events=events,
        )

    def _begin(self) -> bool:
        """Start streaming, after opening the camera anew where that is needed."""
        if self._camera.stream is None:
            self._reopen()
        if self._camera.stream is None:
            return False
        self._is_streaming = True
        self._intake.attach(self._camera.stream)
        return True

    def _reopen(self) -> None:
        """Try once to open the camera again, after a pause that grows from try to try."""
        first_s, longest_s = _PAUSE_S
        pause_s = min(first_s * 2 ** min(self._tries, 10), longest_s, self._wait_left_s())
        self._tries += 1
        self._kernel.wait(None, self._wake_fd, pause_s)
        if self._closed:
            return
        try:
            is_there = self._camera.reopen()
        except SourceError as error:
            self._say(error.problem)
            return
        if not is_there:
            self._miss("it is not connected")
            self._say("It is not connected.")
            return
        self._patience_s = max(self._stall_s, _START_S)
        if self._is_away:
            self._is_away = False
            gap_s = self._since_s(self._fresh_ns)
            self._tell("reconnected", f"{self._camera.name} is back; the gap is {gap_s:.1f} s")

    def _recover(self, error: OSError) -> None:
        """Deal with what the driver refuses."""
        reason = error.strerror or str(error)
        if error.errno in _AWAY:
            self._miss(reason)
            self._let_go()
        elif self._is_streaming:
            try:
                self._revive(f"the driver reports: {reason}")
            except OSError as again:  # the first word of an unplugged camera may be any
                self._is_streaming = False
                self._recover(again)
                self._let_go()
        else:  # it can't be opened
            self._say(f"{reason}.")

    def _miss(self, reason: str) -> None:
        """Tell once that the camera went away."""
        if not self._is_away:
            self._is_away = True
            self._count("unplugs")
            self._tell("unplugged", f"{self._camera.name} went away ({reason})")

    def _revive(self, reason: str) -> None:
        """Restart the stream; where that did not help, open the camera anew."""
        self._count("stalls")
        self._restarts += 1
        if self._restarts == 1:
            self._tell("stall", f"{self._camera.name}: {reason}; the stream is restarted")
            self._intake.restart()
        else:
            if self._restarts == 2:
                self._tell("stall", f"{self._camera.name}: {reason}; the camera is opened anew")
            else:
                self._say("Opening it anew did not help; try another cable or port.")
            self._let_go()

    def _let_go(self) -> None:
        self._is_streaming = False
        self._camera.close()

    def _check_wait(self) -> None:
        if self._wait_left_s() <= 0:
            raise SourceError(
                f"{self._camera.name} delivers no frame for {self._wait_s:g} s. "
                f"{self._trouble or 'It is silent.'}",
                "Plug it in again, or wait longer with ?wait=SECONDS; without it, for ever.",
            )

    def _left_s(self) -> float:
        """Return for how long the next frame is not late yet."""
        return self._patience_s - self._since_s(self._intake.alive_ns)

    def _wait_left_s(self) -> float:
        """Return for how long a frame is still waited for; nobody waits before asking."""
        return self._wait_s - self._since_s(max(self._fresh_ns, self._asked_ns))

    def _since_s(self, then_ns: int) -> float:
        return (self._kernel.now_ns() - then_ns) * 1e-9

    def _tell(self, kind: EventKind, text: str) -> None:
        _LOG.warning("%s: %s", kind, text)
        del self._events[_MOST_EVENTS - 1 :]  # the first ones tell how it began
        self._events.append((kind, self._kernel.now_ns(), text))

    def _say(self, trouble: str) -> None:
        """Log what is in the way, when it is another thing than before."""
        if trouble != self._trouble:
            self._trouble = trouble
            _LOG.warning("%s: %s Waiting for it.", self._camera.name, trouble)

    def _count(self, incident: str) -> None:
        self.faults[incident] = self.faults.get(incident, 0) + 1


def open_v4l2(uri: str) -> V4l2Source:
    """Open the camera that a text like `v4l2:by-id/NAME?size=640x512` means.

    Which camera: `v4l2:auto`, the only one of a known thermal family; `v4l2:/dev/video0`,
    or any link to it; `v4l2:by-id/NAME` and `v4l2:by-path/NAME`, udev's lasting names;
    `v4l2:serial=XYZ`, the number of its USB device. `thermedge cameras` lists them.

    Options follow a `?` and are joined by `&`: `format=Y16`, a pixel format (Y16_BE for
    big-endian); `size=640x514`, the picture with its telemetry rows; `rate=60`, Hz;
    `profile=boson`, a camera family, or `generic`; `shift=BITS`, where a board aligns
    counts higher than it says; `wait=SECONDS`, for how long a camera that is silent or
    away is waited for, for ever by default; `stall=SECONDS`, after which silence is a
    stall, by default 2 s or what the profile's shutter and rate need.

    Raises:
        SourceError: As `V4l2Source`, or the text is no such address.
        MissingDependencyError: linuxpy is not installed.
    """
    return V4l2Source(parse(uri))
