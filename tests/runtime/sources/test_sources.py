"""Facts about finding the source that a text names."""

import importlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from thermedge.errors import SourceError
from thermedge.runtime.sources import FOLDER, SCHEMES, VIDEO, open_source, path_of
from thermedge.runtime.sources.folder import FolderSource
from thermedge.runtime.sources.video import VideoSource


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "a recording"
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((8, 10), number, np.uint16))
    return folder


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    for number in range(5):
        writer.write(np.full((48, 64, 3), 40 * number, np.uint8))
    writer.release()
    return path


@pytest.mark.parametrize("target", [*SCHEMES.values(), VIDEO, FOLDER])
def test_every_entry_of_the_table_exists(target: str) -> None:
    module, _, name = target.partition(":")
    assert callable(getattr(importlib.import_module(module), name))


def test_a_folder_is_read_as_pictures_and_a_file_as_a_video(folder: Path, video: Path) -> None:
    assert isinstance(open_source(folder), FolderSource)
    assert isinstance(open_source(str(folder)), FolderSource)
    assert isinstance(open_source(str(video)), VideoSource)


def test_a_file_uri_names_the_same_source_as_its_path(folder: Path) -> None:
    source = open_source(folder.as_uri())
    assert "%20" in folder.as_uri()
    assert [frame.index for frame in source] == [0, 1, 2]


def test_a_file_uri_may_be_relative(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    assert open_source("file:a recording").num_frames == 3
    assert open_source("file://a%20recording").num_frames == 3


def test_a_rate_behind_the_path_sets_the_rate(folder: Path, video: Path) -> None:
    assert open_source(folder).rate_hz == 30
    assert open_source(f"{folder}?rate=9").rate_hz == 9
    assert open_source(f"{folder.as_uri()}?rate=8.7").rate_hz == 8.7
    assert open_source(video).rate_hz == 25
    assert open_source(f"{video}?rate=9").rate_hz == 9


def test_a_question_mark_in_an_existing_name_is_part_of_the_name(folder: Path) -> None:
    strange = folder.rename(folder.parent / "why?rate=9")
    assert open_source(str(strange)).rate_hz == 30


def test_the_start_frame_is_handed_on(folder: Path, video: Path) -> None:
    assert next(iter(open_source(folder, start_frame=2))).index == 2
    assert next(iter(open_source(video, start_frame=2))).index == 2


def test_a_scheme_comes_before_a_path_and_takes_the_whole_text() -> None:
    source = open_source("synthetic:seed=3,frames=2")
    assert [frame.index for frame in source] == [0, 1]
    source.close()


def test_an_existing_path_with_a_colon_is_a_path(folder: Path) -> None:
    colon = folder.rename(folder.parent / "rtsp:x")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(colon.parent)
        assert open_source("rtsp:x").num_frames == 3


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("rtsp://camera/stream", "unknown scheme 'rtsp'"),
        ("v4l2:/dev/no such camera", "/dev/no such camera does not exist"),
        ("", "'' names no source"),
        ("?rate=9", "names no source"),
        ("no such.mp4", "no such.mp4 does not exist"),
        ("/dev/null", "neither a file nor a folder"),
        ("a" * 300, "can't be reached: File name too long"),
        ("clip.mp4?rate=fast", "rate of clip.mp4 is 'fast'"),
        ("clip.mp4?rate=0", "is '0', expected a number from 1e-05 to 1e+06 Hz"),
        ("clip.mp4?rate=-9", "is '-9'"),
        ("clip.mp4?rate=nan", "is 'nan'"),
        ("clip.mp4?rate=inf", "is 'inf'"),
        ("clip.mp4?rate=1e-300", "is '1e-300'"),
        ("clip.mp4?rate=1e300", "is '1e300'"),
        ("clip.mp4?speed=9", "option 'speed=9', expected rate=HZ"),
        ("clip.mp4?9", "option '9'"),
    ],
)
def test_what_names_no_source_is_one_clear_error(uri: str, problem: str) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(uri)
    assert problem in caught.value.problem
    assert caught.value.remedy


def test_a_scheme_may_be_in_capitals() -> None:
    with open_source("SYNTHETIC:frames=3") as source:
        assert source.num_frames == 3


def test_where_a_source_lies_is_known_by_its_name(folder: Path) -> None:
    assert path_of(f"file://{folder}?rate=9") == path_of(f"{folder}?rate=9") == folder
    assert path_of("synthetic:") is None
    with pytest.raises(SourceError, match="unknown scheme"):
        path_of("rtsp://camera?x=1")


def test_an_unknown_scheme_is_told_which_are_known() -> None:
    with pytest.raises(SourceError) as caught:
        open_source("rtsp://camera/stream")
    assert "file:" in caught.value.remedy
    assert "synthetic:" in caught.value.remedy
    assert "v4l2:" in caught.value.remedy


def test_a_negative_start_frame_is_refused(folder: Path) -> None:
    with pytest.raises(SourceError, match="start frame is -1"):
        open_source(folder, start_frame=-1)


def test_a_generated_scene_starts_at_its_first_frame() -> None:
    with pytest.raises(SourceError, match="can't start at frame 5"):
        open_source("synthetic:", start_frame=5)
