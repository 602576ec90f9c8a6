"""Tell systemd that the tracker lives: it does while fresh frames are processed."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Mapping

from thermedge.runtime.summary import Summary
from thermedge.runtime.track import Track

_LOG = logging.getLogger(__name__)

_STATUS_S = 5.0  # between two lines for `systemctl status`


class Notifier:
    """Speaks systemd's notification protocol; says nothing where systemd does not listen.

    READY=1 follows the first frame, or a later one where systemd was too busy to hear it: a
    service that it never hears of is stopped. WATCHDOG=1 follows every fresh frame, at a
    quarter of the time that the service allows at most. A loop that gets no frame, or the
    same one for ever, stays silent, and systemd starts it anew.

    Args:
        environment: Of the process: NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID count.

    Source: the manual pages sd_notify(3) and sd_watchdog_enabled(3).
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        name = environment.get("NOTIFY_SOCKET", "")
        # "@" stands for the zero byte that begins an abstract address.
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if name else None
        if self._socket is not None:
            self._socket.setblocking(False)
        self._every_s = _watchdog_s(environment) / 4
        self._next_alive = self._next_status = 0.0
        self._is_ready = False  # systemd was told
        self._last_index: int | None = None

    def frame(self, track: Track, summary: Summary) -> None:
        """Note that a frame was processed."""
        if self._socket is None or track.frame_index == self._last_index:
            return
        if not self._is_ready:
            self._is_ready = self._send("READY=1")
        self._last_index = track.frame_index
        now = time.monotonic()
        if self._every_s and now >= self._next_alive:
            self._next_alive = now + self._every_s
            self._send("WATCHDOG=1")
        if now >= self._next_status:
            self._next_status = now + _STATUS_S
            faults = sum(summary.faults.values())
            self._send(
                f"STATUS={track.state}, frame {track.frame_index}, {summary.fps:.1f} FPS, "
                f"{summary.dropped} dropped, {faults} faults"
            )

    def close(self) -> None:
        """Say that the tracker stops. Calling it twice is allowed."""
        if self._socket is not None:
            self._send("STOPPING=1")
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Notifier:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _send(self, text: str) -> bool:
        """Return whether systemd took it."""
        assert self._socket is not None
        try:
            self._socket.sendto(text.encode("ascii"), self._address)
        except OSError as error:
            _LOG.debug("systemd did not take %r: %s", text, error)
            return False
        return True


def _watchdog_s(environment: Mapping[str, str]) -> float:
    """Return the time within which the service must show life; 0 when nobody watches."""
    owner = environment.get("WATCHDOG_PID", str(os.getpid()))
    text = environment.get("WATCHDOG_USEC", "0")
    return int(text) / 1e6 if text.isdecimal() and owner == str(os.getpid()) else 0.0
