"""Orders over a Unix socket: a JSON object per line in, a JSON object per line out.

    {"command": "init", "x": 120, "y": 80, "w": 24, "h": 16}    start a track on a box, px
    {"command": "stop"}                                         let the target go
    {"command": "status"}                                       how the run goes, at once
    {"command": "snapshot"}                                     the next frame as PNG, base64

Every line is answered by one object, in order: `"ok": true` and what was asked for, or
`"ok": false` with `error` and `fix`. A key `id` comes back as it was sent.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import socket
import stat
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2

from thermedge.errors import ThermedgeError
from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.runtime.answering import answered
from thermedge.runtime.control import Control, Order, Snapshot, Start, Stop
from thermedge.runtime.track import Track

_LOG = logging.getLogger(__name__)

COMMANDS = ("init", "stop", "status", "snapshot")
_MOST_BYTES = 64 << 10  # of one line
_MOST_CLIENTS = 32
_FRAME_S = 5.0  # how long an order waits for the next frame
_READ_S = 10.0  # how long a client may take to read an answer
_REMEDY = 'Send, for example, {"command": "status"} and a line feed.'


class ControlSocket:
    """Listens at a path, in a thread of its own, until it is closed.

    Only the user who runs it may connect. A socket file that nobody listens at any more
    is replaced; one that is in use is not.

    Args:
        path: Of the socket.
        control: Gets the orders.

    Raises:
        ThermedgeError: `path` is in use, is no socket, or can't be made.
    """

    def __init__(self, path: Path, control: Control) -> None:
        self._path, self._control = path, control
        self._socket = _bound(path)
        self._file = os.stat(path).st_ino
        self._clients: set[asyncio.Task[None]] = set()
        self._is_ending = False
        self._loop = asyncio.new_event_loop()
        is_serving = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(is_serving,), name="control", daemon=True
        )
        self._thread.start()
        is_serving.wait()

    def close(self) -> None:
        """Send the clients away and remove the socket. Calling it twice is allowed."""
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        with suppress(OSError):
            if os.stat(self._path).st_ino == self._file:  # not another tracker's by now
                os.unlink(self._path)

    def __enter__(self) -> ControlSocket:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _run(self, is_serving: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_unix_server(self._met, sock=self._socket, limit=_MOST_BYTES)
        )
        self._loop.call_soon(is_serving.set)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._end(server))
            self._loop.close()

    async def _end(self, server: asyncio.AbstractServer) -> None:
        server.close()
        # Before Python 3.12, wait_for can swallow a cancellation: this ends the task then.
        self._is_ending = True
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        await self._loop.shutdown_default_executor()
        await asyncio.sleep(0)  # transports close a round later

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            if len(self._clients) > _MOST_CLIENTS:
                writer.write(_line(_refusal(f"{_MOST_CLIENTS} clients are connected already.")))
            else:
                await self._serve(reader, writer)
        except (OSError, asyncio.CancelledError):  # the client, or the tracker, went away
            pass
        finally:
            self._clients.discard(task)
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not self._is_ending:
            try:
                text = await reader.readuntil(b"\n")
            except asyncio.IncompleteReadError as error:
                if error.partial.strip():
                    writer.write(_line(_refusal("The last line has no line feed.")))
                return
            except asyncio.LimitOverrunError:
                writer.write(_line(_refusal(f"A line is longer than {_MOST_BYTES} bytes.")))
                return
            writer.write(_line(await self._answer(text)))
            try:
                await asyncio.wait_for(writer.drain(), _READ_S)
            except asyncio.TimeoutError:
                return

    async def _answer(self, text: bytes) -> dict[str, Any]:
        told: dict[str, Any] = {}
        try:
            asked = _parsed(text)
            told = {"id": asked["id"]} if "id" in asked else {}
            if asked["command"] == "status":
                return told | {"ok": True} | self._control.status()
            answer = self._control.ask(_order(asked))
            done = await answered(answer, within_s=_FRAME_S)
        except ThermedgeError as error:
            return told | _refusal(error.problem, error.remedy)
        except asyncio.TimeoutError:
            problem = f"No frame came within {_FRAME_S:g} s; the order was taken back."
            return told | _refusal(problem, "Look at silent_s of the status, and at the camera.")
        if isinstance(done, Frame):
            return told | await self._loop.run_in_executor(None, _picture, done)
        if isinstance(done, Track):
            return told | {"ok": True, "frame": done.frame_index}
        return told | {"ok": True}


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ThermedgeError(f"The line is no JSON: {error}.", _REMEDY) from error
    if not isinstance(asked, dict) or asked.get("command") not in COMMANDS:
        raise ThermedgeError(
            f"The line is no object with a command of {', '.join(COMMANDS)}.", _REMEDY
        )
    return asked


def _order(asked: dict[str, Any]) -> Order:
    if asked["command"] == "stop":
        return Stop()
    if asked["command"] == "snapshot":
        return Snapshot()
    sides = [asked.get(name) for name in "xywh"]
    numbers = [side for side in sides if isinstance(side, (int, float)) and abs(side) < 1e9]
    if len(numbers) != 4 or any(isinstance(side, bool) for side in sides):
        raise ThermedgeError(
            "init needs the four numbers x, y, w and h, in px of the frame.",
            'Send, for example, {"command": "init", "x": 120, "y": 80, "w": 24, "h": 16}',
        )
    return Start(Box(*map(float, numbers)))


def _picture(frame: Frame) -> dict[str, Any]:
    _, encoded = cv2.imencode(".png", frame.counts)
    return {
        "ok": True,
        "frame": frame.index,
        "width": frame.width_px,
        "height": frame.height_px,
        "bits": frame.bits,
        "png": base64.b64encode(encoded.tobytes()).decode("ascii"),
    }


def _refusal(error: str, fix: str = _REMEDY) -> dict[str, Any]:
    return {"ok": False, "error": error, "fix": fix}


def _line(told: dict[str, Any]) -> bytes:
    return json.dumps(told).encode("ascii") + b"\n"


def _bound(path: Path) -> socket.socket:
    """Return a socket bound to `path`, which only this user may connect to."""
    opened = socket.socket(socket.AF_UNIX)
    try:
        _make_way(path)
        mask = os.umask(0o177)  # from the first moment on, not by a chmod afterwards
        try:
            opened.bind(os.fspath(path))
        finally:
            os.umask(mask)
        opened.listen(_MOST_CLIENTS)
    except OSError as error:
        opened.close()
        reason = error.strerror or str(error)
        raise ThermedgeError(
            f"{path} can't become a control socket: {reason}.",
            "Name a short path in a folder that this user may write, as /run/user/1000/t.sock",
        ) from error
    except ThermedgeError:
        opened.close()
        raise
    return opened


def _make_way(path: Path) -> None:
    """Remove a socket that nobody listens at."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise ThermedgeError(
                f"{path} exists and is no socket.", "Name another path with --control."
            )
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except (TimeoutError, BlockingIOError):
            pass  # somebody listens, but is busy, or so many wait that no more can
    raise ThermedgeError(
        f"{path} is in use: another tracker listens there.",
        "Stop that one, or name another path with --control.",
    )
