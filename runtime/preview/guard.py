"""What every request passes before anything looks at it, and the headers of every answer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from thermedge.runtime.preview.limits import Limit

Scope = Mapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]

MOST_BODY_BYTES = 4096
_PER_S, _BURST = 50.0, 400  # requests of one address; a page is eight of them
_LOCAL_NAMES = {b"localhost", b"127.0.0.1", b"[::1]"}

# Nothing but this server's own files: no inline script, no frame around the page, no form.
_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
]


class Guard:
    """Refuses requests of other sites, too large ones, and too many.

    Args:
        app: Gets the rest.
        is_local: Listens on loopback only. A name of another site that leads here would be
            its way round the browser's rules, so only names of this machine are taken.
        host: Where it listens, as a browser writes it; always taken.
    """

    def __init__(self, app: App, *, is_local: bool, host: str) -> None:
        self._app, self._is_local = app, is_local
        self._names = _LOCAL_NAMES | {host.lower().encode()}
        self._limit = Limit(per_s=_PER_S, burst=_BURST)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer one request, or hand it on."""
        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send if scope["type"] != "http" else _with(send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await _refuse(_with(send), *refusal)

    def _refusal(self, scope: Scope) -> tuple[int, str, str] | None:
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").lower()
        if self._is_local and _name(host) not in self._names:
            return 421, "This preview is for its own machine only.", "Open the address it printed."
        origin = headers.get(b"origin")
        is_asking = scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}
        if origin is not None and not is_asking and origin.lower().partition(b"://")[2] != host:
            return 403, "The request comes from another site.", "Open the page itself."
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length[:10]) > MOST_BODY_BYTES:
            return 413, f"More than {MOST_BODY_BYTES} bytes came.", "Send less."
        if not self._limit.allows((scope.get("client") or ("",))[0]):
            return 429, "Too many requests came from this address.", "Wait a second."
        return None


def _name(host: bytes) -> bytes:
    """Return the host without its port."""
    end = host.find(b"]") + 1 if host.startswith(b"[") else host.find(b":")
    return host if end < 1 else host[:end]


def _with(send: Any) -> Any:
    """Return `send` that adds the headers."""

    async def sending(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *_HEADERS]}
        await send(message)

    return sending


async def _refuse(send: Any, status: int, problem: str, remedy: str) -> None:
    body = json.dumps({"ok": False, "error": problem, "fix": remedy}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
    ]
    if status == 429:
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
