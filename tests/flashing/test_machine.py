"""Facts about the workstation as checks see it."""

import sys

from thermedge.flashing import machine
from thermedge.flashing.machine import Finished, Machine


def test_a_program_is_run_to_its_end():
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    done = machine.run_program([sys.executable, "-c", code])
    assert done.status == 3
    assert sorted(done.out.split()) == ["err", "out"]


def test_a_missing_program_has_the_status_that_a_shell_gives(tmp_path):
    assert machine.run_program([str(tmp_path / "none")]) == Finished(127)


def test_a_program_that_hangs_is_ended(monkeypatch):
    monkeypatch.setattr(machine, "_PATIENCE_S", 0.2)
    assert machine.run_program(["sleep", "60"]) == Finished(124)


def test_files_are_read_below_the_root(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/exports").write_text("line\n")
    here = Machine(tmp_path)
    assert here.text("etc/exports") == "line\n"
    assert here.text("etc/none") is None
    assert here.listed("etc/*") == [tmp_path / "etc/exports"]


def test_a_program_is_looked_for_where_systems_keep_them(tmp_path):
    (tmp_path / "usr/sbin").mkdir(parents=True)
    (tmp_path / "usr/sbin/exportfs").touch()
    assert Machine(tmp_path).has_program("exportfs")
    assert not Machine(tmp_path).has_program("showmount")


def test_a_failing_program_has_no_output():
    assert Machine().output("false") is None
    assert Machine().output("echo", "a b") == "a b"


def test_a_service_is_active_if_systemd_says_so():
    asked = []

    def run(argv):
        asked.append(list(argv))
        return Finished(0 if argv[-1] == "tlp" else 3)

    assert Machine(run=run).is_active("tlp")
    assert not Machine(run=run).is_active("ufw")
    assert asked[0] == ["systemctl", "is-active", "--quiet", "tlp"]
