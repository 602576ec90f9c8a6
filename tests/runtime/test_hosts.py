"""Facts about names that can be looked up."""

import pytest

from thermedge.runtime.hosts import is_host


@pytest.mark.parametrize(
    "text",
    [
        *("127.0.0.1", "::1", "fe80::1%eth0", "localhost", "board.local", "board.local."),
        *("bücher.example", "a" * 63, "under_score"),
    ],
)
def test_addresses_and_names_are_hosts(text):
    assert is_host(text)


@pytest.mark.parametrize("text", ["", "192.168..1", ".", ".local", "a..", "a" * 64, "\udcff.local"])
def test_an_empty_or_too_long_part_makes_no_host(text):
    assert not is_host(text)
