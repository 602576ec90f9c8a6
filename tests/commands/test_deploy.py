import pytest

from thermedge.commands import main


@pytest.mark.parametrize(
    "asked",
    [
        ["--bundle", "default"],
        ["board", "--bundle", "no-such-bundle"],
        ["board", "--bundle", "default", "--serial", "0"],
        ["board", "--bundle", "default", "--wheelhouse", "/no/such/folder"],
        ["board", "--bundle", "default", "--board", "no-such-board"],
    ],
)
def test_bad_arguments_reach_no_board(asked, capsys):
    assert main(["deploy", *asked]) == 2
    told = capsys.readouterr().err
    assert "error: " in told
    assert "fix: " in told


def test_a_playbook_is_written_that_calls_the_same_steps(tmp_path):
    assert main(["deploy", "--ansible", str(tmp_path / "out"), "--bundle", "default"]) == 0
    playbook = (tmp_path / "out" / "deploy.yml").read_text()
    assert "serial:" in playbook
    assert "install" in playbook
