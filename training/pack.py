"""A memory-mapped cache of frames and boxes, so that training is never bound by decoding."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermedge import runtime
from thermedge.errors import RecipeError
from thermedge.files import sha256_of, sync
from thermedge.training.recipe import DataSpec

log = logging.getLogger(__name__)

_VERSION = 1  # raised when the packed content changes for the same recipe

# Where videos and pictures lie, by kind. Of these large files size and time are looked at.
_PICTURES = {"sequences": "*/video.*", "stills": "images/**/*", "pairs": "*/*"}

Picture = NDArray[np.uint8]  # (H, W); or (2, H, W), thermal and visible, registered
# One picture with its boxes: (track key, (x, y, w, h)); a key seen again is the same target.
Labelled = tuple[Picture, list[tuple[str, tuple[float, float, float, float]]]]


@dataclass(frozen=True, slots=True)
class Pack:
    """Pictures of any size in one flat file, boxes in time order per target."""

    pixels: NDArray[np.uint8]  # memory-mapped, flat
    pictures: NDArray[np.int64]  # (F, 3): offset, height, width
    boxes: NDArray[np.float32]  # (N, 4): x, y, w, h
    box_picture: NDArray[np.int64]  # (N,)
    tracks: NDArray[np.int64]  # (T, 2): first box, number of boxes
    planes: int = 1  # 2: a visible picture follows each thermal one

    def picture(self, index: int) -> Picture:
        """Return picture `index`, (H, W) uint8, read-only."""
        return self._plane(index, 0)

    def visible(self, index: int) -> Picture | None:
        """Return the visible picture beside it, (H, W) uint8, or None when there is none."""
        return self._plane(index, 1) if self.planes == 2 else None

    def _plane(self, index: int, plane: int) -> Picture:
        offset, height, width = self.pictures[index]
        start = offset + plane * height * width
        return self.pixels[start : start + height * width].reshape(height, width)


def cache_folder() -> Path:
    """Return where packs are kept: $THERMEDGE_CACHE, else ~/.cache/thermedge."""
    return Path(os.environ.get("THERMEDGE_CACHE", Path.home() / ".cache" / "thermedge"))


def opened(spec: DataSpec, root: Path) -> Pack:
    """Return the pack of one data source, making it first if it is not there or damaged.

    Args:
        spec: The source.
        root: The folder that the paths of recipes are relative to.

    Raises:
        RecipeError: The data are not there, or the pack can't be written.
    """
    folder = cache_folder() / "packs" / _key(spec, root)
    index = _index(folder)
    if index is None:
        log.info("packing %s into %s", spec.name, folder)
        try:
            _write(_labelled(spec, root), folder)
        except OSError as error:
            raise RecipeError(
                f"The pack {folder} can't be written: {error}.",
                "Make room there, or choose another place: THERMEDGE_CACHE=FOLDER",
            ) from error
        index = _index(folder)
        assert index is not None, "it was written just now"
    if not len(index["tracks"]):
        raise RecipeError(
            f"The data {spec.name!r} hold no labelled target.", f"Look into {root / spec.path}."
        )
    pixels = np.memmap(folder / "pixels.u8", np.uint8, mode="r")
    boxes = index["boxes"], index["box_picture"], index["tracks"]
    return Pack(pixels, index["pictures"], *boxes, int(index.get("planes", 1)))


def _index(folder: Path) -> dict[str, NDArray[Any]] | None:
    """Return the index of the pack in `folder`; None if a file is missing or cut short."""
    try:
        with (folder / "index.npz").open("rb") as content, np.load(content) as file:
            index = dict(file)
        size = (folder / "pixels.u8").stat().st_size
    except (OSError, EOFError, ValueError, zipfile.BadZipFile):
        return None
    pixels = index["pictures"][:, 1:].prod(1).sum() * index.get("planes", 1)
    return index if size == pixels else None


def _key(spec: DataSpec, root: Path) -> str:
    folder = (root / spec.path).resolve()
    if spec.path and not folder.is_dir():
        raise RecipeError(
            f"The data {spec.name!r} are not in {folder}.",
            "Give the folder that holds the recipe's paths: --data FOLDER",
        )
    # The stills of pairs lie one folder further down.
    depth = "*/*" if spec.kind == "pairs" else "*"
    listing = sorted(path.name for path in folder.glob(depth)) if spec.path else []
    stamps = [_stamp(path) for path in _pictures(spec, folder)]
    decisive = [sha256_of(path) for path in _decisive(spec, folder)]
    facts = [_VERSION, asdict(spec), str(folder), listing, stamps, decisive]
    text = json.dumps(facts, sort_keys=True)
    return f"{spec.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _pictures(spec: DataSpec, folder: Path) -> list[Path]:
    """Return the videos or pictures that are packed."""
    if spec.kind not in _PICTURES:
        return []
    return sorted(path for path in folder.glob(_PICTURES[spec.kind]) if path.exists())


def _stamp(path: Path) -> tuple[str, str, int, int]:
    facts = path.stat()
    return path.parent.name, path.name, facts.st_size, facts.st_mtime_ns


def _decisive(spec: DataSpec, folder: Path) -> list[Path]:
    """Return the small files whose content decides over the pack: labels, or the generator."""
    if spec.kind == "sequences":
        return sorted(folder.glob("*/groundtruth.txt"))
    if spec.kind == "stills":
        return sorted(folder.glob("boxes.csv"))
    code = Path(runtime.__path__[0])
    return [*sorted(code.glob("scene*.py")), code / "sensor_model.py", code / "scaling.py"]


def _labelled(spec: DataSpec, root: Path) -> Iterator[Labelled]:
    from thermedge.training import pictures

    if spec.kind == "sequences":
        return pictures.from_sequences(root / spec.path, spec.every)
    if spec.kind == "stills":
        return pictures.from_stills(root / spec.path)
    if spec.kind == "pairs":
        return pictures.from_pairs(root / spec.path)
    return pictures.from_scenes(spec.scenes, spec.frames)


def _write(pictures: Iterable[Labelled], folder: Path) -> None:
    """Fill a temporary folder, then give it its name: a killed run leaves no half pack."""
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        _fill(pictures, temporary)
        for path in (*temporary.iterdir(), temporary):
            sync(path)
        shutil.rmtree(folder, ignore_errors=True)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _fill(pictures: Iterable[Labelled], folder: Path) -> None:
    shapes: list[tuple[int, int, int]] = []
    targets: dict[str, list[tuple[int, tuple[float, float, float, float]]]] = {}
    offset, planes = 0, 1
    with (folder / "pixels.u8").open("wb") as file:
        for picture, boxes in pictures:
            for key, box in boxes:
                targets.setdefault(key, []).append((len(shapes), box))
            file.write(np.ascontiguousarray(picture).data)
            shapes.append((offset, *picture.shape[-2:]))
            offset, planes = offset + picture.size, picture.ndim - 1
    flat = [item for target in targets.values() for item in target]
    counts = np.array([len(target) for target in targets.values()], np.int64)
    starts = np.cumsum(counts) - counts
    np.savez(
        folder / "index.npz",
        pictures=np.array(shapes, np.int64).reshape(-1, 3),
        boxes=np.array([box for _, box in flat], np.float32).reshape(-1, 4),
        box_picture=np.array([index for index, _ in flat], np.int64),
        tracks=np.stack([starts, counts], axis=1),
        planes=planes,
    )
