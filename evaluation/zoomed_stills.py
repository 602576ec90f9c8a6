"""Clips made of thermal stills: the camera comes closer or goes back as a look-alike passes.

Real people and vehicles on real ground, whose size is known in every frame because the size
of the whole picture is. What a still can't show is missing: the target keeps its pose.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from thermedge.errors import DatasetError
from thermedge.evaluation.datasets.layout import DataSet, Layout
from thermedge.evaluation.metrics import PLAIN
from thermedge.evaluation.sequences import Sequence
from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.records import from_mapping
from thermedge.runtime.sources.base import FrameSource
from thermedge.toml import loads

GROUP = "changing size (stills)"
_FRAMES = 150
_RATE_HZ = 30.0
_FAR = 0.55  # frame px per picture px at the far end; at the near end it is twice as much
_SHOWN = 0.9  # of the picture's sides at the far end
_NOISE = 2.0  # counts, of every frame anew
_WAY = 9.0  # of the look-alike through the clip, its own lengths

Image = NDArray[np.float32]
Xywh = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    """One target in one picture, px."""

    name: str
    file: str
    target: Xywh
    other: Xywh | None = None  # its look-alike; None: the target itself, mirrored


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stills:
    stills: tuple[Still, ...]


class _View:
    """What a still gives a clip: the way of the camera and that of the look-alike."""

    def __init__(self, still: Still, picture: Image) -> None:
        # Drawn from the name: a clip stays the same whatever others there are.
        rng = np.random.default_rng(list(still.name.encode()))
        self.picture = picture
        height, width = picture.shape
        self.frame_px = int(_SHOWN * _FAR * width), int(_SHOWN * _FAR * height)
        self._target = still.target
        self._comes = rng.random() < 0.5
        self._phases = rng.uniform(0, 2 * math.pi, 3)
        self._side = rng.choice([-1, 1])
        self._above = rng.choice([-1, 1]) * rng.uniform(0.35, 0.7) * still.target[3]
        self._meets = rng.uniform(0.4, 0.6)
        self._cut, self._cover = _cut_out(picture, still.other or still.target)
        if still.other is None:
            self._cut, self._cover = self._cut[:, ::-1], self._cover[:, ::-1]

    def to_frame(self, share: float) -> tuple[float, float, float]:
        """Return scale and offset (x, y) from picture px to frame px, `share` into the clip."""
        scale = _FAR * 2 ** (share if self._comes else 1 - share)
        (wide, high), (height, width) = self.frame_px, self.picture.shape
        x, y, w, h = self._target
        sway = [math.sin(pace * share + p) for pace, p in zip((3, 9, 7), self._phases, strict=True)]
        cx = x + w / 2 + 0.5 * w * sway[0] + 0.08 * wide / scale * sway[1]
        cy = y + h / 2 + 0.08 * high / scale * sway[2]
        cx = min(max(cx, wide / 2 / scale), width - wide / 2 / scale)
        cy = min(max(cy, high / 2 / scale), height - high / 2 / scale)
        return scale, wide / 2 - scale * cx, high / 2 - scale * cy

    def box(self, share: float) -> Box:
        """Return the target in the frame."""
        scale, dx, dy = self.to_frame(share)
        x, y, w, h = self._target
        return Box(scale * x + dx, scale * y + dy, scale * w, scale * h)

    def frame(self, share: float, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Return the frame's counts."""
        scale, dx, dy = self.to_frame(share)
        scene = self._passed(share)
        if scale < 1:
            cv2.GaussianBlur(scene, (0, 0), 0.45 / scale, dst=scene)
        to_frame = np.array([[scale, 0, dx], [0, scale, dy]])
        seen = cv2.warpAffine(scene, to_frame, self.frame_px, borderMode=cv2.BORDER_REFLECT)
        seen = seen + rng.normal(0, _NOISE, seen.shape)
        counts: NDArray[np.uint8] = np.clip(seen, 0, 255).astype(np.uint8)
        return counts

    def _passed(self, share: float) -> Image:
        """Return the picture with the look-alike where it is by now, before the target."""
        x, y, w, h = self._target
        scene, (high, wide) = self.picture.copy(), self._cut.shape
        away = self._side * (share - self._meets) * _WAY * max(w, h / 2)
        left = int(x + w / 2 + away - wide / 2)
        top = int(y + h / 2 + self._above - high / 2)
        x0, x1 = max(left, 0), min(left + wide, scene.shape[1])
        y0, y1 = max(top, 0), min(top + high, scene.shape[0])
        if x1 > x0 and y1 > y0:
            part = slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)
            under = scene[y0:y1, x0:x1]
            under += self._cover[part] * (self._cut[part] - under)
        return scene


def _cut_out(picture: Image, box: Xywh) -> tuple[Image, Image]:
    """Return what is in a box and a little around it, and how much of it counts: 1 to 0."""
    x, y, w, h = box
    margin = int(0.15 * max(w, h))
    x0, y0 = max(int(x) - margin, 0), max(int(y) - margin, 0)
    cut = picture[y0 : int(y + h) + margin, x0 : int(x + w) + margin].copy()
    rows, columns = np.mgrid[0 : cut.shape[0], 0 : cut.shape[1]].astype(np.float32)
    far_x = np.abs(columns + x0 - x - w / 2) / (w / 2)
    far_y = np.abs(rows + y0 - y - h / 2) / (h / 2)
    cover: Image = np.clip((1.25 - np.maximum(far_x, far_y)) / 0.3, 0, 1)
    return cut, cover


@dataclass(frozen=True)
class ZoomedStill:
    """The frames of one still; the same each time."""

    still: Still
    folder: Path

    @cached_property
    def _view(self) -> _View:
        path = self.folder / self.still.file
        picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if picture is None:
            raise DatasetError(
                f"{path} is missing, or no picture.", "Give the folder of RoadScene's thermal part."
            )
        return _View(self.still, picture.astype(np.float32))

    def open(self, start_frame: int, rate_hz: float | None) -> FrameSource:
        """Open the clip; its target is known from frame 0 on, where it starts.

        Raises:
            DatasetError: The picture can't be read.
        """
        assert start_frame == 0
        return _Clip(self._view, rate_hz or _RATE_HZ)

    @property
    def sequence(self) -> Sequence:
        """The clip with its truth.

        Raises:
            DatasetError: The picture can't be read.
        """
        truth = np.array([tuple(self._view.box(_share(index))) for index in range(_FRAMES)])
        return Sequence(self.still.name, GROUP, ZoomedStill(self.still, self.folder), truth)


class _Clip:
    """A still as a camera that moves."""

    live = False
    num_frames: int | None = _FRAMES

    def __init__(self, view: _View, rate_hz: float) -> None:
        self._view, self.rate_hz = view, rate_hz
        self.width_px, self.height_px = view.frame_px
        self.faults: dict[str, int] = {}
        self.start_box: Box | None = view.box(0)
        self._closed = False

    def __iter__(self) -> Iterator[Frame]:
        rng = np.random.default_rng(0)
        for index in range(_FRAMES):
            if self._closed:
                return
            counts = self._view.frame(_share(index), rng)
            yield Frame(counts, index, round(index * 1e9 / self.rate_hz), bits=8)

    def close(self) -> None:
        self._closed = True

    def __enter__(self) -> _Clip:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _share(index: int) -> float:
    return index / (_FRAMES - 1)


def data_set(folder: Path) -> DataSet:
    """Return all clips.

    Args:
        folder: Of the thermal pictures.

    Raises:
        DatasetError: A picture is missing.
    """
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    stills = from_mapping(_Stills, loads(text)).stills
    layout = Layout("stills", "nothing: it is made", lambda _: False, lambda _: [], PLAIN)
    return DataSet(layout, tuple(ZoomedStill(one, folder).sequence for one in stills))
