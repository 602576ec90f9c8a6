"""What the checks are given: loaded drivers, and the program as its users start it."""

import contextlib
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import loopback
import onnxruntime  # noqa: F401 - so that the forks of `call` need not import it again
import pytest
import rich.console  # noqa: F401
import usb
import vivid as vivid_driver
from feeding import Picture
from usb_descriptors import Model

from thermedge.runtime.sources import open_source

RESULTS = Path("/results")
HOTTEST = "/checks/hottest"


@pytest.fixture(scope="session")
def _vivid() -> vivid_driver.Vivid:
    load("vivid", *vivid_driver.PARAMETERS)
    return vivid_driver.Vivid()


@pytest.fixture
def vivid(_vivid: vivid_driver.Vivid) -> vivid_driver.Vivid:
    """vivid, as it is after loading."""
    _vivid.replug()
    return _vivid


@pytest.fixture(scope="session")
def loop_node() -> str:
    """The node of v4l2loopback, without a signal."""
    load("v4l2loopback", *loopback.PARAMETERS)
    return loopback.node()


@pytest.fixture
def feed(loop_node: str) -> Iterator[Callable[..., loopback.Feed]]:
    """Return a function that starts to feed the loopback device."""
    with contextlib.ExitStack() as feeds:

        def start(picture: Picture, **how: Any) -> loopback.Feed:
            return feeds.enter_context(loopback.Feed(loop_node, picture, **how))

        yield start


@pytest.fixture(scope="session")
def _controller() -> None:
    load("vhci_hcd")
    load("uvcvideo")


@pytest.fixture
def plug(_controller: None) -> Iterator[Callable[..., usb.UsbCamera]]:
    """Return a function that plugs in a USB camera, and waits until udev has named it."""
    with contextlib.ExitStack() as cameras:

        def plugged(model: Model, picture: Picture, *, port: int = 0) -> usb.UsbCamera:
            subprocess.run(["udevadm", "settle"], check=True)  # an unplugged one keeps its name
            before = set(links())
            camera = cameras.enter_context(usb.UsbCamera(model, picture, port=port))
            wait_for(lambda: set(links()) - before, "a name by udev")
            subprocess.run(["udevadm", "settle"], check=True)
            return camera

        yield plugged


def links() -> list[Path]:
    """Return udev's lasting names of the USB cameras by port."""
    return list(Path("/dev/v4l/by-path").glob("*usb*-video-index0"))


@pytest.fixture
def opened() -> Iterator[Callable[[str], Any]]:
    """Return a function that opens a source, which is closed at the end."""
    with contextlib.ExitStack() as sources:
        yield lambda uri: sources.enter_context(open_source(uri))


def load(module: str, *parameters: str) -> None:
    """Load a kernel module and what it depends on."""
    subprocess.run(["modprobe", module, *parameters], check=True)


def wait_for(is_so: Callable[[], Any], what: str, *, seconds: float = 30) -> Any:
    """Return the first true result, or fail with `what` did not happen."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if result := is_so():
            return result
        time.sleep(0.05)
    pytest.fail(f"{what} did not happen within {seconds:g} s")


@dataclass
class Run:
    """One call of a program of the wheel."""

    status: int
    out: str
    err: str


def call(*arguments: str, user: int = 0) -> Run:
    """Run `thermedge ARGUMENTS` as another process, of the user with that number.

    It is a fork of this one, which has imported everything: a fresh Python takes seconds.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = multiprocessing.get_context("fork").Process(
            target=_main, args=(arguments, user, out.fileno(), err.fileno())
        )
        child.start()
        child.join(60)
        child.kill()
        out.seek(0)
        err.seek(0)
        return Run(child.exitcode, out.read(), err.read())


def _main(arguments: tuple[str, ...], user: int, out: int, err: int) -> None:
    from thermedge.commands import main

    os.dup2(out, 1)
    os.dup2(err, 2)
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__  # pytest had its own in their place
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
    status = main(list(arguments))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


@dataclass
class Tracking:
    """A `track-camera` of its own process, as installed; its tracks appear while it runs."""

    process: subprocess.Popen[str]
    folder: Path
    log: Path
    seen: list[dict[str, Any]] = field(default_factory=list)

    @property
    def tracks(self) -> list[dict[str, Any]]:
        """What it has written so far, one object per frame."""
        found = [path for path in self.folder.iterdir() if "jsonl" in path.name]
        lines = found[0].read_text().splitlines(keepends=True) if found else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return its events of one kind so far."""
        found = [event for track in self.tracks for event in track.get("events", ())]
        return [event for event in found if event["kind"] == kind]

    def wait_for(self, is_so: Callable[[list[dict[str, Any]]], Any], what: str) -> None:
        """Wait until the tracks so far fulfil `is_so`."""

        def so() -> Any:
            if self.process.poll() is not None:
                pytest.fail(f"track-camera ended before {what}:\n{self.log.read_text()}")
            return is_so(self.tracks)

        wait_for(so, what, seconds=60)

    def end(self) -> int:
        """End it as a service manager does, and return its exit status."""
        self.process.terminate()
        return self.process.wait(20)


@pytest.fixture
def track(request: pytest.FixtureRequest) -> Iterator[Callable[..., Tracking]]:
    """Return a function that starts `track-camera SOURCE --init BOX`; what it wrote is kept."""
    started: list[Tracking] = []

    def start(source: str, box: tuple[int, ...], *more: str, bundle: str = HOTTEST) -> Tracking:
        folder = RESULTS / request.node.name
        folder.mkdir()
        log = folder / "log"
        command = ["track-camera", source, "--init", ",".join(map(str, box)), "--bundle", bundle]
        with log.open("w") as file:
            process = subprocess.Popen(
                [*command, "--out", str(folder / "tracks.jsonl"), *more], stdout=file, stderr=file
            )
        started.append(Tracking(process, folder, log))
        return started[-1]

    yield start
    for run in started:
        run.process.kill()
        run.process.wait()
