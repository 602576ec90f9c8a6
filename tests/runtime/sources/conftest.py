"""Scripted cameras, plugged into a machine that lies in a temporary folder."""

import numpy as np
import pytest

from thermedge.runtime.sources.capture.address import parse
from thermedge.runtime.sources.capture.nodes import Roots
from thermedge.runtime.sources.capture.scripted import ScriptedCamera
from thermedge.runtime.sources.v4l2 import V4l2Source

SMALL = ("Y16", 16, 8, 32)


def number_paint(number, buffer):
    """Write a picture's number into all of its pixels."""
    np.frombuffer(buffer, "<u2")[...] = number & 0xFFFF


@pytest.fixture
def roots(tmp_path):
    """A machine without cameras."""
    made = Roots(tmp_path / "sys", tmp_path / "dev", tmp_path / "proc")
    for folder in (made.sys / "class/video4linux", made.dev, made.proc):
        folder.mkdir(parents=True)
    return made


@pytest.fixture
def plug(roots):
    """Return a function that makes a node as Linux and udev do, and returns its path."""

    def make(number=0, *, port="1-2", index=0, usb=None, serial=None, name="Cam", links=()):
        device = roots.sys / "devices" / port
        interface = device / f"{port}:1.0"
        entry = interface / "video4linux" / f"video{number}"
        entry.mkdir(parents=True)
        (entry / "name").write_text(f"{name}\n")
        (entry / "index").write_text(f"{index}\n")
        (entry / "device").symlink_to(interface)
        if usb is not None:
            vendor, _, product = usb.partition(":")
            (device / "idVendor").write_text(f"{vendor}\n")
            (device / "idProduct").write_text(f"{product}\n")
        if serial is not None:
            assert usb is not None, "only USB devices have serial numbers"
            (device / "serial").write_text(f"{serial}\n")
        (roots.sys / "class/video4linux" / f"video{number}").symlink_to(entry)
        path = roots.dev / f"video{number}"
        path.touch()
        for link in links:
            (roots.dev / "v4l" / link).parent.mkdir(parents=True, exist_ok=True)
            (roots.dev / "v4l" / link).symlink_to(path)
        return str(path)

    return make


@pytest.fixture
def unplug(roots):
    """Return a function that takes a node away."""

    def take(number=0):
        link = roots.sys / "class/video4linux" / f"video{number}"
        for file in (*link.resolve().iterdir(), roots.dev / f"video{number}", link):
            file.unlink()

    return take


@pytest.fixture
def scripted(plug):
    """Return a function that makes a small plugged-in camera from a script."""

    def make(script, *, node=None, **settings):
        path = plug(**(node or {}))
        defaults = {"modes": (SMALL,), "paint": number_paint, "path": path}
        return ScriptedCamera(script, **(defaults | settings))

    return make


@pytest.fixture
def opened(roots):
    """Return a function that opens a camera as a source, by default for a silence of 20 s."""
    sources = []

    def make(camera, uri="v4l2:/dev/video0?wait=20"):
        source = V4l2Source(parse(uri), kernel=camera, roots=roots)
        sources.append(source)
        return source

    yield make
    for source in sources:
        source.close()
