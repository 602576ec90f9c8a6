"""The page and its API: what is answered to whom."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping
from typing import Any, TypedDict

from thermedge.errors import ThermedgeError
from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.optional import require
from thermedge.runtime.answering import answered
from thermedge.runtime.control import Control, Order, Snapshot, Start, Stop
from thermedge.runtime.metrics import Figures
from thermedge.runtime.preview.access import SESSION_S, Access
from thermedge.runtime.preview.guard import MOST_BODY_BYTES, App, Guard
from thermedge.runtime.preview.limits import Limit
from thermedge.runtime.preview.pages import read_pages
from thermedge.runtime.preview.picture import png_of
from thermedge.runtime.preview.recorder import Recorder
from thermedge.runtime.preview.told import Told
from thermedge.runtime.preview.viewers import Viewers
from thermedge.runtime.track import Track

PURPOSE = "--preview"


class _Rate(TypedDict):
    per_s: float
    burst: int


GUARD_HEADER = "x-thermedge-guard"
_FRAME_S = 5.0  # how long an order waits for the next frame
_BODY_S = 5.0  # how long a client may take to send a body
# Of one address.
_ATTEMPTS: _Rate = {"per_s": 1.0, "burst": 10}  # at the token
_ORDERS: _Rate = {"per_s": 10.0, "burst": 30}
_EXAMPLE = '{"x": 120, "y": 80, "w": 24, "h": 16}'


class Refused(Exception):
    """Why a request is not answered, and what to do about it."""

    def __init__(self, status: int, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.status, self.problem, self.remedy = status, problem, remedy


class Site:
    """Answers requests; see page/api.html for what they are.

    Args:
        access: Who may do what.
        control: Gets the orders.
        told: Knows the answers.
        viewers: Get the live picture.
        recorder: Is started and ended.
        figures: For Prometheus.
        cookie: Name of the session's cookie; browsers share cookies among ports.
        host: Where it listens, as a browser writes it.
    """

    def __init__(
        self,
        access: Access,
        control: Control,
        *,
        told: Told,
        viewers: Viewers,
        recorder: Recorder,
        figures: Figures,
        cookie: str,
        host: str,
    ) -> None:
        self._access, self._control, self._told = access, control, told
        self._viewers, self._recorder, self._figures = viewers, recorder, figures
        self._cookie, self._host = cookie, host
        self._responses = require("starlette.responses", PURPOSE)
        self._pages = read_pages()
        self._attempts = Limit(**_ATTEMPTS)
        self._orders = Limit(**_ORDERS)

    def app(self) -> App:
        """Return all of it as an ASGI application."""
        routing = require("starlette.routing", PURPOSE)
        starlette = require("starlette.applications", PURPOSE)
        exceptions = require("starlette.exceptions", PURPOSE)
        requests = require("starlette.requests", PURPOSE)
        routes = [
            routing.Route("/", self._page("index.html")),
            routing.Route("/api", self._page("api.html")),
            *(routing.Route(f"/page/{name}", self._page(name)) for name in self._pages),
            routing.Route("/healthz", self.health),
            routing.Route("/metrics", self.metrics),
            routing.Route("/api/session", self.session, methods=["GET", "POST", "DELETE"]),
            routing.Route("/api/status", self.status),
            routing.Route("/api/track", self.track, methods=["GET", "POST", "DELETE"]),
            routing.Route("/api/recording", self.recording, methods=["POST", "DELETE"]),
            routing.Route("/api/picture.jpg", self.picture),
            routing.Route("/api/snapshot.png", self.snapshot),
            routing.WebSocketRoute("/api/live", self.live),
        ]
        handlers = {
            Refused: self._refused,
            ThermedgeError: self._impossible,
            exceptions.HTTPException: self._unknown,
            requests.ClientDisconnect: self._left,
            Exception: self._broken,
        }
        app = starlette.Starlette(routes=routes, exception_handlers=handlers)
        app.router.redirect_slashes = False
        return Guard(app, is_local=self._access.is_open, host=self._host)

    async def health(self, request: Any) -> Any:
        """Say whether frames come."""
        is_well, told = self._told.health()
        return self._json(told, status=200 if is_well else 503)

    async def metrics(self, request: Any) -> Any:
        """Give figures to Prometheus."""
        self._may_watch(request)
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return self._responses.Response(self._figures.text(), headers={"content-type": kind})

    async def session(self, request: Any) -> Any:
        """Say what the browser may do; take a token for a session; or end it."""
        if request.method == "POST":
            return await self._log_in(request)
        if request.method == "DELETE":
            self._may_control(request)
            answer = self._json({"ok": True})
            answer.delete_cookie(self._cookie, path="/")
            return answer
        return self._json(self._rights(self._session(request)))

    async def status(self, request: Any) -> Any:
        """Say how the run goes."""
        self._may_watch(request)
        return self._json({"ok": True, **await self._told.status()})

    async def track(self, request: Any) -> Any:
        """Tell the newest track; start one; or let the target go."""
        if request.method in {"GET", "HEAD"}:
            self._may_watch(request)
            track = self._told.track()
            if track is None:
                raise Refused(503, "No frame has come yet.", "Wait for the camera.")
            return self._json({"ok": True, **track})
        self._may_control(request)
        order = Stop() if request.method == "DELETE" else Start(_box(await _body(request)))
        done = await self._carried_out(order)
        return self._json({"ok": True} | ({"frame": done.frame_index} if done else {}))

    async def recording(self, request: Any) -> Any:
        """Begin a recording, or complete it."""
        self._may_control(request)
        loop = asyncio.get_running_loop()
        is_start = request.method == "POST"
        work = self._recorder.start if is_start else self._recorder.stop
        run = await loop.run_in_executor(None, work)
        return self._json({"ok": True, "run": None if run is None else str(run)})

    async def picture(self, request: Any) -> Any:
        """Give the newest picture, grey."""
        self._may_watch(request)
        jpeg = await self._viewers.picture()
        if jpeg is None:
            raise Refused(503, "No frame comes.", "Look at silent_s of /api/status.")
        return self._responses.Response(jpeg, media_type="image/jpeg", headers=_NO_STORE)

    async def snapshot(self, request: Any) -> Any:
        """Give the next frame with all its counts."""
        self._may_watch(request)
        self._within(self._orders, request)
        frame = await self._carried_out(Snapshot())
        loop = asyncio.get_running_loop()
        png = await loop.run_in_executor(None, png_of, frame)
        name = f'attachment; filename="frame_{frame.index}.png"'
        headers = {**_NO_STORE, "content-disposition": name}
        return self._responses.Response(png, media_type="image/png", headers=headers)

    async def live(self, socket: Any) -> None:
        """Show the live picture over a WebSocket."""
        try:
            self._may_watch(socket)
        except Refused:
            await socket.close(1008)
            return
        await socket.accept()
        await self._viewers.watch(socket)

    async def _log_in(self, request: Any) -> Any:
        self._within(self._attempts, request)
        token = (await _body(request)).get("token")
        if not isinstance(token, str) or not self._access.knows(token):
            raise Refused(401, "The token is wrong.", "Open the address that was printed.")
        session = self._access.new_session()
        answer = self._json(self._rights(session))
        answer.set_cookie(
            self._cookie,
            session,
            max_age=SESSION_S,
            path="/",
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer

    def _rights(self, session: str) -> dict[str, Any]:
        is_known = self._access.is_session(session)
        rights = {"ok": True, "may_watch": is_known or self._access.is_open}
        guard = {"guard": self._access.guard(session)} if is_known else {}
        return {**rights, "may_control": is_known, **guard}

    def _session(self, request: Any) -> str:
        session: str = request.cookies.get(self._cookie, "")
        return session

    def _has_token(self, request: Any) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self._access.knows(token.strip())

    def _may_watch(self, request: Any) -> None:
        is_known = self._access.is_session(self._session(request)) or self._has_token(request)
        if not (self._access.is_open or is_known):
            raise Refused(401, "Watching needs the token.", _WITH_TOKEN)

    def _may_control(self, request: Any) -> None:
        self._within(self._orders, request)
        if self._has_token(request):
            return
        session = self._session(request)
        if not self._access.is_session(session):
            raise Refused(401, "Orders need the token.", _WITH_TOKEN)
        if not self._access.is_guard(session, request.headers.get(GUARD_HEADER, "")):
            raise Refused(
                403,
                f"The header {GUARD_HEADER} is missing or wrong.",
                "Send with it what GET /api/session calls guard.",
            )

    def _within(self, limit: Limit, request: Any) -> None:
        if not limit.allows(request.client.host if request.client else ""):
            raise Refused(429, "That was asked for too often.", "Wait some seconds.")

    async def _carried_out(self, order: Order) -> Any:
        answer = self._control.ask(order)
        try:
            done = await answered(answer, within_s=_FRAME_S)
        except asyncio.TimeoutError as error:
            problem = f"No frame came within {_FRAME_S:g} s; the order was taken back."
            raise Refused(503, problem, "Look at silent_s of the status.") from error
        assert done is None or isinstance(done, (Track, Frame))
        return done

    def _page(self, name: str) -> Any:
        page = self._pages[name]

        async def answer(request: Any) -> Any:
            headers = {"etag": page.tag, "cache-control": "no-cache"}
            if request.headers.get("if-none-match") == page.tag:
                return self._responses.Response(status_code=304, headers=headers)
            return self._responses.Response(
                page.content, media_type=page.media_type, headers=headers
            )

        return answer

    async def _refused(self, request: Any, error: Refused) -> Any:
        return self._error(error.status, error.problem, error.remedy)

    async def _impossible(self, request: Any, error: ThermedgeError) -> Any:
        return self._error(409, error.problem, error.remedy)

    async def _unknown(self, request: Any, error: Any) -> Any:
        problem = f"{request.method} {request.url.path}: {error.detail}."
        return self._error(error.status_code, problem, "Read /api.", headers=error.headers)

    async def _left(self, request: Any, error: Exception) -> Any:
        # Nobody reads this; but it is no bug, of which the journal should tell.
        return self._error(400, "The client left before its request was whole.", "Send it again.")

    async def _broken(self, request: Any, error: Exception) -> Any:
        # The server logs the traceback; it is none of the client's business.
        return self._error(500, "The preview has a bug.", "Report what the journal says.")

    def _error(
        self, status: int, problem: str, remedy: str, headers: Mapping[str, str] | None = None
    ) -> Any:
        told = {"ok": False, "error": problem, "fix": remedy}
        return self._json(told, status=status, headers=headers)

    def _json(
        self,
        told: Mapping[str, Any],
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        return self._responses.Response(
            json.dumps(_finite(told)),
            status_code=status,
            media_type="application/json",
            headers={**_NO_STORE, **(headers or {})},
        )


_NO_STORE = {"cache-control": "no-store"}
_WITH_TOKEN = "Open the address that was printed, or send the header Authorization: Bearer TOKEN."


def _finite(value: Any) -> Any:
    """Return `value` with null for numbers that JSON can't say."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    return value


async def _body(request: Any) -> dict[str, Any]:
    """Return the JSON object that was sent."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Refused(415, "The body is not application/json.", f"Send, for example, {_EXAMPLE}")
    try:
        text = await asyncio.wait_for(_bytes(request), _BODY_S)
        asked = json.loads(text)
    except asyncio.TimeoutError as error:
        problem = f"The body took more than {_BODY_S:g} s."
        raise Refused(408, problem, "Send it at once.") from error
    except (ValueError, RecursionError) as error:
        problem = "The body is no JSON object."
        raise Refused(400, problem, f"Send, for example, {_EXAMPLE}") from error
    if not isinstance(asked, dict):
        raise Refused(400, "The body is no JSON object.", f"Send, for example, {_EXAMPLE}")
    return asked


async def _bytes(request: Any) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BODY_BYTES:
            raise Refused(413, f"More than {MOST_BODY_BYTES} bytes came.", "Send less.")
    return body


def _box(asked: dict[str, Any]) -> Box:
    sides = [asked.get(name) for name in "xywh"]
    is_number = [isinstance(side, (int, float)) and not isinstance(side, bool) for side in sides]
    if not all(is_number) or not all(-1e9 < side < 1e9 for side in sides):  # type: ignore[operator]
        raise Refused(
            400,
            "A track starts on a box with the four numbers x, y, w and h, in px of the frame.",
            f"Send, for example, {_EXAMPLE}",
        )
    x, y, w, h = (float(side) for side in sides)  # type: ignore[arg-type]
    return Box(x, y, w, h)
