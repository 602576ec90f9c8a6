"""Facts about tokens and sessions."""

import logging
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermedge.errors import ThermedgeError
from thermedge.runtime.preview.access import SESSION_S, Access, new_token, read_token

TOKEN = "sixteen-letters!"


class Clock:
    now = 1_000_000.0

    def __call__(self):
        return self.now


def test_a_token_is_long_and_never_the_same():
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert min(map(len, tokens)) >= 32


def test_a_session_is_known_until_it_expires():
    clock = Clock()
    access = Access(TOKEN, is_local=True, clock=clock)
    session = access.new_session()
    clock.now += SESSION_S - 1
    assert access.is_session(session)
    clock.now += 2
    assert not access.is_session(session)


def test_a_session_outlives_a_restart_with_the_same_token_only():
    session = Access(TOKEN, is_local=True).new_session()
    assert Access(TOKEN, is_local=False).is_session(session)
    assert not Access(TOKEN + "2", is_local=False).is_session(session)


def test_a_longer_life_can_not_be_claimed():
    access = Access(TOKEN, is_local=True)
    expires, nonce, proof = access.new_session().split(".")
    assert not access.is_session(f"{int(expires) + 1}.{nonce}.{proof}")


def test_a_guard_belongs_to_one_session():
    access = Access(TOKEN, is_local=True)
    one, other = access.new_session(), access.new_session()
    assert access.is_guard(one, access.guard(one))
    assert not access.is_guard(one, access.guard(other))


@given(text=st.text(max_size=200))
def test_no_other_text_is_a_token_a_session_or_a_guard(text):
    access = Access(TOKEN, is_local=True)
    assert access.knows(text) == (text == TOKEN)
    assert not access.is_session(text)
    assert not access.is_guard(access.new_session(), text)


def test_a_file_holds_the_token_in_its_line(tmp_path):
    path = tmp_path / "token"
    path.write_text(f"  {TOKEN}\n")
    path.chmod(0o600)
    assert read_token(path) == TOKEN


@pytest.mark.parametrize("text", ["", "short", "two words of many letters", "ü" * 20, "x" * 600])
def test_a_file_without_a_token_is_an_error(tmp_path, text):
    path = tmp_path / "token"
    path.write_text(text)
    with pytest.raises(ThermedgeError, match="holds no token"):
        read_token(path)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(ThermedgeError, match="No such file"):
        read_token(tmp_path / "token")


@pytest.mark.parametrize(("mode", "num_warnings"), [(0o600, 0), (0o644, 1)])
def test_a_token_that_others_can_read_is_told(tmp_path, caplog, mode, num_warnings):
    path = tmp_path / "token"
    path.write_text(TOKEN)
    os.chmod(path, mode)
    with caplog.at_level(logging.WARNING):
        read_token(path)
    assert len(caplog.records) == num_warnings
