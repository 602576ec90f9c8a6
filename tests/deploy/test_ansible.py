import os
import subprocess
import sys

import cache
import pytest

pytestmark = pytest.mark.deploy

ANSIBLE = "ansible-core==2.19.14"  # a tool of these tests alone, so in no extra of the package
SETTINGS = {
    "ANSIBLE_HOST_KEY_CHECKING": "True",
    "ANSIBLE_NOCOWS": "1",
    "ANSIBLE_PIPELINING": "1",
    "ANSIBLE_LOCALHOST_WARNING": "False",
    "LC_ALL": "C.UTF-8",
}


@pytest.fixture(scope="module")
def ansible(kept):
    """The programs of Ansible, in an environment of their own."""

    def make(folder):
        subprocess.run([sys.executable, "-m", "venv", folder / "made"], check=True)
        pip = [folder / "made/bin/python", "-m", "pip", "install", "--quiet", ANSIBLE]
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"{ANSIBLE} can't be had: {done.stderr.strip().splitlines()[-1]}")

    return cache.kept(kept, "ansible", ANSIBLE, sys.version, make=make) / "made"


@pytest.fixture
def play(ansible, board):
    """Return a function that runs a playbook on the board, which several names lead to."""

    def run(folder, *arguments, hosts=("pole1",)):
        inventory = "[boards]\n" + "".join(f"{host}\n" for host in hosts)
        (folder / "inventory.ini").write_text(inventory)
        # Programs of the environment name the place where it was made: call them as modules.
        program = [ansible / "bin/python", "-m", "ansible", "playbook"]
        done = subprocess.run(
            [
                *program,
                *("-i", folder / "inventory.ini", folder / "deploy.yml"),
                *("--ssh-common-args", f"-F {board.folder / 'ssh_config'}"),
                # The login is root, and this machine need not have sudo.
                *("-e", "ansible_become=false", "-e", "soak_s=0.2", *arguments),
            ],
            env={**os.environ, **SETTINGS, "ANSIBLE_HOME": str(folder / "ansible")},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.fixture
def written(house, tmp_path):
    """Return a function that writes the playbook with a payload."""

    def write(bundle, name):
        out = tmp_path / name
        subprocess.run(
            [
                *(sys.executable, "-m", "thermedge", "deploy", "--ansible", out),
                *("--bundle", bundle, "--wheelhouse", house, "--release", name),
                *("--arguments", "synthetic:realtime=1"),
            ],
            check=True,
            capture_output=True,
        )
        return out

    return write


def test_ansible_takes_the_playbook(play, written, bundle):
    status, said = play(written(bundle, "syntax"), "--syntax-check")
    assert status == 0, said


def test_a_play_installs_and_a_second_one_changes_nothing(play, written, board, bundle):
    folder = written(bundle, "play")
    status, said = play(folder)
    assert status == 0, said
    assert board.current == board.running == "play"
    status, said = play(folder)
    assert status == 0, said
    assert "changed=0" in said


def test_a_failed_self_test_stops_the_play_before_the_next_boards(
    play, written, board, bundle, changed, tmp_path
):
    status, said = play(written(bundle, "good"))
    assert status == 0, said
    bad = written(changed(bundle, tmp_path / "bad_bundle", number=1), "bad")
    status, said = play(bad, hosts=("pole1", "pole2", "pole3"))
    assert status != 0
    assert "failed its self-test" in said
    assert "pole2" not in said.partition("PLAY RECAP")[2]
    assert board.current == board.running == "good"


def test_a_service_that_does_not_start_stops_the_play_before_the_next_boards(
    play, written, board, bundle, changed, tmp_path
):
    # Its service was down before, so that no release is worth going back to.
    (board.folder / "service/active").unlink(missing_ok=True)
    (board.folder / "service/refused").write_text("down\n")
    down = written(changed(bundle, tmp_path / "down_bundle"), "down")
    status, said = play(down, hosts=("pole1", "pole2", "pole3"))
    assert status != 0
    assert "not started: Job for thermedge.service failed" in said
    assert "pole2" not in said.partition("PLAY RECAP")[2]
    (board.folder / "service/refused").write_text("")
    status, said = play(down)
    assert status == 0, said
    assert board.current == board.running == "down"
