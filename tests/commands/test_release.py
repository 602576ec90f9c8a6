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


@pytest.mark.parametrize("soak", ["-1", "nan", "inf", "1e300", "soon"])
@pytest.mark.parametrize(
    "verb", [["release", "switch", "one"], ["deploy", "board", "--bundle", "b"]]
)
def test_a_soak_that_is_no_time_is_refused_before_anything_happens(verb, soak, capsys):
    assert main([*verb, "--soak", soak]) == 2
    assert capsys.readouterr().err == (
        f"error: --soak {soak} is no time.\nfix: Give seconds, from 0 to 86400.\n"
    )


def test_a_switch_that_the_disk_refuses_has_one_clear_error(tmp_path, capsys):
    home = tmp_path / "opt/thermedge"
    (home / "releases/one").mkdir(parents=True)
    (home / ".current.new").mkdir()
    assert main(["release", "switch", "one"]) == 2
    assert "disk refused" in capsys.readouterr().err
    assert not (home / "current").is_symlink()
    (home / ".lock").unlink()
    (home / ".lock").mkdir()
    assert main(["release", "switch", "one"]) == 2
    assert "Run it as root" in capsys.readouterr().err
