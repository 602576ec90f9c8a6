"""Host names that can be looked up at all."""

from __future__ import annotations


def is_host(text: str) -> bool:
    """Return whether `text` can be an address or a host's name.

    Python raises no error of its own for 192.168..1 but UnicodeError, out of any call that
    looks a name up: every part between dots needs 1 to 63 characters.
    """
    try:
        return bool(text.encode("idna"))
    except UnicodeError:
        return False
