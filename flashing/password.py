"""Set a password in a board's root file system, away from command lines and logs."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from thermedge.errors import BoardError
from thermedge.files import sync

_MOST_BYTES = 256  # openssl leaves out what comes after, without a word
LOCKED = "!"  # matches no password; SSH keys still work


def read(path: Path) -> str:
    """Return the first line of a password file.

    Raises:
        BoardError: It can't be read, has none, or one that openssl would cut short.
    """
    try:
        # Windows' editors begin a file with a mark, which nobody could type at a login.
        first = path.read_text(encoding="utf-8-sig").partition("\n")[0]
    except (OSError, UnicodeDecodeError) as error:
        raise BoardError(
            f"{path} can't be read: {error}.", "Write the password into it, in one line."
        ) from error
    if not first:
        raise BoardError(f"{path} has no password in its first line.", "Write it there.")
    if len(first.encode()) > _MOST_BYTES:
        raise BoardError(
            f"The password in {path} is longer than {_MOST_BYTES} bytes.", "Write a shorter one."
        )
    return first


def hashed(password: str) -> str:
    """Return the salted SHA-512 of a password as crypt(5) writes it, made by openssl.

    Raises:
        BoardError: openssl is missing or fails.
    """
    argv = ["openssl", "passwd", "-6", "-stdin"]
    try:
        done = subprocess.run(argv, input=f"{password}\n".encode(), capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BoardError("openssl can't hash the password.", "sudo apt install openssl") from error
    return done.stdout.decode("ascii").strip()


def put(rootfs: Path, user: str, value: str) -> None:
    """Write the hash `value` for `user` into etc/shadow; its owner and mode stay.

    Raises:
        BoardError: The user isn't in it, or it can't be written.
    """
    path = rootfs / "etc/shadow"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        if not any(line.startswith(f"{user}:") for line in lines):
            raise BoardError(
                f"{path} has no user {user!r}: l4t_create_default_user.sh didn't make it.",
                "Look for the first error in the log, then go on from there: --from user",
            )
        _replace(path, "\n".join(_changed(line, user, value) for line in lines) + "\n")
    except OSError as error:
        raise BoardError(
            f"{path} can't be written: {error.strerror}.", "Run it as root."
        ) from error


def _changed(line: str, user: str, value: str) -> str:
    name, _, rest = line.partition(":")
    return ":".join([name, value, *rest.split(":")[1:]]) if name == user else line


def _replace(path: Path, text: str) -> None:
    # Not files.replacing: that makes files which everybody may read.
    stated = path.stat()
    handle, name = tempfile.mkstemp(prefix=".shadow.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chown(temporary, stated.st_uid, stated.st_gid)
        os.chmod(temporary, stated.st_mode & 0o7777)
        sync(temporary)
        os.replace(temporary, path)
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
