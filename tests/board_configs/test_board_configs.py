"""Facts about the boards' files."""

import pytest

from thermedge import board_configs
from thermedge.board_configs import l4t
from thermedge.errors import BoardError


@pytest.mark.parametrize("name", board_configs.names())
def test_every_board_can_be_read(name):
    board = board_configs.read(name)  # every rule of rules.py holds
    assert board.id == name
    assert all(release.storage_named(None) for release in board.release)


def test_the_boards_asked_for_are_there():
    families = ("nano-", "tx2", "xavier-nx", "agx-xavier", "orin-nano-4gb", "orin-nano-8gb")
    families += ("orin-nx-8gb", "orin-nx-16gb", "agx-orin", "thor-t5000", "thor-t4000")
    for family in families:
        assert [name for name in board_configs.names() if name.startswith(family)], family


def test_recovery_numbers_tell_modules_apart():
    seen = {}
    for board in map(board_configs.read, board_configs.names()):
        for recovery in board.usb.recovery_ids:
            seen.setdefault(recovery, set()).add(board.module.soc)
    assert {len(chips) for chips in seen.values()} == {1}


def test_what_nobody_confirmed_is_absent():
    assert board_configs.read("thor-t5000").module.cuda_cores is None
    assert board_configs.read("tx2-nx").usb.recovery_ids == ()
    assert board_configs.read("agx-orin-64gb").rails.total == ()


@pytest.mark.parametrize(
    ("name", "version", "jetpack"),
    [
        ("orin-nano-8gb-devkit", "35.4.1", "5.1.1"),
        ("orin-nano-8gb-devkit", "36.3.0", "6.0"),
        ("orin-nano-8gb-devkit-super", "36.5.0", "6.2"),
        ("orin-nano-8gb-devkit-super", "36.4.0", None),  # super modes came with 36.4.3
        ("orin-nx-16gb", "38.2.0", None),  # JetPack 7.0 is for Thor alone
        ("thor-t5000", "38.2.0", "7.0"),
        ("thor-t4000", "38.2.0", None),
        ("xavier-nx-devkit", "36.4.3", None),
        ("nano-4gb-devkit", "32.7.6", "4.6.1"),
        ("nano-4gb-devkit", "35.4.1", None),
    ],
)
def test_a_release_is_found_by_the_version_of_l4t(name, version, jetpack):
    release = board_configs.read(name).release_for(version)
    assert (release and release.jetpack) == jetpack


def test_every_known_l4t_runs_on_some_board():
    boards = [board_configs.read(name) for name in board_configs.names()]
    unused = [version for version in l4t.JETPACK if not any(b.release_for(version) for b in boards)]
    assert unused == ["32.6.1"]  # before the line that the boards' files begin with


def test_a_storage_that_is_not_there_is_none():
    release = board_configs.read("orin-nano-8gb").release_for("36.5.0")
    assert release.storage_named("emmc") is None
    assert release.storage_named("usb").device == "sda"


def test_an_unknown_board_is_told_which_there_are():
    with pytest.raises(BoardError) as caught:
        board_configs.read("orin-nano")
    assert "'orin-nano'" in caught.value.problem
    assert "orin-nano-8gb-devkit-super" in caught.value.remedy


def test_text_that_is_no_toml_is_told():
    with pytest.raises(BoardError, match=r"x\.toml is wrong"):
        board_configs.parse("schema = ", "x")
