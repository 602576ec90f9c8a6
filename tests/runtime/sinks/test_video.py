"""Facts about annotated videos."""

import logging
import os
import resource
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from thermedge.errors import SinkError
from thermedge.frame import Frame
from thermedge.runtime.sinks.video import VideoSink
from thermedge.runtime.track import Track


def opened(path: Path, *, rate_hz: float = 9.0) -> VideoSink:
    return VideoSink(path, width_px=64, height_px=48, rate_hz=rate_hz)


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_the_video_holds_every_frame_with_its_box(
    tmp_path: Path, suffix: str, frame: Frame, track: Track
) -> None:
    path = tmp_path / f"a{suffix}"
    sink = opened(path)
    for number in range(5):
        sink.write(replace(frame, index=number), replace(track, frame_index=number))
    assert not path.exists()
    sink.close()
    sink.close()
    assert list(tmp_path.iterdir()) == [path]

    video = cv2.VideoCapture(str(path))
    pictures = [video.read()[1] for _ in range(5)]
    assert not video.read()[0]
    assert video.get(cv2.CAP_PROP_FPS) == 9
    assert all(picture.shape == (508, 640, 3) for picture in pictures)
    blue, green, red = cv2.split(pictures[-1].astype(np.int32))
    edge = (slice(203, 205), slice(140, 210))  # the upper one, ten times enlarged
    assert (green[edge] - np.maximum(blue, red)[edge]).mean() > 60


@pytest.mark.parametrize("rate_hz", [8.7, 29.97002997, 59.94005994, 100.123, 240.0])
@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_odd_frame_rates_are_encoded(
    tmp_path: Path, rate_hz: float, suffix: str, frame: Frame, track: Track
) -> None:
    path = tmp_path / f"a{suffix}"
    sink = opened(path, rate_hz=rate_hz)
    sink.write(frame, track)
    sink.write(frame, track)
    sink.close()
    assert cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS) == pytest.approx(rate_hz, abs=0.01)


def test_16_bit_frames_are_encoded(tmp_path: Path, frame: Frame, track: Track) -> None:
    counts = np.random.default_rng(0).integers(29_000, 31_000, (48, 64), dtype=np.uint16)
    sink = opened(tmp_path / "a.mp4")
    sink.write(replace(frame, counts=counts, bits=16), track)
    sink.close()
    assert (tmp_path / "a.mp4").stat().st_size > 0


def test_a_rate_that_cannot_be_encoded_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"can't encode .*a\.mp4 \(640x508 px at 0 Hz\)") as caught:
        opened(tmp_path / "a.mp4", rate_hz=0.0)
    assert ".avi" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_a_frame_of_another_size_is_refused(tmp_path: Path, frame: Frame, track: Track) -> None:
    sink = opened(tmp_path / "a.mp4")
    sink.write(frame, track)
    with pytest.raises(SinkError, match="Frame 7 is 60x48 px, expected 64x48 px"):
        sink.write(replace(frame, counts=np.zeros((48, 60), np.uint8)), track)
    sink.close()
    assert (tmp_path / "a.mp4").exists()


def test_a_run_without_frames_leaves_no_video_but_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink = opened(tmp_path / "a.mp4")
    with caplog.at_level(logging.WARNING):
        sink.close()
    assert "it got no frame" in caplog.text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_a_full_disk_is_an_error_and_leaves_nothing(
    tmp_path: Path, suffix: str, frame: Frame, track: Track
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    sink = opened(tmp_path / f"a{suffix}")
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        for _ in range(10):
            sink.write(frame, track)
        with pytest.raises(SinkError, match="what was stored of its 10 frames is no video"):
            sink.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_a_name_is_never_taken_for_a_protocol(
    tmp_path: Path, frame: Frame, track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sink = opened(Path("pipe:1.avi"))
    sink.write(frame, track)
    sink.close()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe:1.avi"]


def test_a_name_that_is_not_utf_8_is_an_error_and_no_crash(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="has a name that is not UTF-8"):
        opened(tmp_path / os.fsdecode(b"w\xe4rme.avi"))
    assert list(tmp_path.iterdir()) == []
