"""The live picture for all who watch: the newest frame, for each one as fast as they take it."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from thermedge.optional import require
from thermedge.runtime.preview.feed import Feed, Picture
from thermedge.runtime.preview.history import History
from thermedge.runtime.preview.limits import Bucket
from thermedge.runtime.preview.picture import Encoder
from thermedge.runtime.preview.told import Told
from thermedge.runtime.sinks.jsonl import as_json

_LOG = logging.getLogger(__name__)

MOST_VIEWERS = 64
RATE_HZ = 30.0
_ALL_HZ = 120.0  # pictures to all viewers together: many get fewer each
_STATUS_S = 0.5
_CLOSE_S = 2.0
_SEND_S = 10.0  # how long a viewer may take to receive a message
_ON_THE_WAY = 2  # pictures sent that the viewer has not asked for the next one after
_ASK = "next"  # what a viewer sends when it has drawn a picture
_PATIENCE_S = 0.5  # of the thread that waits for a frame, so that it ends with the server
_PICTURE_S = 3.0  # how long a request for one picture waits for a frame
_POLICY, _TRY_LATER = 1008, 1013  # RFC 6455, section 7.4, and its registry


class Viewers:
    """Encodes a frame when at least one viewer is ready for it, once for all of them.

    A message to a viewer is either text, a JSON object with `status`, `slices` and
    `events`; or binary, a picture: four bytes of length, big-endian, a JSON object of that
    length, and a JPEG.

    Lives in the server's event loop.
    """

    def __init__(self, feed: Feed, history: History, *, told: Told) -> None:
        self._feed, self._history, self._told = feed, history, told
        self._gone = require("starlette.websockets", "--preview").WebSocketDisconnect
        self._encoder = Encoder()
        self._viewers: set[_Viewer] = set()
        self._ready = asyncio.Event()  # somebody has seen the newest picture and wants another
        self._published = asyncio.Event()
        self._message = self._jpeg = b""
        self._number = 0  # of the picture in _message
        self._status: dict[str, Any] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def __len__(self) -> int:
        return len(self._viewers)

    async def watch(self, socket: Any) -> None:
        """Serve a WebSocket that was accepted, until it ends."""
        if len(self._viewers) >= MOST_VIEWERS:
            await socket.close(_TRY_LATER, f"{MOST_VIEWERS} viewers are connected already")
            return
        self._begin()
        viewer = _Viewer(socket, self._number)
        self._viewers.add(viewer)
        viewer.sending = asyncio.ensure_future(self._send(viewer))
        reading = asyncio.ensure_future(self._read(viewer))
        both = {viewer.sending, reading}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            # It left; or it sent what it should not; or it takes no messages any more.
            code = reading.result() if reading.done() else _TRY_LATER
            if code is not None:
                with suppress(OSError, RuntimeError, asyncio.TimeoutError):
                    await asyncio.wait_for(socket.close(code), _CLOSE_S)
        finally:
            self._viewers.discard(viewer)
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
        if not viewer.sending.cancelled():
            with suppress(OSError, self._gone):
                viewer.sending.result()

    async def picture(self) -> bytes | None:
        """Return a JPEG of the next frame, None when none comes."""
        self._begin()
        published = self._published
        self._ready.set()
        try:
            await asyncio.wait_for(published.wait(), _PICTURE_S)
        except asyncio.TimeoutError:
            return None
        return self._jpeg

    def _begin(self) -> None:
        if not self._tasks:
            self._tasks = [
                asyncio.ensure_future(self._publish()),
                asyncio.ensure_future(self._tell()),
            ]
            for task in self._tasks:
                task.add_done_callback(_complain)

    async def _publish(self) -> None:
        """Ask for a frame whenever somebody is ready for one."""
        loop, came = asyncio.get_running_loop(), threading.Lock()
        came.acquire()
        # Waking the event loop itself is a system call, in which the tracker would lose
        # Python's lock to it. To release a lock is none; a thread that does nothing else
        # waits for it, and gets its turn when the tracker rests.
        waiter = ThreadPoolExecutor(1, "preview-wait")
        while True:
            await self._ready.wait()
            every_s = max(1 / RATE_HZ, len(self._viewers) / _ALL_HZ)
            self._feed.want(came.release, every_s=every_s)
            while not await loop.run_in_executor(waiter, came.acquire, True, _PATIENCE_S):
                pass
            picture = self._feed.take()
            assert picture is not None
            self._ready.clear()
            self._encode(picture)
            self._number += 1
            self._published.set()
            self._published = asyncio.Event()
            for viewer in self._viewers:
                viewer.changed.set()

    async def _tell(self) -> None:
        """Tell all viewers twice a second how the run goes."""
        while True:
            if self._viewers:
                self._status = await self._told.status()
                self._status["viewers"] = len(self._viewers)
                for viewer in self._viewers:
                    viewer.is_untold = True
                    viewer.changed.set()
                    viewer.give_up_if_stuck()
            await asyncio.sleep(_STATUS_S)

    async def _send(self, viewer: _Viewer) -> None:
        """Send what the viewer has not got and is ready for, in turn."""
        while True:
            if viewer.num_wanted and viewer.number == self._number:
                self._ready.set()
            await viewer.changed.wait()
            viewer.changed.clear()
            viewer.sends_since_s = time.monotonic()
            if viewer.is_untold:
                viewer.is_untold = False
                await viewer.socket.send_text(self._news(viewer))
            if viewer.num_wanted and viewer.number < self._number:
                viewer.number = self._number
                viewer.num_wanted -= 1
                await viewer.socket.send_bytes(self._message)
            viewer.sends_since_s = math.inf

    def _news(self, viewer: _Viewer) -> str:
        slices, events = self._history.end
        news = self._history.since(viewer.num_slices, viewer.num_events)
        viewer.num_slices, viewer.num_events = slices, events
        return json.dumps({"status": self._status, **news}, separators=(",", ":"))

    async def _read(self, viewer: _Viewer) -> int | None:
        """Count the pictures that the viewer asks for; return why it is to be sent away."""
        bucket = Bucket(per_s=4 * RATE_HZ, burst=200)
        while True:
            message = await viewer.socket.receive()
            if message["type"] == "websocket.disconnect":
                return None
            if message.get("text") != _ASK or not bucket.take():
                return _POLICY
            viewer.num_wanted = min(viewer.num_wanted + 1, _ON_THE_WAY)
            viewer.changed.set()

    def _encode(self, picture: Picture) -> None:
        seen = self._encoder.encode(picture.frame)
        self._jpeg = seen.jpeg
        frame, track = picture.frame, picture.track
        age_ms = track.age_ms
        if age_ms is not None:
            age_ms = round(age_ms + (time.monotonic() - picture.came_s) * 1e3, 1)
        about = {
            "width": frame.width_px,
            "height": frame.height_px,
            "shutter": frame.shutter,
            "age_ms": age_ms,
            "low_c": _tenths(seen.low_c),
            "high_c": _tenths(seen.high_c),
            "is_start": track.start is not None,
        }
        # as_json ends with a brace: what it says and what is said here become one object.
        text = as_json(track)[:-1] + "," + json.dumps({"picture": about}, separators=(",", ":"))[1:]
        told = text.encode("ascii")
        self._message = struct.pack(">I", len(told)) + told + seen.jpeg


class _Viewer:
    """One who watches."""

    def __init__(self, socket: Any, number: int) -> None:
        self.socket = socket
        self.changed = asyncio.Event()
        self.num_wanted = _ON_THE_WAY
        self.number = number  # of the picture that it got last, or needs no more
        self.is_untold = False
        self.sends_since_s = math.inf  # time.monotonic; inf while nothing is on its way
        self.sending: asyncio.Future[None] | None = None
        self.num_slices = self.num_events = 0

    def give_up_if_stuck(self) -> None:
        """End the sending when a message has been on its way for too long."""
        # Looked at from outside: a timer for each message would cost more than sending it.
        if self.sending and time.monotonic() - self.sends_since_s > _SEND_S:
            self.sending.cancel()


def _complain(task: asyncio.Task[None]) -> None:
    """Log what ended a task that goes on for ever: a bug."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _LOG.error("the preview shows nothing any more", exc_info=error)


def _tenths(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
