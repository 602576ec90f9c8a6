"""Facts about finding the sink that a file's name asks for."""

import importlib
from contextlib import closing
from pathlib import Path

import pytest

from thermedge.errors import SinkError
from thermedge.frame import Frame
from thermedge.runtime.sinks import (
    SCHEMES,
    TEXTS,
    VIDEOS,
    check_target,
    check_video,
    is_address,
    open_sink,
    open_video,
)
from thermedge.runtime.sinks.udp import UdpSink
from thermedge.runtime.sinks.video import VideoSink
from thermedge.runtime.track import Track

SIZE = {"width_px": 64, "height_px": 48, "rate_hz": 9.0}


@pytest.mark.parametrize("target", [*TEXTS.values(), *SCHEMES.values()])
def test_every_entry_of_the_table_exists(target: str) -> None:
    module, _, name = target.partition(":")
    assert callable(getattr(importlib.import_module(module), name))


@pytest.mark.parametrize("suffix", [*TEXTS, *VIDEOS, ".CSV", ".MP4"])
def test_every_known_suffix_gives_a_file(
    tmp_path: Path, suffix: str, frame: Frame, track: Track
) -> None:
    path = tmp_path / f"a{suffix}"
    with closing(open_sink(path, **SIZE)) as sink:
        sink.write(frame, track)
    assert path.stat().st_size > 0
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["a.json", "a", "a.jsonl.gz", ".csv"])
def test_an_unknown_suffix_is_told_which_are_known(tmp_path: Path, name: str) -> None:
    with pytest.raises(SinkError, match=r"expected one of \.csv \.jsonl \.txt \.avi \.mp4"):
        open_sink(tmp_path / name, **SIZE)


def test_a_video_has_a_video_suffix(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"has the suffix '\.csv', expected one of \.avi \.mp4"):
        open_video(tmp_path / "a.csv", **SIZE)
    with pytest.raises(SinkError, match=r"expected one of \.avi \.mp4") as caught:
        check_video(tmp_path / "a.mkv")
    assert "a.avi" in caught.value.remedy
    sink = open_video(tmp_path / "a.avi", **SIZE)
    assert isinstance(sink, VideoSink)
    sink.close()


def test_an_interrupt_leaves_a_complete_file_of_the_frames_so_far(
    tmp_path: Path, frame: Frame, track: Track
) -> None:
    path = tmp_path / "a.txt"
    with pytest.raises(KeyboardInterrupt), closing(open_sink(path, **SIZE)) as sink:  # noqa: PT012
        sink.write(frame, track)
        raise KeyboardInterrupt
    assert path.read_text().count("\n") == 1


def test_a_scheme_opens_a_network() -> None:
    with closing(open_sink("UDP://127.0.0.1:9", **SIZE)) as sink:
        assert isinstance(sink, UdpSink)


def test_every_scheme_may_be_in_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("thermedge.runtime.sinks._load", lambda opener: opened.append)
    for scheme in SCHEMES:
        open_sink(f"{scheme.upper()}:X", **SIZE)
    assert opened == [f"{scheme}:X" for scheme in SCHEMES]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        *[(f"{scheme}:x", True) for scheme in SCHEMES],
        *[("t.jsonl", False), ("a/b:c.csv", False), ("C:\\t.csv", False), ("day:2.csv", False)],
    ],
)
def test_addresses_and_paths_are_told_apart(target: str, expected: bool) -> None:
    assert is_address(target) is expected


@pytest.mark.parametrize("target", ["tcp://host:5", "rtsp://host/x", "t.doc"])
def test_what_can_t_be_opened_is_known_by_its_name(target: str) -> None:
    with pytest.raises(SinkError, match="expected one of"):
        check_target(target)


@pytest.mark.parametrize("target", ["t.jsonl", Path("v.mp4"), "udp://host:5"])
def test_what_can_be_opened_passes(target: str | Path) -> None:
    check_target(target)
