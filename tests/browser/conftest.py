"""A browser, and a tracker to look at, started as users start it."""

import importlib.util
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

pytest.importorskip("websockets", reason="the extra `preview` is not installed")

HERE = Path(__file__).parent
PICTURES = HERE.parents[1] / "build" / "browser"
STARTING_S = 60


def _load():
    spec = importlib.util.spec_from_file_location("chromium", HERE / "chromium.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def open_page(tmp_path_factory):
    """Return a function that opens a page of the preview in a tab of its own."""
    chromium = _load()
    if chromium.installed() is None:
        pytest.skip("no Chromium is installed; on Debian: apt install chromium")
    with chromium.browser(tmp_path_factory.mktemp("profile")) as open_page:
        yield open_page


@pytest.fixture(scope="session")
def pictures():
    """Where screenshots go."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    return PICTURES


class Tracker:
    """track-camera --preview in a process of its own."""

    def __init__(self, folder, *arguments, source="synthetic:", port=0):
        command = [sys.executable, "-m", "thermedge", "track", source]
        command += ["--preview", str(port), *map(str, arguments)]
        self._process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
        self.lines = []
        for line in self._process.stderr:
            self.lines.append(line)
            if found := re.match(r"preview: (\S+)", line):
                self.address = found[1]
                break
        else:
            raise AssertionError("".join(self.lines))
        self.plain = self.address.partition("#")[0]
        self.token = self.address.partition("#token=")[2]
        self.port = int(re.search(r":(\d+)/", self.address)[1])
        self._reader = threading.Thread(target=lambda: self.lines.extend(self._process.stderr))
        self._reader.start()

    def stop(self):
        """End it as systemd does; return the exit status."""
        self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(30)
        self._reader.join()
        self._process.stderr.close()
        return status


@pytest.fixture(scope="session")
def start_tracker(tmp_path_factory):
    """Return a function that starts a tracker; all are stopped at the end."""
    started = []

    def start(*arguments, **more):
        started.append(Tracker(tmp_path_factory.mktemp("run"), *arguments, **more))
        return started[-1]

    yield start
    for tracker in started:
        if tracker._process.poll() is None:
            tracker.stop()


@pytest.fixture(scope="module")
def tracker(start_tracker):
    """One that most tests look at."""
    return start_tracker()
