"""Facts about reaching a board: what ssh is called with, and what its failures mean."""

import json
import subprocess

import pytest

from thermedge.errors import BoardError
from thermedge.flashing.ssh import Remote

# Runs the board's command here, after noting what it was called with and what it was sent.
SSH = """\
#!{python}
import json, subprocess, sys
sent = sys.stdin.read()
with open({log!r}, "w") as log:
    json.dump({{"argv": sys.argv[1:], "sent": sent}}, log)
command = sys.argv[-1].replace("sudo ", {sudo!r} + " ", 1)
sys.exit(subprocess.run(["sh", "-c", command], input=sent, text=True).returncode)
"""
SUDO = """\
#!/bin/sh
while [ "$1" != -- ]; do
    case $1 in -S) read -r password; [ "$password" = right ] || { echo "1 incorrect password" >&2
        exit 1; } ;; esac
    shift
done
shift
exec "$@"
"""


@pytest.fixture
def log(tmp_path, monkeypatch):
    """A program in the place of ssh; the file that it notes in."""
    log, sudo = tmp_path / "log", tmp_path / "bin/sudo"
    ssh = SSH.format(python="/usr/bin/python3 -IS", log=str(log), sudo=str(sudo))
    for name, text in {"ssh": ssh, "sudo": SUDO}.items():
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    return log


def failed(stderr, status=255):
    return subprocess.CompletedProcess([], status, "", stderr)


def test_arguments_reach_the_board_as_they_are(log):
    strange = ["a b", "$HOME", "it's", "*", ""]
    told = Remote("pole1", ("-p", "2222")).run(
        ["python3", "-c", "import json, sys; print(json.dumps(sys.argv[1:]))", *strange]
    )
    assert json.loads(told) == strange
    argv = json.loads(log.read_text())["argv"]
    assert argv[-5:-1] == ["-p", "2222", "--", "pole1"]
    assert "BatchMode=yes" in argv


def test_a_password_for_sudo_is_on_no_command_line(log):
    remote = Remote("pole1", sudo_password="right")
    assert remote.run(["cat"], text="input", root=True) == "input"
    noted = json.loads(log.read_text())
    assert "right" not in " ".join(noted["argv"])
    assert noted["sent"] == "right\ninput"
    assert "right" not in repr(remote)


def test_a_wrong_password_for_sudo_is_told(log):
    with pytest.raises(BoardError, match="did not accept the password") as raised:
        Remote("pole1", sudo_password="wrong").run(["true"], root=True)
    assert "--ask-sudo-password" in raised.value.remedy


def test_without_a_password_sudo_must_not_ask(log):
    Remote("pole1").run(["true"], root=True)
    assert json.loads(log.read_text())["argv"][-1] == "sudo -n -- true"


@pytest.mark.parametrize("host", ["", "-oProxyCommand=reboot", "a b", "a\nb"])
def test_what_ssh_would_take_for_an_option_is_no_host(host):
    with pytest.raises(BoardError, match="is no host"):
        Remote(host)


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("Host key verification failed.", "compare its key: ssh pole1"),
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @", "ssh-keygen -R pole1"),
        ("root@pole1: Permission denied (publickey).", "ssh-copy-id pole1"),
        ("ssh: connect to host pole1 port 22: Connection timed out", "ping pole1"),
        ("sudo: a password is required", "--ask-sudo-password"),
        ("client_loop: send disconnect: Broken pipe", "goes on where it was"),
    ],
)
def test_what_ssh_says_becomes_what_to_do(said, remedy):
    assert remedy in Remote("pole1").error(failed(said)).remedy


def test_what_our_own_program_says_is_passed_on():
    error = Remote("pole1").error(failed("error: It is broken.\nfix: Mend it.\n", 1))
    assert (error.problem, error.remedy) == ("pole1: It is broken.", "Mend it.")
    assert Remote("pole1").error(failed("", 3)).problem == "pole1: status 3"


def test_a_missing_program_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BoardError, match="ssh is missing"):
        Remote("pole1").run(["true"])
    with pytest.raises(BoardError, match="rsync is missing"):
        Remote("pole1").copy(tmp_path, "there")
