"""Facts about releases: installed beside the one that runs, proven, switched to, taken back."""

import fcntl
import json
import shutil
import subprocess
import sys

import pytest

from thermedge.errors import BoardError
from thermedge.flashing import environment, payload, release
from thermedge.flashing.layout import CONFIGURATION, Layout
from thermedge.flashing.service import Systemd

# Active is what runs; a release named in `refused` does not start.
SYSTEMCTL = """\
#!/bin/sh
cd {folder}
release=$(basename "$(readlink {home}/current)")
case "$1" in
is-active) test -e active ;;
restart)
    rm -f active
    if grep -qx "$release" refused; then echo "Job failed." >&2; exit 1; fi
    echo "$release" > active ;;
show) echo NRestarts=0 ;;
esac
"""
KILLED = """\
import sys
from pathlib import Path
from thermedge.flashing import release
from thermedge.flashing.layout import Layout
release.install(Path(sys.argv[1]), Layout(Path(sys.argv[2])), service=None)
"""
PROVEN = "#!/bin/sh\necho self-test passed\n"
REFUTED = "#!/bin/sh\necho 'error: It computes something else.' >&2\nexit 1\n"


class Board:
    """A board's file system with its packages, and a systemd that notes what runs."""

    def __init__(self, folder, request_for, house):
        self.folder, self.request_for, self.house = folder, request_for, house
        self.layout = Layout(folder / "root")
        key = payload.environment_key(house)
        self.packages = self.layout.environments / f"{key}-3.{environment.minor()}"
        (self.packages / "bin").mkdir(parents=True)
        (self.packages / ".complete").touch()
        self.program("python", "#!/bin/sh\nexit 1\n")  # it has no TensorRT
        self.program("track-camera", PROVEN)
        (folder / "refused").touch()
        systemctl = folder / "systemctl"
        systemctl.write_text(SYSTEMCTL.format(folder=folder, home=self.layout.home))
        systemctl.chmod(0o755)
        self.service = Systemd(str(systemctl), soak_s=0)

    def program(self, name, text):
        (self.packages / "bin" / name).write_text(text)
        (self.packages / "bin" / name).chmod(0o755)

    def payload(self, version, **options):
        folder = self.folder / f"payload-{version}"
        shutil.rmtree(folder, ignore_errors=True)
        options = {"wheelhouse": self.house} | options
        payload.write(folder, self.request_for(version=version, **options))
        return folder

    def install(self, version, **options):
        return release.install(self.payload(version, **options), self.layout, service=self.service)

    @property
    def running(self):
        return (self.folder / "active").read_text().strip()

    @property
    def links(self):
        return release.current(self.layout), release.previous(self.layout)

    @property
    def progress(self):
        return json.loads((self.layout.state / "progress.json").read_text())

    @property
    def configuration(self):
        return (self.layout.root / CONFIGURATION).read_text()


@pytest.fixture
def board(tmp_path, request_for, house):
    return Board(tmp_path, request_for, house)


def test_an_installed_release_runs_from_its_own_folder(board):
    done = board.install("1")
    assert (done.version, done.previous, done.service) == ("1", None, "running")
    assert done.self_test == "self-test passed"
    assert board.running == "1"
    folder = board.layout.current.resolve()
    assert folder == (board.layout.releases / "1").resolve()
    assert (folder / "venv").resolve() == board.packages.resolve()
    assert not (folder / "wheelhouse").exists()
    payload.read(folder)
    assert board.progress["state"] == "done"


def test_the_one_before_stays_and_older_ones_go(board):
    for version in ("1", "2", "3"):
        board.install(version)
    assert release.versions(board.layout) == ["2", "3"]
    assert board.links == ("3", "2")


def test_a_failed_self_test_leaves_the_old_release_running(board):
    board.install("1")
    board.program("track-camera", REFUTED)
    with pytest.raises(BoardError, match="failed its self-test: It computes something else"):
        board.install("2")
    assert board.links == ("1", None)
    assert board.running == "1"
    assert release.versions(board.layout) == ["1"]
    assert (board.progress["state"], board.progress["step"]) == ("failed", "self-test")


def test_a_release_that_does_not_start_gives_way_to_the_one_before(board):
    board.install("1", arguments=("v4l2:auto", "--first"))
    board.install("2", arguments=("v4l2:auto", "--second"))
    (board.folder / "refused").write_text("3\n")
    with pytest.raises(BoardError, match="3 did not start: Job failed; 2 runs again"):
        board.install("3", arguments=("v4l2:auto", "--third"))
    assert board.running == "2"
    assert board.links == ("2", "1")
    assert "--second" in board.configuration


def test_an_installation_killed_before_the_switch_leaves_the_old_release_running(board):
    board.install("1")
    board.program("track-camera", "#!/bin/sh\nkill -9 $PPID\n")
    source = board.payload("2")
    command = [sys.executable, "-c", KILLED, str(source), str(board.layout.root)]
    assert subprocess.run(command, check=False).returncode == -9
    assert board.links == ("1", None)
    board.program("track-camera", PROVEN)
    assert release.install(source, board.layout, service=board.service).version == "2"
    assert board.links == ("2", "1")
    assert board.running == "2"


def test_a_rollback_brings_back_what_was_edited_on_the_board(board):
    board.install("1")
    edited = board.configuration.replace("v4l2:auto", "v4l2:edited")
    (board.layout.root / CONFIGURATION).write_text(edited)
    board.install("2", arguments=("v4l2:other",))
    assert "v4l2:other" in board.configuration
    assert release.rollback(board.layout, service=board.service) == "1"
    assert board.running == "1"
    assert board.configuration == edited
    assert board.links == ("1", "2")


def test_without_a_release_before_there_is_no_rollback(board):
    board.install("1")
    with pytest.raises(BoardError, match="no release to go back to"):
        release.rollback(board.layout, service=board.service)


def test_a_release_without_packages_or_arguments_takes_those_that_run(board):
    board.install("1")
    told = board.configuration
    board.install("2", wheelhouse=None, arguments=())
    assert (board.layout.current / "venv").resolve() == board.packages.resolve()
    assert board.configuration == told


def test_the_first_release_must_bring_packages(board):
    with pytest.raises(BoardError, match="no Python packages"):
        board.install("1", wheelhouse=None)
    assert release.versions(board.layout) == []


def test_a_damaged_payload_is_not_installed(board):
    source = board.payload("1")
    (source / "system" / CONFIGURATION).write_text("TRACK_ARGUMENTS=''\n")
    with pytest.raises(BoardError, match="was sent"):
        release.install(source, board.layout, service=board.service)
    assert release.versions(board.layout) == []


def test_one_name_stands_for_one_release(board):
    board.install("1")
    board.install("1")
    with pytest.raises(BoardError, match="Another release 1 is installed"):
        board.install("1", arguments=("v4l2:other",))
    assert release.versions(board.layout) == ["1"]


def test_two_installations_do_not_run_at_once(board):
    board.layout.home.mkdir(parents=True, exist_ok=True)
    with (board.layout.home / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(BoardError, match="Another installation runs"):
            board.install("1")
