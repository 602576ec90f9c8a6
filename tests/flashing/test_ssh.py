import subprocess
from pathlib import Path

import pytest

from thermedge.errors import BoardError
from thermedge.flashing.ssh import Remote

SECRET = "correct horse"


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Return a function that puts programs on PATH which note what they get, and answer."""

    def make(*, status=0, out="", err=""):
        for name in ("ssh", "rsync"):
            program = tmp_path / name
            program.write_text(
                "#!/bin/sh\n"
                f'printf "%s\\n" "$@" > {tmp_path}/{name}.arguments\n'
                + (f"cat > {tmp_path}/{name}.input\n" if name == "ssh" else "")
                + f"cat {tmp_path}/out; cat {tmp_path}/err >&2; exit {status}\n"
            )
            program.chmod(0o755)
        (tmp_path / "out").write_text(out)
        (tmp_path / "err").write_text(err)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        return tmp_path

    return make


def arguments(folder, name="ssh"):
    return (folder / f"{name}.arguments").read_text().splitlines()


def test_a_command_goes_through_as_one_quoted_word(fake):
    folder = fake(out="done\n")
    assert Remote("pole1", ("-p", "22")).run(["echo", "a b", "$HOME; x"]) == "done\n"
    told = arguments(folder)
    assert told[-3:] == ["--", "pole1", "echo 'a b' '$HOME; x'"]
    assert "BatchMode=yes" in told
    assert "-p" in told


def test_a_password_never_stands_on_a_command_line_nor_in_an_error(fake):
    folder = fake(status=1, err="error: no\nfix: do\n")
    remote = Remote("pole1", (), SECRET)
    with pytest.raises(BoardError) as told:
        remote.run(["id"], text="more\n", root=True)
    assert SECRET not in str(told.value) + repr(remote) + "".join(arguments(folder))
    assert arguments(folder)[-1] == "sudo -k -S -p '' -- id"
    assert (folder / "ssh.input").read_text() == f"{SECRET}\nmore\n"


def test_without_a_password_sudo_must_not_ask(fake):
    folder = fake()
    Remote("pole1").run(["id"], root=True)
    assert arguments(folder)[-1] == "sudo -n -- id"


@pytest.mark.parametrize(
    ("err", "problem", "remedy"),
    [
        ("tracker@pole1: Permission denied (publickey).", "accepts no key", "ssh-copy-id pole1"),
        ("ssh: Could not resolve hostname pole1: x", "has no address", "spelling"),
        ("ssh: connect to host pole1 port 22: Connection refused", "refuses ssh", "systemctl"),
        ("ssh: connect to host pole1 port 22: Connection timed out", "not answer", "ping pole1"),
        ("Host key verification failed.", "not known", "ssh pole1"),
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @", "another key", "ssh-keygen -R"),
        ("client_loop: send disconnect: Broken pipe", "broke", "Run the same command again"),
        ("sudo: a password is required", "wants a password", "--ask-sudo-password"),
        ("Sorry, try again.\nsudo: 1 incorrect password attempt", "did not accept", "again"),
        ("error: It failed.\nfix: Do this.", "pole1: It failed.", "Do this."),
    ],
)
def test_every_failure_has_one_sentence_and_a_remedy(fake, err, problem, remedy):
    fake(status=255 if "error:" not in err and "sudo" not in err else 2, err=err)
    with pytest.raises(BoardError, match=problem) as told:
        Remote("pole1").run(["true"])
    assert remedy in told.value.remedy


@pytest.mark.parametrize(
    ("err", "problem"),
    [
        ("rsync: write failed: No space left on device (28)", "ran full"),
        ("bash: line 1: rsync: command not found", "has no rsync"),
        ("sh: 1: rsync: not found", "has no rsync"),
        ("rsync error: error in rsync protocol data stream (code 12)", "broke"),
    ],
)
def test_a_copy_that_fails_is_told_alike(fake, tmp_path, err, problem):
    folder = fake(status=12, err=err)
    with pytest.raises(BoardError, match=problem):
        Remote("pole1").copy(Path("/payload"), "there")
    assert arguments(folder, "rsync")[-3:] == ["--", "/payload/", "pole1:there/"]


@pytest.mark.parametrize(
    ("host", "place"), [("::1", "[::1]:there/"), ("t@fe80::1%eth0", "t@[fe80::1%eth0]:there/")]
)
def test_a_copy_goes_to_an_address_of_ipv6_too(fake, host, place):
    folder = fake()
    Remote(host).copy(Path("/payload"), "there")
    assert arguments(folder, "rsync")[-1] == place
    Remote(host).run(["true"])
    assert arguments(folder)[-2] == host


def test_a_remedy_names_the_address_where_a_user_would_be_wrong(fake):
    for err in ("IDENTIFICATION HAS CHANGED!", "connect: No route to host", "timed out"):
        fake(status=255, err=f"REMOTE HOST {err}")
        with pytest.raises(BoardError) as told:
            Remote("t@10.0.0.7").run(["true"])
        assert " 10.0.0.7" in told.value.remedy


@pytest.mark.parametrize(
    "problem",
    [
        "Failed to reload daemon: Connection timed out.",
        "The broker said: Connection refused.",
        "The board's disk refused: Permission denied (/opt/thermedge).",
        "No space left on device",
    ],
)
def test_what_a_board_says_is_never_taken_for_a_broken_connection(fake, problem):
    fake(status=2, err=f"switch\nerror: {problem}\nfix: Do this.")
    with pytest.raises(BoardError) as told:
        Remote("pole1").run(["true"])
    assert (told.value.problem, told.value.remedy) == (f"pole1: {problem}", "Do this.")


def test_a_board_that_writes_no_utf_8_or_nothing_has_one_clear_error(fake):
    folder = fake(status=1)
    (folder / "err").write_bytes(b"error: Stra\xdfe\nfix: Look.\n")
    with pytest.raises(BoardError, match="pole1: Stra\ufffde"):
        Remote("pole1").run(["true"])
    (folder / "err").write_bytes(b"\n")
    with pytest.raises(BoardError, match="status 1"):
        Remote("pole1").run(["true"])


@pytest.mark.parametrize(
    "host", ["", "-oProxyCommand=x", "a b", "t@", "t@-oProxyCommand=x", "ssh://t@a:22"]
)
def test_what_is_no_host_never_reaches_ssh(host):
    with pytest.raises(BoardError, match="is no host"):
        Remote(host)


def test_a_program_that_is_missing_here_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BoardError, match="ssh is missing on this machine"):
        Remote("pole1").run(["true"])
    with pytest.raises(BoardError, match="rsync is missing on this machine"):
        Remote("pole1").copy(tmp_path, "there")


def test_an_error_without_our_words_tells_the_last_line():
    done = subprocess.CompletedProcess([], 1, "", "a\nbash: python3: not found")
    assert "bash: python3: not found" in Remote("pole1").error(done).problem
