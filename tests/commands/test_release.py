import pytest

from thermedge.commands import main
from thermedge.flashing import layout


@pytest.fixture(autouse=True)
def empty_board(tmp_path, monkeypatch):
    """Let the command see a board with nothing installed."""
    original = layout.Layout
    monkeypatch.setattr(layout, "Layout", lambda: original(tmp_path))


def test_a_board_without_releases_lists_none_and_says_so(capsys):
    assert main(["release", "list"]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "no release runs here" in told.err


@pytest.mark.parametrize("step", [["switch", "v9"], ["rollback"]])
def test_what_is_not_installed_can_not_run(step, capsys):
    assert main(["release", *step]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert "fix: " in told


def test_a_payload_that_is_none_is_refused(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert main(["release", "install", str(tmp_path / "empty")]) == 2
    assert "error: " in capsys.readouterr().err
