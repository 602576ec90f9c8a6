"""One opened V4L2 node: what it is, what it offers, and how it is set.

The only file besides `stream` that speaks in ioctls. Their structures come from linuxpy's
generated `raw` module, which is an optional package under the GPL; nothing else of it is used.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from thermedge.optional import require
from thermedge.runtime.sources.capture.kernel import Kernel
from thermedge.runtime.sources.capture.pixels import format_name, fourcc

_MOST = 256  # entries of a driver's list; one that never ends is cut off here
_NO_SUCH_ENTRY = (errno.EINVAL, errno.ENOTTY)  # the list is over, or there is none


@dataclass(frozen=True, slots=True)
class Identity:
    """What a driver says about itself."""

    driver: str  # "uvcvideo"
    card: str  # the camera's name
    bus: str  # where it is plugged in, "usb-0000:00:14.0-2"
    captures: bool  # delivers pictures, in one plane
    is_multiplanar: bool  # delivers pictures, in the API of several planes only
    is_metadata: bool  # delivers data about the pictures of another node


@dataclass(frozen=True, slots=True)
class Sizes:
    """One size, or a range of them in steps."""

    widths: tuple[int, int, int]  # first, last, step, px
    heights: tuple[int, int, int]

    def contain(self, width_px: int, height_px: int) -> bool:
        """Return whether the size is one of these."""
        return all(
            first <= side <= last and (side - first) % step == 0
            for side, (first, last, step) in ((width_px, self.widths), (height_px, self.heights))
        )

    def __str__(self) -> str:
        """Return 640x512, or 16x16 to 4096x2160."""
        (w, last_w, _), (h, last_h, _) = self.widths, self.heights
        return f"{w}x{h}" if (w, h) == (last_w, last_h) else f"{w}x{h} to {last_w}x{last_h}"


@dataclass(frozen=True, slots=True)
class Offer:
    """One pixel format with its sizes."""

    name: str  # Y16, Y16_BE, GREY
    sizes: tuple[Sizes, ...]  # empty when the driver doesn't tell

    def has(self, width_px: int, height_px: int) -> bool:
        """Return whether the size may be asked for."""
        return not self.sizes or any(sizes.contain(width_px, height_px) for sizes in self.sizes)

    def __str__(self) -> str:
        """Return the format and its sizes."""
        return f"{self.name} {', '.join(map(str, self.sizes))}".rstrip()


@dataclass(frozen=True, slots=True)
class Format:
    """How the driver delivers pictures."""

    name: str
    width_px: int
    height_px: int
    stride: int  # bytes from row to row, padding included
    size: int  # bytes of a buffer

    def __str__(self) -> str:
        """Return the format and its size."""
        return f"{self.name} {self.width_px}x{self.height_px}"


class Device:
    """An open node. Every method raises OSError as the driver does.

    Raises:
        MissingDependencyError: linuxpy is not installed.
    """

    def __init__(self, kernel: Kernel, path: str) -> None:
        self.raw: Any = require("linuxpy.video.raw", "a V4L2 camera")
        self.kernel, self.path = kernel, path
        self.fd = kernel.open(path)

    def close(self) -> None:
        """Close the node. Calling it twice is allowed."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            self.kernel.close(fd)

    def ioctl(self, request: int, argument: Any) -> Any:
        """Ask the driver and return the filled structure."""
        self.kernel.ioctl(self.fd, request, argument)
        return argument

    def identity(self) -> Identity:
        """Return what the driver says about itself."""
        told = self.ioctl(self.raw.IOC.QUERYCAP, self.raw.v4l2_capability())
        kinds = self.raw.Capability
        # `capabilities` are those of all nodes of the camera together, `device_caps` this one's.
        has_own = told.capabilities & kinds.DEVICE_CAPS
        caps = told.device_caps if has_own else told.capabilities
        return Identity(
            driver=_text(told.driver),
            card=_text(told.card),
            bus=_text(told.bus_info),
            captures=bool(caps & kinds.VIDEO_CAPTURE),
            is_multiplanar=bool(caps & kinds.VIDEO_CAPTURE_MPLANE),
            is_metadata=bool(caps & kinds.META_CAPTURE),
        )

    def offers(self) -> tuple[Offer, ...]:
        """Return all formats with their sizes, in the driver's order."""
        kind = self.raw.v4l2_fmtdesc
        entries = self._list(
            self.raw.IOC.ENUM_FMT, lambda i: kind(index=i, type=self.raw.BufType.VIDEO_CAPTURE)
        )
        return tuple(
            Offer(format_name(entry.pixelformat), self._sizes(entry.pixelformat))
            for entry in entries
        )

    def rates_hz(self, name: str, width_px: int, height_px: int) -> tuple[float, ...]:
        """Return the frame rates of a format and size; of a range both ends."""
        kind = self.raw.v4l2_frmivalenum
        code = fourcc(name)
        found: list[float] = []
        for entry in self._list(
            self.raw.IOC.ENUM_FRAMEINTERVALS,
            lambda i: kind(index=i, pixel_format=code, width=width_px, height=height_px),
        ):
            if entry.type == self.raw.Frmivaltypes.DISCRETE:
                found.append(_hertz(entry.discrete))
            else:
                found += [_hertz(entry.stepwise.max), _hertz(entry.stepwise.min)]
                break
        return tuple(found)

    def format(self) -> Format:
        """Return the present format."""
        return self._told(self.ioctl(self.raw.IOC.G_FMT, self._empty_format()))

    def set_format(self, name: str, width_px: int, height_px: int) -> Format:
        """Ask for a format and return what the driver made of it, which may be another."""
        wanted = self._empty_format()
        pix = wanted.fmt.pix
        pix.width, pix.height, pix.pixelformat = width_px, height_px, fourcc(name)
        pix.field = self.raw.Field.NONE
        return self._told(self.ioctl(self.raw.IOC.S_FMT, wanted))

    def rate_hz(self) -> float | None:
        """Return the frame rate, None when the driver doesn't tell."""
        try:
            told = self.ioctl(self.raw.IOC.G_PARM, self._empty_rate()).parm.capture
        except OSError as error:
            if error.errno in _NO_SUCH_ENTRY:
                return None
            raise
        return _hertz(told.timeperframe) or None

    def set_rate(self, hertz: float) -> float | None:
        """Ask for a frame rate; return what it is now, None when the driver doesn't tell."""
        wanted = self._empty_rate()
        wanted.parm.capture.timeperframe.numerator = 10_000
        wanted.parm.capture.timeperframe.denominator = round(hertz * 10_000)
        try:
            self.ioctl(self.raw.IOC.S_PARM, wanted)
        except OSError as error:
            if error.errno not in _NO_SUCH_ENTRY:
                raise
        return self.rate_hz()

    def controls(self) -> dict[str, int]:
        """Return the camera's controls: name as `v4l2-ctl -l` writes it -> number."""
        found: dict[str, int] = {}
        at = 0
        for _ in range(_MOST):
            entry = self.raw.v4l2_queryctrl(id=at | self.raw.ControlFlag.NEXT_CTRL)
            try:
                self.ioctl(self.raw.IOC.QUERYCTRL, entry)
            except OSError as error:
                if error.errno in _NO_SUCH_ENTRY:
                    break
                raise
            at = entry.id
            found[_control_name(_text(entry.name))] = at
        return found

    def set_control(self, number: int, value: int) -> None:
        """Set one control."""
        self.ioctl(self.raw.IOC.S_CTRL, self.raw.v4l2_control(id=number, value=value))

    def is_busy(self) -> bool:
        """Return whether somebody else holds the camera's buffers."""
        nothing = self.raw.v4l2_requestbuffers(
            count=0, type=self.raw.BufType.VIDEO_CAPTURE, memory=self.raw.Memory.MMAP
        )
        try:
            self.ioctl(self.raw.IOC.REQBUFS, nothing)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            return True
        return False

    def _sizes(self, code: int) -> tuple[Sizes, ...]:
        kind = self.raw.v4l2_frmsizeenum
        found: list[Sizes] = []
        for entry in self._list(
            self.raw.IOC.ENUM_FRAMESIZES, lambda i: kind(index=i, pixel_format=code)
        ):
            if entry.type == self.raw.Frmsizetypes.DISCRETE:
                w, h = entry.discrete.width, entry.discrete.height
                found.append(Sizes((w, w, 1), (h, h, 1)))
            else:
                span = entry.stepwise
                found.append(
                    Sizes(
                        (span.min_width, span.max_width, max(1, span.step_width)),
                        (span.min_height, span.max_height, max(1, span.step_height)),
                    )
                )
                break  # a range is the only entry of its list
        return tuple(found)

    def _list(self, request: int, entry_at: Callable[[int], Any]) -> Iterator[Any]:
        """Yield the entries of a list until the driver says that there are no more."""
        for index in range(_MOST):
            try:
                yield self.ioctl(request, entry_at(index))
            except OSError as error:
                if error.errno in _NO_SUCH_ENTRY:
                    return
                raise

    def _empty_format(self) -> Any:
        return self.raw.v4l2_format(type=self.raw.BufType.VIDEO_CAPTURE)

    def _empty_rate(self) -> Any:
        return self.raw.v4l2_streamparm(type=self.raw.BufType.VIDEO_CAPTURE)

    def _told(self, filled: Any) -> Format:
        pix = filled.fmt.pix
        return Format(
            format_name(pix.pixelformat), pix.width, pix.height, pix.bytesperline, pix.sizeimage
        )


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _hertz(interval: Any) -> float:
    return float(interval.denominator / interval.numerator) if interval.numerator else 0.0


def _control_name(text: str) -> str:
    words = "".join(c if c.isalnum() else " " for c in text.lower()).split()
    return "_".join(words)
