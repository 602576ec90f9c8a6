"""A preview behind which a small loop carries orders out, and ways to talk to it."""

import contextlib
import http.client
import json
import threading
import time

import numpy as np
import pytest

from thermedge.errors import TargetError
from thermedge.frame import Frame, Kelvin
from thermedge.runtime.control import Control, Snapshot, Start
from thermedge.runtime.preview import app
from thermedge.runtime.preview.address import Address
from thermedge.runtime.preview.recorder import Recorder
from thermedge.runtime.preview.server import Preview, Settings
from thermedge.runtime.recording import Quota
from thermedge.runtime.summary import Summary
from thermedge.runtime.track import NO_BOX, Track

TOKEN = "a-token-of-the-tests"
COUNTS = (np.arange(48 * 64, dtype=np.uint16) * 7 + 8000).reshape(48, 64)


def frame_of(index, **more):
    kelvin = Kelvin(0.04, 0.0)
    more = {"bits": 14, "kelvin": kelvin} | more
    return Frame(COUNTS, index, time.monotonic_ns(), **more)


def track_of(frame, box=NO_BOX, **more):
    state = "idle" if box is NO_BOX else "tracking"
    more = {"stage_ms": {"wait": 1.0, "infer": 2.0}, "age_ms": 3.0} | more
    return Track(box, 0.0 if box is NO_BOX else 0.75, state, frame.index, 0, 0, **more)


class Running:
    """A preview, and a loop that feeds it until `pause` is set."""

    token = TOKEN

    def __init__(self, folder, *, host="127.0.0.1", token=TOKEN, **settings):
        self.control, self.summary = Control(), Summary()
        self.recorder = Recorder(
            folder / "recordings", quota=Quota(), source="tests", rate_hz=200, is_live=True
        )
        self.preview = Preview(
            Settings(address=Address(host, 0), token=token, **settings),
            self.control,
            summary=self.summary,
            recorder=self.recorder,
            source="tests",
            tracker="none",
        )
        self.port = self.preview.port
        self.slowest_s = 0.0  # of what the loop gives to the preview
        self._box = NO_BOX
        self.pause, self._end = threading.Event(), threading.Event()
        self._runs = threading.Event()  # the first frame is published
        self._thread = threading.Thread(target=self._loop)
        self._thread.start()
        assert self._runs.wait(20)

    def _loop(self):
        index = 0
        while not self._end.wait(0.005):
            if self.pause.is_set():
                continue
            frame = frame_of(index)
            start = None
            for asked in self.control.take(frame):
                start = self._obey(asked, frame) or start
            track = track_of(frame, self._box, start=start)
            self.summary.add(track, sinks_ms=0.0, seconds=index * 0.005)
            before = time.perf_counter()
            self.preview.feed.write(frame, track)
            self.recorder.write(frame, track)
            self.preview.frame(track, self.summary)
            self.slowest_s = max(self.slowest_s, time.perf_counter() - before)
            self.control.publish(track, self.summary)
            self._runs.set()
            index += 1

    def _obey(self, asked, frame):
        if isinstance(asked.order, Snapshot):
            asked.done(frame)
        elif isinstance(asked.order, Start):
            if asked.order.box.w <= 0:
                asked.refused(TargetError("It has no area.", "Give another."))
                return None
            self._box = asked.order.box
            asked.done(track_of(frame, self._box))
            return self._box
        else:
            self._box = NO_BOX
            asked.done(None)
        return None

    def close(self):
        self._end.set()
        self._thread.join()
        self.preview.close()

    def ask(self, path, method="GET", body=None, **headers):
        """Return (status, headers, content) of one request."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, dict):
            body = json.dumps(body)
            headers.setdefault("content-type", "application/json")
        with contextlib.closing(client):
            client.request(method, path, body, headers)
            answer = client.getresponse()
            return answer.status, answer.headers, answer.read()

    def told(self, path, method="GET", body=None, **headers):
        """Return (status, object)."""
        status, _, content = self.ask(path, method, body, **headers)
        return status, json.loads(content)

    def ordered(self, path, method, body=None):
        """The same with the token."""
        return self.told(path, method, body, authorization=f"Bearer {TOKEN}")

    def session(self):
        """Return the headers of a browser that logged in."""
        status, headers, content = self.ask("/api/session", "POST", {"token": TOKEN})
        assert status == 200
        cookie = headers["set-cookie"].partition(";")[0]
        return {"cookie": cookie, "x_thermedge_guard": json.loads(content)["guard"]}

    def live(self, **more):
        from websockets.sync.client import connect

        return connect(f"ws://127.0.0.1:{self.port}/api/live", open_timeout=20, **more)


def needs_the_extra():
    for package in ("starlette", "uvicorn", "websockets", "prometheus_client"):
        pytest.importorskip(package, reason="the extra `preview` is not installed")


@pytest.fixture
def make_frame():
    return frame_of


@pytest.fixture
def make_track():
    return track_of


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """One preview on loopback for all tests of a file."""
    needs_the_extra()
    with pytest.MonkeyPatch.context() as patch:
        for limit in ("_ORDERS", "_ATTEMPTS"):  # tests ask faster than people
            patch.setattr(app, limit, {"per_s": 1000.0, "burst": 1000})
        made = Running(tmp_path_factory.mktemp("preview"))
    until(lambda: made.told("/healthz")[0] == 200)
    yield made
    made.close()


@pytest.fixture
def make_running(tmp_path):
    """Return a function that makes a preview of its own."""
    needs_the_extra()
    made = []

    def make(**settings):
        made.append(Running(tmp_path, **settings))
        until(lambda: made[-1].preview.feed.newest)
        return made[-1]

    yield make
    for one in made:
        one.close()


def until(is_true, seconds=20):
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
