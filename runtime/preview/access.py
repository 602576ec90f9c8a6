"""Who may watch and who may give orders: one token, sessions made from it, and a guard word."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
import secrets
import stat
import time
from collections.abc import Callable
from pathlib import Path

from thermedge.errors import ThermedgeError

_LOG = logging.getLogger(__name__)

SESSION_S = 12 * 3600
_LEAST_CHARACTERS = 16
_MOST_CHARACTERS = 512
_SESSION = re.compile(r"([0-9]{1,12})\.([0-9a-f]{32})\.([0-9a-f]{64})")


class Access:
    """Checks tokens and sessions. Nothing is kept: a session carries its own proof.

    A session is an expiry and a nonce with their HMAC under a key made from the token, so
    it outlives a restart with the same token and ends with another one.

    Args:
        token: What whoever gives orders must know.
        is_local: Only this machine can connect: watching needs no token then. Orders always do.
        clock: Seconds since the epoch.
    """

    def __init__(
        self, token: str, *, is_local: bool, clock: Callable[[], float] = time.time
    ) -> None:
        self._key = hashlib.sha256(b"thermedge preview\0" + token.encode()).digest()
        self._clock = clock
        self.is_open = is_local

    def knows(self, token: str) -> bool:
        """Return whether this is the token; the time it takes tells nothing about it."""
        told = token.encode("utf-8", "surrogatepass")
        key = hashlib.sha256(b"thermedge preview\0" + told).digest()
        return hmac.compare_digest(key, self._key)

    def new_session(self) -> str:
        """Return a session for somebody who knew the token."""
        told = f"{int(self._clock()) + SESSION_S}.{secrets.token_hex(16)}"
        return f"{told}.{self._sign('session', told)}"

    def is_session(self, session: str) -> bool:
        """Return whether `new_session` made it, with this token, and it has not expired."""
        match = _SESSION.fullmatch(session)
        if match is None:
            return False
        told = f"{match[1]}.{match[2]}"
        is_ours = hmac.compare_digest(self._sign("session", told), match[3])
        return is_ours and self._clock() < int(match[1])

    def guard(self, session: str) -> str:
        """Return the word that orders of a session must carry, which no other site can know."""
        return self._sign("guard", session)

    def is_guard(self, session: str, word: str) -> bool:
        """Return whether `word` belongs to the session."""
        told = word.encode("utf-8", "surrogatepass")
        return hmac.compare_digest(self.guard(session).encode(), told)

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new(self._key, f"{purpose}\0{text}".encode(), hashlib.sha256).hexdigest()


def new_token() -> str:
    """Return a token that nobody guesses: 192 bits."""
    return secrets.token_urlsafe(24)


def read_token(path: Path) -> str:
    """Return the token in a file: its only line.

    Raises:
        ThermedgeError: The file can't be read, or holds no line of 16 to 512 visible characters.
    """
    try:
        with path.open("rb") as file:
            text = file.read(4 * _MOST_CHARACTERS)
            mode = os.fstat(file.fileno()).st_mode
    except OSError as error:
        raise ThermedgeError(
            f"{path} can't be read: {error.strerror}.", "Name a readable file with the token."
        ) from error
    token = text.decode("utf-8", "replace").strip()
    is_fine = re.fullmatch(r"[!-~]+", token) and len(token) <= _MOST_CHARACTERS
    if not is_fine or len(token) < _LEAST_CHARACTERS:
        raise ThermedgeError(
            f"{path} holds no token: one line of {_LEAST_CHARACTERS} to {_MOST_CHARACTERS} "
            "visible ASCII characters is expected.",
            f"Write one: (umask 077; openssl rand -hex 24 > {path})",
        )
    if mode & (stat.S_IRGRP | stat.S_IROTH) and stat.S_ISREG(mode):
        _LOG.warning("%s: other users can read the token; chmod 600 makes it yours alone", path)
    return token
