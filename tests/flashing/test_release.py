import json
import os
import runpy
import shutil
import signal
import sys
from pathlib import Path

import pytest

from thermedge.errors import BoardError
from thermedge.flashing import environment, payload, proof, release
from thermedge.flashing.layout import Layout
from thermedge.flashing.overlay import OverlayRequest
from thermedge.flashing.service import Systemd

TINY = runpy.run_path(str(Path(__file__).with_name("tiny_wheels.py")))
SYSTEMCTL = """\
#!/bin/sh
cd {folder}
echo "$@" >> calls
if grep -qx "$1" broken; then echo "Access denied" >&2; exit 1; fi
release=$(basename "$(readlink {root}/opt/thermedge/current)")
case "$1" in
is-active) test -e active ;;
restart)
    rm -f active
    if grep -qx "$release" refused; then echo "Job failed." >&2; exit 1; fi
    echo "$release" > active ;;
show) echo NRestarts=0 ;;
esac
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    found = TINY["write_wheelhouse"](tmp_path_factory.mktemp("house"))
    if found is None:
        pytest.skip("this Python brings no pip to install with")
    return found


class Board:
    def __init__(self, folder, house):
        self.folder, self.house = folder, house
        self.layout = Layout(folder / "root")
        (folder / "root").mkdir()
        (folder / "refused").touch()
        (folder / "broken").touch()
        program = folder / "systemctl"
        program.write_text(SYSTEMCTL.format(folder=folder, root=self.layout.root))
        program.chmod(0o755)
        self.systemd = Systemd(str(program), soak_s=0)

    def payload(
        self, version, *, card="A tracker.\n", packages=True, arguments=("v4l2:auto",), **more
    ):
        name = f"{version}-{len(list(self.folder.iterdir()))}"
        bundle = TINY["write_bundle"](self.folder / f"bundle-{name}", card)
        request = OverlayRequest(
            version=version,
            board="",
            bundle=bundle,
            wheelhouse=self.house if packages else None,
            user="tracker",
            arguments=arguments,
            **more,
        )
        folder = self.folder / f"payload-{name}"
        payload.write(folder, request)
        return folder

    def install(self, version, **more):
        return release.install(self.payload(version, **more), self.layout, service=self.systemd)

    @property
    def running(self):
        return (self.folder / "active").read_text().strip()

    @property
    def progress(self):
        return json.loads((self.layout.state / "progress.json").read_text())

    def configuration(self):
        return (self.layout.root / "etc/thermedge/track.conf").read_text().splitlines()[-1]


@pytest.fixture(scope="module")
def packages(house, tmp_path_factory):
    """An environment that is made once; its scripts name the place where it was made."""
    folder = tmp_path_factory.mktemp("environment") / "made"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(environment, "PYTHON", sys.executable)
        environment.make(house, folder)
    return folder


@pytest.fixture
def board(tmp_path, house, packages, monkeypatch):
    def make(wheelhouse, folder):
        if not folder.exists():
            shutil.copytree(packages, folder, symlinks=True)

    monkeypatch.setattr(environment, "make", make)
    return Board(tmp_path, house)


@pytest.fixture
def one(board):
    board.install("one")
    assert board.running == "one"
    return board


def test_an_installed_release_runs_and_tells_its_self_test(board):
    done = board.install("one", arguments=("v4l2:auto", "--backend", "ort"))
    assert done == release.Installed(
        "one", None, "self-test passed: --self-test --backend ort", "running"
    )
    assert board.layout.current.readlink() == Path("releases/one")
    assert board.running == "one"
    assert board.progress["state"] == "done"
    assert [item["step"] for item in board.progress["done"]][-2:] == ["self-test", "switch"]
    unit = board.layout.root / "etc/systemd/system/multi-user.target.wants/thermedge.service"
    assert unit.is_symlink()


def test_packages_are_shared_and_the_last_two_releases_are_kept(one):
    one.install("two", packages=False)
    one.install("three", packages=False)
    assert release.versions(one.layout) == ["two", "three"]
    assert release.previous(one.layout) == "two"
    assert len(os.listdir(one.layout.environments)) == 1
    assert (one.layout.current / "venv").resolve().parent == one.layout.environments.resolve()
    assert release.rollback(one.layout, service=one.systemd) == ("two", "running")
    assert one.running == "two"
    assert release.previous(one.layout) == "three"


def test_a_failed_self_test_switches_nothing_and_leaves_nothing(one):
    before = one.configuration()
    with pytest.raises(
        BoardError, match=r"bad failed its self-test: The target got lost\."
    ) as told:
        one.install("bad", card="It never passes.\n", arguments=("v4l2:/dev/video9",))
    assert told.value.remedy == "Train it longer."
    assert one.running == release.current(one.layout) == "one"
    assert release.versions(one.layout) == ["one"]
    assert one.configuration() == before
    assert (one.progress["state"], one.progress["remedy"]) == ("failed", "Train it longer.")


def test_a_release_that_does_not_start_is_switched_back_with_its_configuration(one):
    one.install("two", packages=False)
    before = one.configuration()
    (one.folder / "refused").write_text("three\n")
    with pytest.raises(BoardError, match="three did not start: Job failed; two runs again"):
        one.install("three", packages=False, arguments=("v4l2:/dev/video9",))
    assert one.running == release.current(one.layout) == "two"
    assert release.previous(one.layout) == "one"
    assert release.versions(one.layout) == ["one", "two"]
    assert one.configuration() == before


def reload_fails(board):
    (board.folder / "broken").write_text("daemon-reload\n")


def soak_is_impossible(board):
    board.systemd = Systemd(str(board.folder / "systemctl"), soak_s=-1)


def file_is_in_the_way(board):
    wants = board.layout.root / "etc/systemd/system/multi-user.target.wants"
    (wants / "thermedge.service").unlink()
    (wants / "thermedge.service").write_text("mine")


@pytest.mark.parametrize("fail", [reload_fails, soak_is_impossible, file_is_in_the_way])
def test_a_switch_that_breaks_off_leaves_the_release_before_with_its_configuration(one, fail):
    one.install("two", packages=False)
    path = one.layout.root / "etc/thermedge/track.conf"
    path.write_text('TRACK_ARGUMENTS="v4l2:/dev/video3"\n')
    fail(one)
    with pytest.raises((BoardError, ValueError)):
        one.install("three", packages=False, arguments=("v4l2:/dev/video9",))
    assert one.running == release.current(one.layout) == "two"
    assert release.previous(one.layout) == "one"
    assert release.versions(one.layout) == ["one", "two"]
    assert one.configuration() == 'TRACK_ARGUMENTS="v4l2:/dev/video3"'


def test_a_first_release_that_can_not_be_switched_to_is_not_current(board):
    reload_fails(board)
    with pytest.raises(BoardError, match="daemon-reload failed: Access denied"):
        board.install("one")
    assert release.current(board.layout) is None
    assert release.versions(board.layout) == []


def test_a_board_that_did_not_run_before_keeps_the_new_release(one):
    # Its camera is unplugged, say: the old release would not start either.
    (one.folder / "active").unlink()
    (one.folder / "refused").write_text("one\ntwo\n")
    assert one.install("two", packages=False).service == "not started: Job failed"
    assert release.current(one.layout) == "two"


def test_an_edited_configuration_survives_the_next_release_and_the_way_back(one):
    path = one.layout.root / "etc/thermedge/track.conf"
    path.write_text('TRACK_ARGUMENTS="v4l2:/dev/video3"\n')
    one.install("two", packages=False, arguments=())
    assert one.configuration() == 'TRACK_ARGUMENTS="v4l2:/dev/video3"'
    one.install("three", packages=False, arguments=("v4l2:auto",))
    assert one.configuration() == 'TRACK_ARGUMENTS="v4l2:auto"'
    release.rollback(one.layout, service=one.systemd)
    assert one.configuration() == 'TRACK_ARGUMENTS="v4l2:/dev/video3"'


def test_an_edited_configuration_survives_the_release_that_runs_already(one):
    source = one.payload("two", packages=False, arguments=())
    release.install(source, one.layout, service=one.systemd)
    path = one.layout.root / "etc/thermedge/track.conf"
    edited = '# für Mast 3\nTRACK_ARGUMENTS="v4l2:/dev/video3"\n'.encode("latin-1")
    path.write_bytes(edited)
    release.install(source, one.layout, service=one.systemd)
    assert path.read_bytes() == edited
    release.switch("two", one.layout, service=one.systemd)
    assert path.read_bytes() == edited


def test_a_power_mode_goes_with_the_release_that_asked_for_it(one):
    power = one.layout.root / "etc/systemd/system/thermedge-power.service"
    one.install("two", packages=False, power_mode="25W")
    assert '"25W"' in power.read_text()
    release.rollback(one.layout, service=one.systemd)
    assert not power.exists()


def test_the_same_release_again_is_no_news(one):
    again = one.folder / "again"
    shutil.copytree(next(one.folder.glob("payload-one-*")), again)
    assert release.install(again, one.layout, service=one.systemd).version == "one"
    assert release.versions(one.layout) == ["one"]
    with pytest.raises(BoardError, match="Another release one is installed"):
        one.install("one", card="Another tracker.\n")
    assert one.running == "one"


def test_a_damaged_copy_is_refused_before_anything_happens(one):
    folder = one.payload("two", packages=False)
    (folder / "bundle/track.onnx").write_bytes(b"half")
    with pytest.raises(BoardError, match="was sent"):
        release.install(folder, one.layout, service=one.systemd)
    assert release.versions(one.layout) == ["one"]


def test_the_first_release_must_bring_packages_and_say_what_to_do(board):
    with pytest.raises(BoardError, match="no release runs here to take them from"):
        board.install("one", packages=False)
    with pytest.raises(BoardError, match="Nothing says what the tracker is to do"):
        board.install("one", arguments=())
    assert release.versions(board.layout) == []


def test_two_installations_at_once_are_refused(one):
    (one.layout.state / "progress.json").write_text('{"step": "build the engine"}')
    with release._locked(one.layout), pytest.raises(BoardError, match="Another installation"):
        one.install("two", packages=False)
    with release._locked(one.layout), pytest.raises(BoardError, match="Another installation"):
        release.switch("one", one.layout, service=one.systemd)
    assert one.progress == {"step": "build the engine"}  # the other one's is what counts


def test_a_power_cut_in_the_middle_of_a_copy_leaves_no_release(one):
    (one.layout.releases / ".two.partial/bundle").mkdir(parents=True)
    assert release.versions(one.layout) == ["one"]
    one.install("three", packages=False)
    assert sorted(os.listdir(one.layout.releases)) == ["one", "three"]


def killed_in_switch(number, call):
    """Tell whether a process that does `call` got to its n-th rename in a switch, its last."""
    seen = []

    def hook(event, args):
        if event == "os.rename" and "/releases/" not in args[0]:
            seen.append(args)
            if len(seen) == number:
                os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        sys.addaudithook(hook)
        call()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("then", ["rollback", "install"])
def test_after_a_power_cut_in_a_switch_every_release_has_its_own_files(board, tmp_path, then):
    names = ("zero", "one", "two", "three")
    own = {name: f'TRACK_ARGUMENTS="v4l2:/dev/{name}"' for name in names}
    sources = {
        name: board.payload(name, packages=name == "zero", arguments=(f"v4l2:/dev/{name}",))
        for name in names
    }

    def install(name):
        release.install(sources[name], board.layout, service=board.systemd)

    def kept(name):
        path = board.layout.releases / name / "system/etc/thermedge/track.conf"
        return path.read_text().splitlines()[-1]

    install("zero")
    install("one")
    shutil.copytree(board.layout.root, tmp_path / "before", symlinks=True)
    number = 1
    while killed_in_switch(number, lambda: install("two")):
        ran = release.current(board.layout)
        if then == "rollback":
            now = release.rollback(board.layout, service=board.systemd)[0]
            assert now == {"one": "zero", "two": "one"}[ran], number
        else:
            now = "three"
            install(now)
            assert release.previous(board.layout) == ran
        assert {name: kept(name) for name in (ran, now)} == {ran: own[ran], now: own[now]}, number
        assert board.configuration() == own[now]
        shutil.rmtree(board.layout.root)
        shutil.copytree(tmp_path / "before", board.layout.root, symlinks=True)
        number += 1
    assert number > 4  # the note, the configuration, both links


def test_half_a_removed_release_or_environment_is_taken_for_none(one, monkeypatch):
    one.install("two", packages=False)
    unused = one.layout.environments / "unused"
    unused.mkdir()
    (unused / ".complete").touch()
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda folder, **more: None)  # as if cut off at once
        one.install("three", packages=False)
    assert release.versions(one.layout) == ["two", "three"]
    assert not (unused / ".complete").exists()
    one.install("four", packages=False)
    assert sorted(os.listdir(one.layout.releases)) == ["four", "three"]
    assert not unused.exists()


@pytest.mark.parametrize("error", [BoardError("No.", "Look."), OSError(28, "No space", "/var")])
def test_of_a_release_that_was_not_proven_nothing_stays(one, monkeypatch, error):
    source = one.payload("two", packages=False)
    # A try before was killed after it had copied the release.
    packages = (one.layout.current / "venv").resolve()
    release._place(source, payload.read(source), one.layout, packages)

    def fail(*args):
        raise error

    monkeypatch.setattr(proof, "make_user", fail)
    with pytest.raises(BoardError):
        release.install(source, one.layout, service=one.systemd)
    assert os.listdir(one.layout.releases) == ["one"]


def test_no_boot_goes_back_to_what_the_system_was_flashed_with(board):
    shutil.copytree(board.payload("flashed"), board.layout.incoming)
    release.install(board.layout.incoming, board.layout, service=board.systemd)
    assert board.layout.incoming.exists()  # the first boot's own command removes it
    board.install("newer")
    assert not board.layout.incoming.exists()


def test_the_trackers_user_can_read_a_release_whatever_roots_mask_is(board):
    mask = os.umask(0o077)
    try:
        board.layout.home.mkdir(parents=True)
        board.install("one")
    finally:
        os.umask(mask)
    home = board.layout.home
    for path in (home, home / "releases", *(home / "releases").rglob("*")):
        assert path.stat().st_mode & 0o004, path
    assert (board.layout.state / "progress.json").stat().st_mode & 0o004


def test_what_is_not_installed_can_not_be_switched_to(one):
    with pytest.raises(BoardError, match="No release 'nine'") as told:
        release.switch("nine", one.layout, service=one.systemd)
    assert "one" in told.value.remedy
    with pytest.raises(BoardError, match="no release to go back to"):
        release.rollback(one.layout, service=one.systemd)


def test_without_systemd_the_release_is_installed_and_said_so(board):
    done = release.install(board.payload("one"), board.layout, service=None)
    assert done.service == "no systemd here"
    assert release.current(board.layout) == "one"
