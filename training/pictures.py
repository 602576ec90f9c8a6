"""Read labelled pictures from recordings, stills and generated scenes."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from thermedge.errors import RecipeError
from thermedge.runtime.plain_names import is_plain
from thermedge.training.pack import Labelled, Picture

if TYPE_CHECKING:
    from thermedge.runtime.scene import SceneSpec

_MIN_SIDE_PX = 3.0  # a smaller box says more about the labeller than about the target
FIRST_SEED = 1_000_000  # scenes below are for tests and evaluation
_BOXES_PER_PAIR = 6

_Xywh = tuple[float, float, float, float]


def from_sequences(folder: Path, every: int) -> Iterator[Labelled]:
    """Yield every n-th labelled frame of each clip below `folder`.

    A clip is a folder with `groundtruth.txt` (x,y,w,h px per frame, nan where unlabelled)
    beside an 8-bit video.

    Raises:
        RecipeError: There is no clip, a clip has no video or several, or wider counts.
        DatasetError: A line of `groundtruth.txt` is no box.
        SourceError: A video can't be read.
    """
    from thermedge.evaluation.box_files import read_boxes
    from thermedge.runtime.sources import open_source

    clips = sorted(path.parent for path in folder.glob("*/groundtruth.txt"))
    if not clips:
        raise RecipeError(
            f"{folder} holds no clip.", "A clip is a folder with groundtruth.txt and a video."
        )
    for clip in clips:
        truth = read_boxes(clip / "groundtruth.txt")
        with open_source(_video(clip)) as frames:
            for number, frame in enumerate(frames):
                if number % every or number >= len(truth):
                    continue
                if frame.counts.dtype != np.uint8:
                    raise RecipeError(
                        f"The video in {clip} has 16-bit counts, expected 8 bits.",
                        "Scale it to 8 bits first, as the camera's own AGC would.",
                    )
                x, y, w, h = (float(value) for value in truth[number])
                if math.isfinite(x + y + w + h) and min(w, h) >= _MIN_SIDE_PX:
                    yield np.asarray(frame.counts, np.uint8), [(clip.name, (x, y, w, h))]


def _video(clip: Path) -> Path:
    videos = sorted(clip.glob("video.*"))
    if len(videos) != 1:
        came = ", ".join(path.name for path in videos) or "none"
        raise RecipeError(
            f"{clip} must hold one video beside groundtruth.txt, but holds {came}.",
            "Name it video.mp4, or another suffix that FFmpeg knows.",
        )
    return videos[0]


def scene(number: int, frames: int) -> SceneSpec:
    """Return what the scene `number` (from 0) of `from_scenes` shows: each kind in turn."""
    from thermedge.runtime.scene import random_spec
    from thermedge.runtime.scene_outlines import KINDS

    kind = KINDS[number % len(KINDS)]
    return random_spec(FIRST_SEED + number, num_frames=frames, kind=kind)


def from_scenes(scenes: int, frames: int) -> Iterator[Labelled]:
    """Yield frames of generated scenes, scaled to 8 bits as the runtime scales them."""
    from thermedge.manifest import ScalingSpec
    from thermedge.runtime.scaling import Scaler
    from thermedge.runtime.scene import Scene

    scaling = ScalingSpec(
        low_percent=0.5, high_percent=99.8, min_span_counts=120, expand_s=0.2, contract_s=2.0
    )
    for seed in range(scenes):
        scaler = Scaler(scaling)
        spec = scene(seed, frames)
        for number, shot in enumerate(Scene(spec)):
            low, high = scaler.bounds(shot.counts, int(number / spec.rate_hz * 1e9))
            if shot.visible_fraction < 0.4 or min(shot.box.w, shot.box.h) < _MIN_SIDE_PX:
                continue
            picture = np.clip((shot.counts - low) * (255.0 / (high - low)), 0, 255)
            x, y, w, h = shot.box
            yield picture.astype(np.uint8), [(f"scene{seed}", (x, y, w, h))]


def from_pairs(folder: Path) -> Iterator[Labelled]:
    """Yield registered stills of `folder/thermal` and `folder/visible`, as (2, H, W).

    They are paired by name. Nobody labelled them: each has a few textured boxes as its
    targets, the same ones every time.

    Raises:
        RecipeError: A folder is missing, or a still has no partner of its size.
    """
    thermal, visible = (_stills_in(folder / name) for name in ("thermal", "visible"))
    lonely = sorted(set(thermal) ^ set(visible))
    if lonely:
        raise RecipeError(
            f"{lonely[0]} is in one of {folder}/thermal and {folder}/visible only.",
            "Give both stills of a pair the same name.",
        )
    for number, name in enumerate(sorted(thermal)):
        picture, beside = _grey_still(thermal[name]), _grey_still(visible[name])
        if picture.shape != beside.shape:
            raise RecipeError(
                f"The stills {name} differ in size: thermal {picture.shape[::-1]} px, "
                f"visible {beside.shape[::-1]} px.",
                "Register the visible stills to the thermal ones first.",
            )
        boxes = _textured(picture, np.random.default_rng(number))
        named = [(f"{name}/{place}", box) for place, box in enumerate(boxes)]
        yield np.stack([picture, beside]), named


def _stills_in(folder: Path) -> dict[str, Path]:
    from thermedge.runtime.sources.folder import SUFFIXES

    try:
        found = {p.name: p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES}
    except OSError as error:
        raise RecipeError(
            f"{folder} can't be read: {error.strerror}.",
            "Pairs lie in two folders, thermal and visible, under the same names.",
        ) from error
    return found


def _grey_still(path: Path) -> Picture:
    if not is_plain(path):
        raise RecipeError(
            f"{str(path)!r} has a name that is not UTF-8, which OpenCV can't read.",
            "Rename it, or the folders on the way to it.",
        )
    read = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if read is None:
        raise RecipeError(f"{path} is not a readable picture.", "Copy it again.")
    return np.asarray(read, np.uint8)


def _textured(picture: Picture, rng: np.random.Generator) -> list[_Xywh]:
    """Return boxes in the picture, each the most textured of a few random ones."""
    height, width = picture.shape
    boxes: list[_Xywh] = []
    for _ in range(_BOXES_PER_PAIR):
        tried: list[tuple[float, _Xywh]] = []
        for _ in range(8):
            w, h = np.exp(rng.uniform(math.log(10), math.log(70)) + rng.normal(0, 0.25, 2))
            w, h = min(w, width / 2), min(h, height / 2)
            x, y = rng.uniform(0, width - w), rng.uniform(0, height - h)
            inside = picture[int(y) : int(y + h) + 1, int(x) : int(x + w) + 1]
            tried.append((float(inside.std()), (float(x), float(y), float(w), float(h))))
        boxes.append(max(tried)[1])
    return boxes


@dataclass(frozen=True, slots=True)
class _Still:
    path: Path
    boxes: list[tuple[str, tuple[float, float, float, float]]]  # (category, x y w h)


def from_stills(folder: Path) -> Iterator[Labelled]:
    """Yield the stills of `folder/boxes.csv`; boxes of neighbouring frames share a key.

    The number at the end of a file name counts frames of one flight, so names one or two
    apart show the same scene seconds later. Their shift is measured by phase correlation;
    a box then belongs to the nearest one of its class with about its size.

    Raises:
        RecipeError: `boxes.csv` or a picture can't be read.
    """
    key = 0
    for flight in _flights(folder):
        previous: tuple[int, Picture, list[tuple[str, str, _Xywh]]] | None = None
        for number, still in sorted(flight.items()):
            picture = _grey_still(still.path)
            near = previous if previous and number - previous[0] <= 2 else None
            keys = _matched(picture, still.boxes, near)
            named: list[tuple[str, str, _Xywh]] = []
            for (category, box), old in zip(still.boxes, keys, strict=True):
                key += old is None
                named.append((old or f"still{key}", category, box))
            yield picture, [(name, box) for name, _, box in named if min(box[2:]) >= _MIN_SIDE_PX]
            previous = (number, picture, named)


def _flights(folder: Path) -> list[dict[int, _Still]]:
    """Group the stills by flight: everything of the name but the last number."""
    boxes: dict[str, list[tuple[str, _Xywh]]] = defaultdict(list)
    try:
        with (folder / "boxes.csv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                boxes[row["image"]].append((row["category"], _box(row)))
    except (OSError, KeyError, ValueError) as error:
        raise RecipeError(
            f"{folder / 'boxes.csv'} can't be read: {error}.",
            "It needs the columns image, category, x, y, w, h; the last four are px.",
        ) from error
    flights: dict[str, dict[int, _Still]] = defaultdict(dict)
    for name in sorted(boxes):
        flight, _, number = Path(name).stem.rpartition("_")
        if not number.isdecimal():
            raise RecipeError(
                f"The still {name!r} has no frame number at the end of its name.",
                "Name stills FLIGHT_NUMBER, for example hill_00042.jpg",
            )
        flights[flight][int(number)] = _Still(folder / "images" / name, boxes[name])
    return [flights[name] for name in sorted(flights)]


def _box(row: dict[str, str]) -> _Xywh:
    x, y, w, h = (float(row[name] or "nan") for name in "xywh")
    if not (math.isfinite(x + y + w + h) and min(w, h) > 0):
        raise ValueError(f"{row['image']} has the box {x:g},{y:g},{w:g},{h:g}")
    return x, y, w, h


def _matched(
    picture: Picture,
    boxes: list[tuple[str, _Xywh]],
    near: tuple[int, Picture, list[tuple[str, str, _Xywh]]] | None,
) -> list[str | None]:
    """Return, for each box, the key of the same target in the picture before, or None."""
    if near is None or near[1].shape != picture.shape:
        return [None] * len(boxes)
    (dx, dy), response = cv2.phaseCorrelate(
        near[1].astype(np.float32),
        picture.astype(np.float32),
        cv2.createHanningWindow(picture.shape[::-1], cv2.CV_32F),
    )
    if response < 0.05:
        return [None] * len(boxes)
    free = list(near[2])
    found: list[str | None] = []
    for category, (x, y, w, h) in boxes:
        best, best_distance = None, 1.2 * (w * h) ** 0.5
        for candidate in free:
            name, other, (px, py, pw, ph) = candidate
            distance = np.hypot(px + pw / 2 + dx - x - w / 2, py + ph / 2 + dy - y - h / 2)
            similar = 0.6 < (w * h) / (pw * ph) < 1.65
            if other == category and similar and distance < best_distance:
                best, best_distance = candidate, float(distance)
        if best is not None:
            free.remove(best)
        found.append(best[0] if best else None)
    return found
