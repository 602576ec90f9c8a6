"""The kernel's test driver: pictures by arithmetic, and errors on demand."""

import fcntl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from linuxpy.video import device as video
from linuxpy.video import raw

DRIVER = Path("/sys/bus/platform/drivers/vivid")
HDMI, WEBCAM = "vivid-000-vid-cap", "vivid-001-vid-cap"
# HDMI scales to any size asked for; the webcam has sizes of its own and no other.
PARAMETERS = (
    *("n_devs=2", "node_types=0x1,0x1", "num_inputs=1,1", "input_types=0x3,0x0"),
    *("ccs_cap_mode=4,4", "no_error_inj=0"),
)
GREY_RAMP, NO_TEXT, START_OF_EXPOSURE = 20, 2, 1


class Vivid:
    """Two capture nodes, plugged in; controls are those that `v4l2-ctl -l` lists."""

    def __init__(self) -> None:
        self.replug()

    @property
    def node(self) -> str:
        """Where the HDMI input is now."""
        return node_named(HDMI)

    @property
    def webcam(self) -> str:
        """Where the webcam is now."""
        return node_named(WEBCAM)

    def set(self, **controls: int) -> None:
        """Set controls of the HDMI input."""
        with video.Device(self.node) as device:
            for name, value in controls.items():
                device.controls[name].value = value

    def push(self, name: str) -> None:
        """Press a button among the controls."""
        with video.Device(self.node) as device:
            device.controls[name].push()

    def unplug(self) -> None:
        """Take both nodes away."""
        if (DRIVER / "vivid.0").exists():
            (DRIVER / "unbind").write_text("vivid.0")

    def replug(self) -> None:
        """Bring both nodes as they are after loading the driver, at 24 Hz."""
        self.unplug()
        (DRIVER / "bind").write_text("vivid.0")
        slow_down(self.node)
        self.set(timestamp_source=START_OF_EXPOSURE, osd_text_mode=NO_TEXT, test_pattern=GREY_RAMP)


def slow_down(path: str) -> None:
    """Choose the slowest 1280x720 of an HDMI input: an imitated CPU draws the pictures."""
    with open(path, "rb+", buffering=0) as device:
        offered = [t for t in _timings(device) if (t.bt.width, t.bt.height) == (1280, 720)]
        slowest = min(offered, key=lambda timings: _hertz(timings.bt))
        fcntl.ioctl(device, raw.IOC.S_DV_TIMINGS, slowest)


def _timings(device: BinaryIO) -> Iterator[raw.v4l2_dv_timings]:
    for index in range(1000):
        entry = raw.v4l2_enum_dv_timings(index=index)
        try:
            fcntl.ioctl(device, raw.IOC.ENUM_DV_TIMINGS, entry)
        except OSError:  # the list is over
            return
        yield entry.timings


def _hertz(bt: raw.v4l2_bt_timings) -> float:
    width = bt.width + bt.hfrontporch + bt.hsync + bt.hbackporch
    return bt.pixelclock / width / (bt.height + bt.vfrontporch + bt.vsync + bt.vbackporch)


def node_named(name: str) -> str:
    """Return the path of the video node that sysfs knows by `name`."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        for entry in Path("/sys/class/video4linux").iterdir():
            if (entry / "name").read_text().strip() == name:
                return f"/dev/{entry.name}"
        time.sleep(0.05)
    raise FileNotFoundError(name)
