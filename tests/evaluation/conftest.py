"""Sequences in memory and pictures on disk, so small that a test takes milliseconds."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from thermedge.evaluation.results import Result, Row
from thermedge.evaluation.sequences import Sequence
from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.runtime.track import Track

SHARED = Path(__file__).parents[3] / "shared" / "data"


class BlankSource:
    """Grey frames of 64x48 px."""

    width_px, height_px, live, start_box = 64, 48, False, None

    def __init__(self, count: int, start_frame: int, rate_hz: float) -> None:
        self.rate_hz = rate_hz
        self.num_frames: int | None = count - start_frame
        self._numbers = range(start_frame, count)

    def __iter__(self) -> Iterator[Frame]:
        for number in self._numbers:
            counts = np.full((48, 64), 99, np.uint8)
            yield Frame(counts, number, round(number * 1e9 / self.rate_hz), 8)

    def __enter__(self) -> "BlankSource":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self._numbers = range(0)


@dataclass(frozen=True)
class Blank:
    """The frames of a sequence in memory."""

    count: int
    rate_hz: float = 30.0

    def open(self, start_frame: int, rate_hz: float | None) -> BlankSource:
        return BlankSource(self.count, start_frame, rate_hz or self.rate_hz)


class Scripted:
    """A tracker that says what it was told, and throws on None."""

    def __init__(self, boxes: list[tuple[float, ...] | None]) -> None:
        self.boxes = boxes
        self.starts: list[tuple[int, Box]] = []
        self.seen: list[int] = []

    def init(self, frame: Frame, box: Box) -> Track:
        self.starts.append((frame.index, box))
        return self._track(frame, box)

    def update(self, frame: Frame) -> Track:
        self.seen.append(frame.index)
        values = self.boxes[frame.index]
        if values is None:
            raise RuntimeError("the engine\nfell over")
        return self._track(frame, Box(*values))

    def close(self) -> None:
        """Nothing to let go of."""

    def _track(self, frame: Frame, box: Box) -> Track:
        return Track(box, 0.5, "tracking", frame.index, frame.timestamp_ns, 0, {})


@pytest.fixture
def shared() -> Path:
    """The folder of recordings beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not there")
    return SHARED


@pytest.fixture
def scripted() -> type[Scripted]:
    """Scripted(boxes by frame number)."""
    return Scripted


@pytest.fixture
def make_sequence() -> Callable[..., Sequence]:
    """Make a sequence of blank frames from its truth."""

    def make(truth: Any, *, frames: int | None = None, **fields: Any) -> Sequence:
        rows = np.array(truth, np.float64).reshape(-1, 4)
        defaults = {"name": "clip", "group": "made/up"}
        source = Blank(len(rows) if frames is None else frames)
        return Sequence(frames=source, truth=rows, **{**defaults, **fields})

    return make


@pytest.fixture
def make_result() -> Callable[..., Result]:
    """Make a result from boxes; the first row is the start."""

    def make(boxes: Any, *, start: int = 0, error: str = "", ms: float = math.nan) -> Result:
        rows = np.array(boxes, np.float64).reshape(-1, 4).tolist()
        return Result(
            tuple(
                Row(start + i, *box, 0.5, ms, "tracked" if i else "start", "tracking")
                for i, box in enumerate(rows)
            ),
            error,
        )

    return make


@pytest.fixture
def pictures() -> Callable[..., Path]:
    """Write numbered pictures of 32x24 px into a folder, and return it."""

    def write(folder: Path, count: int, name: str = "{:04d}.png") -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(1, count + 1):
            picture = np.full((24, 32), number, np.uint8)
            picture[8:14, 10:18] = 200
            assert cv2.imwrite(str(folder / name.format(number)), picture)
        return folder

    return write


@pytest.fixture
def plain(tmp_path: Path, pictures: Callable[..., Path]) -> Callable[..., Path]:
    """Write a data set in the plain form: name -> number of frames; return its folder."""

    def write(lengths: dict[str, int], folder: str = "set/val") -> Path:
        for name, frames in lengths.items():
            place = pictures(tmp_path / folder / name, frames)
            (place / "groundtruth.txt").write_text("10,8,8,6\n" * frames)
        return tmp_path / folder

    return write
