"""Facts about text files of one line per frame."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from thermedge.errors import SinkError
from thermedge.frame import Frame
from thermedge.runtime.sinks.lines import LineSink
from thermedge.runtime.track import Track


def state(track: Track) -> str:
    return track.state


@contextmanager
def disk_full_beyond(size: int) -> Iterator[None]:
    """Refuse files that grow beyond `size` bytes, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_every_track_becomes_a_line_below_the_header(
    tmp_path: Path, frame: Frame, track: Track
) -> None:
    path = tmp_path / "a.txt"
    sink = LineSink(path, state, header="state")
    sink.write(frame, track)
    sink.write(frame, track)
    sink.close()
    assert path.read_bytes() == b"state\ntracking\ntracking\n"


def test_the_file_appears_when_it_is_closed_and_closing_twice_is_allowed(
    tmp_path: Path, frame: Frame, track: Track
) -> None:
    path = tmp_path / "a.txt"
    sink = LineSink(path, state)
    sink.write(frame, track)
    assert not path.exists()
    sink.close()
    sink.close()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("header", ["", "state"])
def test_a_run_without_frames_replaces_no_earlier_results(
    tmp_path: Path, header: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("earlier\n")
    LineSink(path, state, header=header).close()
    assert path.read_text() == "earlier\n"
    assert list(tmp_path.iterdir()) == [path]
    assert "it got no frame" in caplog.text


def test_a_line_is_with_the_system_as_soon_as_it_is_written(
    tmp_path: Path, frame: Frame, track: Track
) -> None:
    sink = LineSink(tmp_path / "a.txt", state)
    sink.write(frame, track)
    (temporary,) = tmp_path.iterdir()
    assert temporary.read_bytes() == b"tracking\n"
    sink.close()


def test_a_full_disk_is_an_error_and_keeps_the_whole_lines(
    tmp_path: Path, frame: Frame, track: Track
) -> None:
    path = tmp_path / "a.txt"
    sink = LineSink(path, state)
    with disk_full_beyond(24):  # two lines of nine bytes, and a torn one
        sink.write(frame, track)
        sink.write(frame, track)
        for _ in range(2):
            with pytest.raises(SinkError, match=r"can't grow beyond 18 bytes: File too large"):
                sink.write(frame, track)
        sink.close()
    assert path.read_bytes() == b"tracking\ntracking\n"


def test_writing_goes_on_once_there_is_room_again(
    tmp_path: Path, frame: Frame, track: Track
) -> None:
    sink = LineSink(tmp_path / "a.txt", state)
    with disk_full_beyond(12):
        sink.write(frame, track)
        with pytest.raises(SinkError):
            sink.write(frame, track)
    sink.write(frame, track)
    sink.close()
    assert (tmp_path / "a.txt").read_bytes() == b"tracking\ntracking\n"


def test_a_disk_without_room_for_the_header_leaves_nothing(tmp_path: Path) -> None:
    with disk_full_beyond(3), pytest.raises(SinkError, match="can't grow beyond 0 bytes"):
        LineSink(tmp_path / "a.txt", state, header="state")
    assert list(tmp_path.iterdir()) == []
