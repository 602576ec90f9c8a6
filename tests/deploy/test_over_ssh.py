import json

import pytest

pytestmark = pytest.mark.deploy

ARGUMENTS = ("--arguments", "synthetic:realtime=1 --max-frames 100")


@pytest.fixture(scope="module")
def first(board, house, bundle):
    """A release that runs on the board."""
    done = board.deploy("--bundle", bundle, "--wheelhouse", house, *ARGUMENTS, "--release", "one")
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture
def one(board, first, house, bundle):
    """The board, with release one running and nothing else."""
    (board.folder / "service/refused").write_text("")
    if board.current != "one":
        done = board.deploy(
            "--bundle", bundle, "--wheelhouse", house, *ARGUMENTS, "--release", "one"
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return board


def test_a_deployed_release_runs_as_its_own_user(board, first):
    assert "runs one; self-test passed: hottest" in first.stdout
    assert "service: running" in first.stdout
    assert board.current == board.running == "one"
    assert "restart thermedge.service" in board.calls
    assert board.shell("id -nG thermedge").split() >= ["thermedge"]
    assert {"video", "render"} <= set(board.shell("id -nG thermedge").split())
    assert board.shell("stat -c %U /opt/thermedge/releases/one/bundle/track.onnx") == "root"
    unit = board.shell("cat /etc/systemd/system/thermedge.service")
    assert "User=thermedge" in unit
    conf = board.shell("tail -1 /etc/thermedge/track.conf")
    assert conf == 'TRACK_ARGUMENTS="synthetic:realtime=1 --max-frames 100"'
    progress = json.loads(board.shell("cat /var/lib/thermedge/progress.json"))
    assert progress["state"] == "done"


def test_a_second_release_keeps_packages_and_configuration(one, bundle, tmp_path, changed):
    done = one.deploy("--bundle", changed(bundle, tmp_path / "b"), "--release", "two")
    assert done.returncode == 0, done.stdout + done.stderr
    assert one.current == one.running == "two"
    assert one.shell("cat /etc/thermedge/track.conf").count("synthetic:realtime=1") == 1
    assert one.shell("ls /opt/thermedge/environments | wc -l") == "1"
    releases = one.shell(
        "thermedge=/opt/thermedge/current/venv/bin/thermedge; $thermedge release list"
    )
    assert releases.splitlines() == ["- one", "* two"]
    assert one.shell("/opt/thermedge/current/venv/bin/thermedge release rollback") != ""


def test_a_failed_self_test_leaves_the_running_release(one, bundle, tmp_path, changed):
    bad = changed(bundle, tmp_path / "bad", number=1)
    calls = len(one.calls)
    done = one.deploy("--bundle", bad, "--release", "bad")
    assert done.returncode == 1
    assert (
        "Release bad failed its self-test: The engine here computes something else" in done.stdout
    )
    assert "fix: " in done.stdout
    assert one.current == one.running == "one"
    assert one.calls[calls:] == []  # the service was not touched
    assert "bad" not in one.shell("ls -a /opt/thermedge/releases")
    progress = json.loads(one.shell("cat /var/lib/thermedge/progress.json"))
    assert (progress["state"], progress["step"]) == ("failed", "self-test")


def test_a_release_that_does_not_start_is_rolled_back(one, bundle, tmp_path, changed):
    (one.folder / "service/refused").write_text("crashes\n")
    done = one.deploy("--bundle", changed(bundle, tmp_path / "c"), "--release", "crashes")
    assert done.returncode == 1
    assert "Release crashes did not start: Job for thermedge.service failed; one runs again" in (
        done.stdout
    )
    assert one.current == one.running == "one"


def test_a_board_whose_service_was_down_keeps_the_release_and_stops_the_roll_out(
    one, bundle, tmp_path, changed
):
    (one.folder / "service/active").unlink()
    (one.folder / "service/refused").write_text("idle\n")
    what = ("--bundle", changed(bundle, tmp_path / "d"), "--release", "idle")
    done = one.deploy(*what, host="pole1 pole2")
    assert done.returncode == 1
    assert "idle is installed, but its service was not started: Job for" in done.stdout
    assert "fix: Look for the reason on the board: journalctl -u thermedge" in done.stdout
    assert "pole2: not begun" in done.stderr
    assert one.current == "idle"
    (one.folder / "service/refused").write_text("")
    done = one.deploy(*what)
    assert done.returncode == 0, done.stdout + done.stderr
    assert one.current == one.running == "idle"


def test_a_connection_that_breaks_leaves_the_running_release_and_is_taken_up(
    one, house, bundle, tmp_path, changed
):
    next_one = changed(bundle, tmp_path / "n")
    one.shell("rm -rf ~root/.cache")
    what = ("--bundle", next_one, "--wheelhouse", house, "--release", "next")
    done = one.deploy(*what, host="cut")
    assert done.returncode == 1
    assert "The connection to cut broke" in done.stdout
    assert "Run the same command again" in done.stdout
    assert one.current == one.running == "one"
    assert one.shell("ls /opt/thermedge/releases | grep -c next || true") == "0"
    before = one.shell("du -s --block-size=1 ~root/.cache | cut -f1")
    assert int(before) > 1_000_000  # what came already is not sent again
    done = one.deploy(*what)
    assert done.returncode == 0, done.stdout + done.stderr
    assert one.current == one.running == "next"


def test_a_roll_out_stops_at_the_first_batch_that_fails(one, bundle, tmp_path, changed):
    bad = changed(bundle, tmp_path / "bad", number=1)
    done = one.deploy("--bundle", bad, "--serial", "1,2", host="pole1 pole2 pole3")
    assert done.returncode == 1
    assert done.stdout.count("FAILED") == 1
    assert "pole2: not begun" in done.stderr
    assert "pole3: not begun" in done.stderr


def test_a_board_without_room_for_the_packages_says_so_and_stays_as_it_was(
    make_board, house, bundle
):
    small = make_board(opt="size=40m")
    done = small.deploy("--bundle", bundle, "--wheelhouse", house, *ARGUMENTS)
    assert done.returncode == 1
    assert "MB free, and the Python packages need" in done.stdout
    assert small.shell("find /opt/thermedge -type f ! -name .lock") == ""


def test_a_login_without_room_for_the_copy_is_told_before_anything_is_copied(
    make_board, house, bundle
):
    small = make_board(home="size=30m")
    done = small.deploy("--bundle", bundle, "--wheelhouse", house, *ARGUMENTS)
    assert done.returncode == 1
    assert "MB free, and the copy needs" in done.stdout


def test_a_disk_that_fills_while_files_are_written_has_one_clear_error(make_board, house, bundle):
    # A file system may be full though bytes are free: here of files.
    for where in ("home", "opt"):
        small = make_board(**{where: "size=2g,nr_inodes=12"})
        done = small.deploy("--bundle", bundle, "--wheelhouse", house, *ARGUMENTS)
        assert done.returncode == 1
        assert "FAILED" in done.stdout
        assert "disk" in done.stdout.lower()
        assert "fix: Make room" in done.stdout
        assert "Traceback" not in done.stdout + done.stderr
        assert small.current == "none"


def test_a_stranger_is_refused_with_what_to_do(board, bundle, tmp_path):
    config = board.folder / "ssh_config"
    text = config.read_text()
    try:
        config.write_text(text.replace("IdentityFile", "#IdentityFile"))
        done = board.deploy("--bundle", bundle, *ARGUMENTS)
        assert "board accepts no key of this machine" in done.stdout
        assert "ssh-copy-id board" in done.stdout
        config.write_text(text.replace("known_hosts", "known_nobody"))
        done = board.deploy("--bundle", bundle, *ARGUMENTS)
        assert "board is not known to this machine" in done.stdout
    finally:
        config.write_text(text)
