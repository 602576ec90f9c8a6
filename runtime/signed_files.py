"""Files that this machine wrote, and that nobody changed since.

A TensorRT engine is a program: reading a foreign one can run anything. So each file has a
note beside it, signed with a key that was made on this machine and never leaves it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thermedge.files import replacing, sync

_KEY = "machine.key"
_KEY_BYTES = 32
_NOTE = ".json"


class SignatureError(Exception):
    """Why a file is not taken for ours; a clause that follows the file's name."""


def write(folder: Path, name: str, data: bytes, facts: Mapping[str, Any]) -> None:
    """Write `data` as `folder`/`name` with a signed note of `facts`.

    The data goes into a file of a new name first, then the note that tells this name takes
    the old one's place: a reader has the old pair or the new one.

    Args:
        facts: What JSON can hold.

    Raises:
        OSError: The folder can't be made or written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(data).hexdigest()
    stored = f"{name}.{digest[:16]}"
    note = {"file": stored, "bytes": len(data), "sha256": digest, "facts": dict(facts)}
    with replacing(folder / stored) as temporary:
        temporary.write_bytes(data)
    signed = {**note, "signature": _signature(_made_key(folder), note)}
    with replacing(folder / (name + _NOTE)) as temporary:
        temporary.write_text(json.dumps(signed, indent=1, sort_keys=True), encoding="utf-8")
    for old in folder.glob(f"{name}.{'[0-9a-f]' * 16}"):
        if old.name != stored:
            old.unlink()


def facts(folder: Path, name: str) -> dict[str, Any]:
    """Return what the signed note tells of a file, without opening the file.

    Raises:
        FileNotFoundError: There is no note.
        SignatureError: The note is damaged, or was not signed on this machine.
    """
    found: dict[str, Any] = _note(folder, name)["facts"]
    return found


def read(folder: Path, name: str) -> bytes:
    """Return the content of a file that its note vouches for.

    Raises:
        FileNotFoundError: There is no note.
        SignatureError: The note is not ours, or the file is another one than it tells.
    """
    note = _note(folder, name)
    path: Path = folder / note["file"]
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise SignatureError(f"is gone: {path} is missing") from error
    if len(data) != note["bytes"]:
        raise SignatureError(f"is truncated: {len(data)} bytes of {note['bytes']} are there")
    if hashlib.sha256(data).hexdigest() != note["sha256"]:
        raise SignatureError("was changed after it was written")
    return bytes(data)


def _note(folder: Path, name: str) -> dict[str, Any]:
    try:
        note = json.loads((folder / (name + _NOTE)).read_text(encoding="utf-8"))
        signature = note.pop("signature")
        stored, expected = str(note["file"]), _signature(_key(folder), note)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise SignatureError("has a damaged note beside it") from error
    if not hmac.compare_digest(str(signature), expected):
        raise SignatureError("was not written by thermedge on this machine")
    if Path(stored).name != stored:
        raise SignatureError("has a damaged note beside it")
    return dict(note)


def _signature(key: bytes, note: Mapping[str, Any]) -> str:
    text = json.dumps(note, sort_keys=True, separators=(",", ":"))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _key(folder: Path) -> bytes:
    try:
        key = (folder / _KEY).read_bytes()
    except FileNotFoundError as error:
        raise SignatureError("was not written by thermedge on this machine") from error
    except PermissionError as error:
        raise SignatureError(
            f"belongs to another user: {folder / _KEY} can't be read by this one"
        ) from error
    if len(key) != _KEY_BYTES:
        raise SignatureError("can't be vouched for: this machine's key is damaged")
    return key


def _made_key(folder: Path) -> bytes:
    """Return this machine's key; make it the first time, readable by its owner alone."""
    path = folder / _KEY
    try:
        return _key(folder)
    except SignatureError:
        path.unlink(missing_ok=True)  # damaged, or of another user: old files are lost with it
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_bytes(_KEY_BYTES))
    sync(path)
    return _key(folder)
