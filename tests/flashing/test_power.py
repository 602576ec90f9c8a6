import pytest

from thermedge.errors import BoardError
from thermedge.flashing import power

CONF = """\
< PARAM TYPE=FILE NAME=CPU_ONLINE >
< POWER_MODEL ID=0 NAME=15W >
CPU_ONLINE CORE_0 1
< POWER_MODEL ID=1 NAME=25W >
< POWER_MODEL ID=2 NAME=MAXN_SUPER >
< PM_CONFIG DEFAULT=1 >
"""


@pytest.fixture
def root(tmp_path, monkeypatch):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/nvpmodel.conf").write_text(CONF)
    program = tmp_path / "nvpmodel"
    program.write_text(
        "#!/bin/sh\n"
        f'echo "$@" >> {tmp_path}/calls\n'
        f'if test "$1" = -q; then cat {tmp_path}/mode; fi\n'
        f'test "$1" != -m || grep -q . {tmp_path}/works\n'
    )
    program.chmod(0o755)
    (tmp_path / "works").write_text("yes")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def test_a_name_becomes_the_number_that_this_board_has(root):
    assert power.modes(root) == {"15W": 0, "25W": 1, "MAXN_SUPER": 2}
    (root / "mode").write_text("NV Power Mode: MAXN_SUPER\n2\n")
    assert power.set_mode("MAXN_SUPER", root) == 2
    assert (root / "calls").read_text().splitlines() == ["-m 2", "-q"]


def test_an_unknown_name_lists_the_known_ones(root):
    with pytest.raises(BoardError, match="no power mode 'MAXN'") as told:
        power.set_mode("MAXN", root)
    assert "15W, 25W, MAXN_SUPER" in told.value.remedy


def test_a_mode_that_waits_for_a_reboot_is_no_success(root):
    (root / "mode").write_text("NV Power Mode: 25W\n1\n")
    with pytest.raises(BoardError, match="15W is not in effect, 25W is") as told:
        power.set_mode("15W", root)
    assert "reboot" in told.value.remedy


def test_a_tool_that_fails_or_is_missing_is_told(root, monkeypatch):
    (root / "works").write_text("")
    with pytest.raises(BoardError, match="nvpmodel -m 1 failed"):
        power.set_mode("25W", root)
    (root / "nvpmodel").unlink()
    with pytest.raises(BoardError, match="nvpmodel is missing"):
        power.set_mode("25W", root)


def test_a_machine_without_modes_says_so(tmp_path):
    with pytest.raises(BoardError, match="can't be read"):
        power.modes(tmp_path)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/nvpmodel.conf").write_text("# empty\n")
    with pytest.raises(BoardError, match="lists no power modes"):
        power.modes(tmp_path)


def test_a_root_file_system_offers_the_modes_of_all_its_boards(tmp_path):
    assert power.offered(tmp_path) == set()
    folder = tmp_path / "etc/nvpmodel"
    folder.mkdir(parents=True)
    (folder / "nvpmodel_p3767_0003.conf").write_text(CONF)
    (folder / "nvpmodel_p3701_0000.conf").write_text("< POWER_MODEL ID=3 NAME=MODE_50W >\n")
    (folder / "gone.conf").symlink_to("nowhere")
    assert power.offered(tmp_path) == {"15W", "25W", "MAXN_SUPER", "MODE_50W"}
