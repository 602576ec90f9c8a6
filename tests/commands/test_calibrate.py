import numpy as np
import pytest

from thermedge import bundle
from thermedge.bundles import find
from thermedge.calibration import samples
from thermedge.commands import main
from thermedge.evaluation import datasets


def square(number):
    return 40 + 3 * number, 40, 18, 14


@pytest.fixture(scope="module")
def recordings(tmp_path_factory, write_clip):
    """Three labelled clips of a bright square over blobs, and a fourth with no label file."""
    folder = tmp_path_factory.mktemp("recordings")
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c", "bare"):
        pictures = []
        for number in range(8):
            blobs = np.kron(rng.integers(60, 90, (12, 16)), np.ones((10, 10)))
            picture = (blobs + rng.normal(0, 2, blobs.shape)).astype(np.uint8)
            x, y, w, h = square(number)
            picture[y : y + h, x : x + w] = 210
            pictures.append(picture)
        where = folder / ("bare" if name == "bare" else "labelled") / name
        write_clip(where, pictures, [square(number) for number in range(8)])
    (folder / "bare" / "bare" / "groundtruth.txt").rename(folder / "boxes.txt")
    return folder


def calibrate(*arguments):
    return main(["calibrate", *(str(argument) for argument in arguments)])


def test_a_labelled_data_set_becomes_a_set_that_fits_the_bundle(recordings, tmp_path, capsys):
    assert calibrate(f"auto:{recordings / 'labelled'}", "-o", tmp_path / "set") == 0
    shown = capsys.readouterr().out
    made = samples.read(tmp_path / "set")
    made.check(bundle.read(find("default")))
    assert made.num_windows == 2 * 7
    assert "missing" in shown
    assert shown.endswith(f"{tmp_path / 'set'}\n")
    assert (tmp_path / "set" / samples.REPORT).read_text() in shown


def test_clips_held_back_can_be_opened_again_and_gave_nothing(recordings, tmp_path):
    calibrate(f"plain:{recordings / 'labelled'}", "-o", tmp_path / "set", "--seed", 3)
    made = samples.read(tmp_path / "set")
    (held,) = made.held_back
    used = {use.name.rpartition("/")[2] for use in made.header.recordings}
    assert used | {held.name} == {"a", "b", "c"}
    assert held.name not in used
    again = {s.name: s for s in datasets.read(recordings / "labelled", held.layout).sequences}
    assert (again[held.name].digest, again[held.name].start) == (held.labels, held.first)


def test_a_folder_with_labels_needs_no_layout(recordings, tmp_path):
    assert calibrate(recordings / "labelled" / "a", "-o", tmp_path / "set") == 0
    made = samples.read(tmp_path / "set")
    assert made.held_back == ()
    assert {origin.box for origin in made.origin} == {"labelled"}


@pytest.mark.parametrize("how", ["--init", "--auto", "--labels"])
def test_a_bare_video_takes_its_target_from_the_flags(recordings, tmp_path, how):
    told = {
        "--init": ",".join(map(str, square(0))),
        "--auto": "hottest",
        "--labels": recordings / "boxes.txt",
    }
    video = recordings / "bare" / "bare" / "video.mkv"
    assert calibrate(video, how, told[how], "-o", tmp_path / "set") == 0
    boxes = {origin.box for origin in samples.read(tmp_path / "set").origin}
    assert boxes == {"labelled" if how == "--labels" else "tracked"}


def test_no_more_is_kept_than_asked_for(recordings, tmp_path):
    asked = ("--windows", 5, "--templates", 1, "--frames", 6, "--held-back", 0)
    calibrate(f"plain:{recordings / 'labelled'}", "-o", tmp_path / "set", *asked)
    made = samples.read(tmp_path / "set")
    assert (made.num_windows, len(made.header.template)) == (5, 1)
    assert {use.frames for use in made.header.recordings} == {6}
    assert made.held_back == ()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("VIDEO",), "Nothing says where the target is"),
        (("synthetic:crossing",), "made up"),
        (("v4l2:/dev/video0", "--auto", "moving"), "never ends"),
        (("VIDEO", "VIDEO", "--init", "1,2,3,4"), "2 were given"),
        (("VIDEO", "DATA", "--labels", "boxes.txt"), "2 were given"),
        (("VIDEO", "--init", "1,2,3"), "not four numbers"),
        (("VIDEO", "--init", "500,2,3,4"), "lies outside"),
        (("DATA", "--windows", "0"), "--windows is 0"),
        (("DATA", "--held-back", "1"), "--held-back is 1"),
        (("DATA", "--bundle", "nobody"), "nobody"),
        (("nowhere.mkv", "--auto", "moving"), "does not exist"),
        (("plain:nowhere",), "does not exist"),
    ],
)
def test_what_can_not_be_is_refused_and_leaves_nothing(
    recordings, tmp_path, capsys, arguments, expected
):
    names = {
        "VIDEO": str(recordings / "bare" / "bare" / "video.mkv"),
        "DATA": f"plain:{recordings / 'labelled'}",
    }
    arguments = [names.get(argument, argument) for argument in arguments]
    assert calibrate(*arguments, "-o", tmp_path / "set") == 2
    told = capsys.readouterr().err
    assert expected in told
    assert "fix: " in told
    assert list(tmp_path.iterdir()) == []


def test_a_recording_named_twice_is_not_held_back_from_itself(recordings, tmp_path):
    folder = recordings / "labelled"
    (tmp_path / "link").symlink_to(folder)
    again = [folder / "a", folder / "b", folder / "c", f"plain:{tmp_path / 'link'}"]
    calibrate(f"plain:{folder}", *again, "-o", tmp_path / "set")
    made = samples.read(tmp_path / "set")
    used = [use.name.rpartition("/")[2] for use in made.header.recordings]
    assert sorted([*used, *(held.name for held in made.held_back)]) == ["a", "b", "c"]


def test_a_held_back_recording_calibrates_by_no_other_name(recordings, tmp_path, capsys):
    folder = recordings / "labelled"
    videos = [f"{folder / name / 'video.mkv'}?rate=9" for name in "abc"]
    assert calibrate(f"plain:{folder}", *videos, "--auto", "hottest", "-o", tmp_path / "set") == 2
    told = capsys.readouterr().err
    assert "video.mkv?rate=9 is one of the labelled recordings, and held back" in told
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize(
    ("thermal", "expected"), [("synthetic:", "made up"), ("v4l2:/dev/video0", "never ends")]
)
def test_a_rig_is_refused_for_what_its_cameras_are(tmp_path, capsys, thermal, expected):
    rig = tmp_path / "rig.toml"
    rig.write_text(
        f'thermal = "{thermal}"\nvisible = "v4l2:/dev/video1"\nmax_gap_ms = 40.0\n'
        "homography = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]\n"
    )
    assert calibrate(f"pair:{rig}", "--auto", "moving", "-o", tmp_path / "set") == 2
    told = capsys.readouterr().err
    assert f"{thermal} is" in told
    assert expected in told


def test_a_place_that_is_taken_is_told_before_anything_is_run(recordings, tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("keep")
    assert calibrate(f"plain:{recordings / 'labelled'}", "-o", tmp_path) == 2
    told = capsys.readouterr().err
    assert "no calibration set: there is 'notes.txt'" in told
    assert "[1/" not in told


def test_a_recording_without_a_usable_frame_is_refused(recordings, tmp_path, capsys, write_clip):
    nothing = [(np.nan,) * 4] * 3
    pictures = [np.full((96, 128), 50, np.uint8)] * 3
    write_clip(tmp_path / "clip", pictures, nothing)
    assert calibrate(tmp_path / "clip", "-o", tmp_path / "set") == 2
    assert "no label that a track can start on" in capsys.readouterr().err
    assert not (tmp_path / "set").exists()
