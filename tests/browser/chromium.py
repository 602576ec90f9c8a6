"""Chromium without a window, driven by its own DevTools protocol."""

import base64
import contextlib
import json
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path

from websockets.sync.client import connect

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
STARTING_S, WAITING_S = 60, 30


def installed() -> str | None:
    """Return the browser's path, None where there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextlib.contextmanager
def browser(folder: Path):
    """Start a browser with a profile of its own, and yield a function that opens a page."""
    command = [installed(), *FLAGS, f"--user-data-dir={folder}", "about:blank"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        port = _port(folder / "DevToolsActivePort")
        yield lambda url, **size: Page(port, url, **size)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _port(file: Path) -> int:
    deadline = time.monotonic() + STARTING_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int(file.read_text().splitlines()[0])
        time.sleep(0.1)
    raise TimeoutError("the browser does not start")


class Page:
    """One tab."""

    def __init__(self, port, url, *, width=1280, height=800, scale=1, touch=False):
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/json/new?about:blank", method="PUT"
        )
        told = json.load(urllib.request.urlopen(request, timeout=30))
        self._open = contextlib.ExitStack()
        self._socket = self._open.enter_context(
            connect(told["webSocketDebuggerUrl"], max_size=None)
        )
        self._number = 0
        self.problems = []  # what the page complained about
        self.ask("Page.enable")
        self.ask("Runtime.enable")
        self.ask("Log.enable")
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=touch,
        )
        if touch:
            self.ask("Emulation.setTouchEmulationEnabled", enabled=True)
        self.ask("Page.navigate", url=url)
        self.until(f"location.href.startsWith({json.dumps(url.partition('#')[0])})")
        self.until("document.readyState === 'complete'")

    def ask(self, method, **params):
        """Send a command; return its result."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            told = json.loads(self._socket.recv(timeout=60))
            self._note(told)
            if told.get("id") == self._number:
                assert "error" not in told, told
                return told["result"]

    def _note(self, told):
        if told.get("method") == "Runtime.exceptionThrown":
            details = told["params"]["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description", details["text"]))
        if told.get("method") == "Log.entryAdded" and told["params"]["entry"]["level"] == "error":
            entry = told["params"]["entry"]
            self.problems.append(f"{entry['text']} {entry.get('url', '')}")

    def run(self, script):
        """Return the value of an expression; promises are waited for."""
        told = self.ask(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def text(self, selector):
        return self.run(f"document.querySelector({json.dumps(selector)})?.textContent ?? null")

    def until(self, script, seconds=WAITING_S):
        """Wait until an expression is true; return its value."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            value = self.run(script)
            if value:
                return value
            time.sleep(0.1)
        raise AssertionError(f"never true: {script}; problems: {self.problems}")

    def place(self, selector):
        """Return (left, top, width, height) of an element, css px."""
        script = f"(() => {{ const r = document.querySelector({json.dumps(selector)})"
        return self.run(
            script + ".getBoundingClientRect(); return [r.left, r.top, r.width, r.height]; })()"
        )

    def mouse(self, kind, x, y):
        pressed = {"mousePressed": 1, "mouseMoved": 1, "mouseReleased": 0}[kind]
        self.ask(
            "Input.dispatchMouseEvent",
            type=kind,
            x=x,
            y=y,
            button="left",
            buttons=pressed,
            clickCount=1,
        )

    def touch(self, kind, *points):
        self.ask(
            "Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y} for x, y in points]
        )

    def key(self, key, *, shift=False):
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        params = {"key": key, "modifiers": 8 if shift else 0, "text": text}
        code = {"Enter": 13, "Delete": 46, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38}
        code |= {"ArrowRight": 39, "ArrowDown": 40}
        params["windowsVirtualKeyCode"] = code.get(key, ord(key[0].upper()))
        kind = "keyDown" if text else "rawKeyDown"
        self.ask("Input.dispatchKeyEvent", type=kind, **params)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **(params | {"text": ""}))

    def save(self, path):
        """Save a screenshot."""
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = path.suffix[1:].replace("jpg", "jpeg")
        told = self.ask("Page.captureScreenshot", format=kind)
        path.write_bytes(base64.b64decode(told["data"]))

    def close(self):
        self.ask("Page.close")
        self._open.close()
