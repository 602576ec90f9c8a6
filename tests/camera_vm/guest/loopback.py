"""v4l2loopback, fed from another process with pictures whose every pixel is known."""

import fcntl
import os
import time
from pathlib import Path

import numpy as np
from feeding import Feeding, Picture
from linuxpy.video import raw

NAME = "Loop"
PARAMETERS = ("devices=1", f"card_label={NAME}", "exclusive_caps=0", "max_buffers=4")
FORMS = {"Y16": 2, "GREY": 1, "YUYV": 2}  # bytes per pixel; it knows no big-endian one


class Feed(Feeding):
    """Writes pictures at a steady rate; once it is stopped, the camera has no signal.

    Args:
        node: Of the loopback device.
        picture: What makes the counts; the bytes are made here.
        form: A key of FORMS.
        size: (width, height), px.
        rate_hz: Pictures per second, which the driver also tells.
    """

    def __init__(
        self, node: str, picture: Picture, *, form: str, size: tuple[int, int], rate_hz: float
    ) -> None:
        super().__init__(node, picture, form, size, rate_hz)

    def _work(
        self, node: str, picture: Picture, form: str, size: tuple[int, int], rate_hz: float
    ) -> None:
        fd = os.open(node, os.O_RDWR)
        _set_format(fd, form, size)
        _set_rate(fd, rate_hz)
        due = time.monotonic()
        while not self._stop.is_set():
            os.write(fd, as_bytes(self._next_picture(picture), form))
            self._is_ready.set()
            due = max(due + 1 / rate_hz, time.monotonic() - 1)
            time.sleep(max(due - time.monotonic(), 0))
        os.close(fd)


def node() -> str:
    """Return the path of the loopback device."""
    for entry in Path("/sys/class/video4linux").iterdir():
        if (entry / "name").read_text().strip() == NAME:
            return f"/dev/{entry.name}"
    raise FileNotFoundError(NAME)


def as_bytes(counts: np.ndarray, form: str) -> bytes:
    """Return counts as a driver delivers them; YUYV has them as luma, between colours."""
    if form == "YUYV":
        pairs = np.empty((*counts.shape, 2), np.uint8)
        pairs[..., 0] = counts
        pairs[..., 1] = 77
        return pairs.tobytes()
    return counts.astype({"Y16": "<u2", "GREY": "u1"}[form]).tobytes()


def _set_format(fd: int, form: str, size: tuple[int, int]) -> None:
    wanted = raw.v4l2_format(type=raw.BufType.VIDEO_OUTPUT)
    pix = wanted.fmt.pix
    pix.width, pix.height = size
    pix.pixelformat = int.from_bytes(_code(form), "little")
    pix.field = raw.Field.NONE
    pix.bytesperline = size[0] * FORMS[form]
    pix.sizeimage = pix.bytesperline * size[1]
    pix.colorspace = raw.Colorspace.SRGB
    fcntl.ioctl(fd, raw.IOC.S_FMT, wanted)
    came = pix.pixelformat.to_bytes(4, "little"), pix.width, pix.height
    if came != (_code(form), *size):
        raise ValueError(f"the driver made {came} of {form} {size}")


def _set_rate(fd: int, rate_hz: float) -> None:
    wanted = raw.v4l2_streamparm(type=raw.BufType.VIDEO_OUTPUT)
    wanted.parm.output.timeperframe.numerator = 1000
    wanted.parm.output.timeperframe.denominator = round(rate_hz * 1000)
    fcntl.ioctl(fd, raw.IOC.S_PARM, wanted)


def _code(form: str) -> bytes:
    return form.ljust(4).encode()
