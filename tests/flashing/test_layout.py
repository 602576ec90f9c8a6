from pathlib import Path

import pytest

from thermedge.errors import BoardError
from thermedge.flashing.layout import Layout, check_version


def test_a_board_that_is_mounted_elsewhere_has_the_same_places():
    here, there = Layout(), Layout(Path("/mnt/board"))
    for name in ("home", "releases", "current", "environments", "incoming", "state", "cache"):
        assert getattr(there, name) == Path("/mnt/board") / getattr(here, name).relative_to("/")


@pytest.mark.parametrize("version", ["1", "0.1.0-5f738f5918", "A_b+c"])
def test_a_plain_name_is_taken(version):
    check_version(version)


@pytest.mark.parametrize("version", ["", ".", "..", "-x", "a/b", "a b", "a\n", "x" * 81])
def test_a_name_that_leads_elsewhere_is_refused(version):
    with pytest.raises(BoardError, match="can't name a release"):
        check_version(version)
