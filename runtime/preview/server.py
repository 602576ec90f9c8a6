"""The preview as a whole: a server in a thread of its own, beside the tracker's."""

from __future__ import annotations

import asyncio
import ssl
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thermedge.errors import ThermedgeError
from thermedge.optional import require
from thermedge.runtime.control import Control
from thermedge.runtime.metrics import Figures
from thermedge.runtime.preview.access import Access, new_token
from thermedge.runtime.preview.address import Address, listening
from thermedge.runtime.preview.app import PURPOSE, Site
from thermedge.runtime.preview.feed import Feed
from thermedge.runtime.preview.history import History
from thermedge.runtime.preview.recorder import Recorder
from thermedge.runtime.preview.told import Told
from thermedge.runtime.preview.viewers import Viewers
from thermedge.runtime.summary import Summary
from thermedge.runtime.track import Track

_SWITCH_S = 5e-4  # how long the tracker may wait for this thread to let go of the interpreter
_MOST_CONNECTIONS = 160
_HEADERS_S = 10.0  # how long a client may take to send the headers of a request
_MOST_HEADER_BYTES = 16 << 10
_MOST_MESSAGE_BYTES = 1024  # of a viewer; all it says is that it wants the next picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where and for whom the preview is.

    A token of None is made up, and part of the address that is printed.
    """

    address: Address
    token: str | None = None
    certificate: Path | None = None  # PEM; with it the page is served over TLS
    key: Path | None = None  # PEM; None where the certificate's file holds it


class Preview:
    """Shows the run in browsers, from its making until it is closed.

    Args:
        settings: Where and for whom.
        control: Gets the orders of the page.
        summary: Of the run.
        recorder: Makes the recordings that the page asks for; closed by this.
        source: How the source is called.
        tracker: How the tracker is called.

    Raises:
        ThermedgeError: The address is impossible or in use, or the certificate is wrong.
        MissingDependencyError: The extra `preview` is not installed.
    """

    def __init__(
        self,
        settings: Settings,
        control: Control,
        *,
        summary: Summary,
        recorder: Recorder,
        source: str,
        tracker: str,
    ) -> None:
        self._uvicorn = require("uvicorn", PURPOSE)
        require("websockets", PURPOSE)
        self._settings, self._control = settings, control
        self._token = settings.token or new_token()
        self._history = History()
        self._names = {"source": source, "tracker": tracker}
        self._figures = Figures(summary, purpose=PURPOSE)
        self.recorder = recorder
        self.feed = Feed(self._history)
        self._socket = listening(settings.address)
        self.port: int = self._socket.getsockname()[1]
        try:
            self._server = self._made()
        except BaseException:
            self._socket.close()
            raise
        sys.setswitchinterval(_SWITCH_S)  # of the whole process, from now on
        self._thread = threading.Thread(target=self._run, name="preview", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """What to open in a browser; it holds the token when that was made up here.

        The token stands behind a #, so browsers send it to nobody; the page takes it out.
        """
        scheme = "http" if self._settings.certificate is None else "https"
        token = "" if self._settings.token else f"#token={self._token}"
        return f"{scheme}://{self._settings.address.shown_host}:{self.port}/{token}"

    @property
    def is_readable_on_the_way(self) -> bool:
        """Whether picture and token cross a network in the clear."""
        return not self._settings.address.is_local and self._settings.certificate is None

    def frame(self, track: Track, summary: Summary) -> None:
        """Note the newest result, for Prometheus; called once per frame."""
        self._figures.frame(track, summary)

    def close(self) -> None:
        """Send the viewers away and complete the recording. Calling it twice is allowed."""
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
        self.recorder.close()

    def __enter__(self) -> Preview:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])

    def _made(self) -> Any:
        settings = self._settings
        config = self._uvicorn.Config(
            self._app(),
            loop="asyncio",
            http=_protocol(),
            ws="websockets-sansio",
            ws_max_size=_MOST_MESSAGE_BYTES,
            ws_per_message_deflate=False,  # a JPEG gets no smaller
            h11_max_incomplete_event_size=_MOST_HEADER_BYTES,
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,  # who asks is who connects
            timeout_graceful_shutdown=1,
            ssl_certfile=settings.certificate,
            ssl_keyfile=settings.key,
        )
        try:
            config.load()
        except (OSError, ssl.SSLError) as error:
            reason = getattr(error, "reason", None) or error.strerror or str(error)
            raise ThermedgeError(
                f"{settings.certificate} can't be used for TLS: {reason}.",
                "Give a certificate in PEM with --preview-cert, and its key with --preview-key.",
            ) from error
        return self._uvicorn.Server(config)

    def _app(self) -> Any:
        told = Told(
            self._control,
            self.feed,
            history=self._history,
            recorder=self.recorder,
            **self._names,
        )
        site = Site(
            Access(self._token, is_local=self._settings.address.is_local),
            self._control,
            told=told,
            viewers=Viewers(self.feed, self._history, told=told),
            recorder=self.recorder,
            figures=self._figures,
            cookie=f"thermedge_{self.port}",
            host=self._settings.address.shown_host,
        )
        return site.app()


def _protocol() -> Any:
    """Return uvicorn's HTTP with an end to patience, and to the number of connections."""
    base: Any = require("uvicorn.protocols.http.h11_impl", PURPOSE).H11Protocol

    class Protocol(base):  # type: ignore[misc]
        _patience: asyncio.TimerHandle | None = None
        _is_handed_on = False

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > _MOST_CONNECTIONS:
                transport.abort()
            else:
                self._wait()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            is_asking = self.cycle is None or self.cycle.response_complete
            if self._is_handed_on or not is_asking:
                self._end_wait()
            elif self._patience is None:
                self._wait()

        def handle_websocket_upgrade(self, event: Any) -> None:
            self._is_handed_on = True
            super().handle_websocket_upgrade(event)

        def connection_lost(self, error: Exception | None) -> None:
            self._end_wait()
            super().connection_lost(error)

        def _wait(self) -> None:
            self._patience = self.loop.call_later(_HEADERS_S, self._give_up)

        def _end_wait(self) -> None:
            if self._patience is not None:
                self._patience.cancel()
                self._patience = None

        def _give_up(self) -> None:
            if self.cycle is None or self.cycle.response_complete:
                self.transport.abort()

    return Protocol
