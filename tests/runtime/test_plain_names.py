"""Facts about names that can be handed on as text."""

import os
from pathlib import Path

import pytest

from thermedge.runtime.plain_names import is_plain


@pytest.mark.parametrize(
    ("name", "expected"),
    [(b"clip.mp4", True), ("Wärme 熱/1.png".encode(), True), (b"w\xe4rme/1.png", False)],
)
def test_a_name_is_plain_when_it_is_utf_8(name: bytes, expected: bool) -> None:
    assert is_plain(Path(os.fsdecode(name))) is expected
