"""A generated thermal scene with the exact box of its target in every frame."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from thermedge.frame import Counts, Kelvin, Shutter
from thermedge.geometry import Box
from thermedge.runtime.scene_background import background
from thermedge.runtime.scene_cast import Actor, cast
from thermedge.runtime.scene_paths import HORIZON
from thermedge.runtime.scene_shapes import Patch
from thermedge.runtime.scene_spec import Occlusion, SceneSpec, demo_spec, random_spec
from thermedge.runtime.sensor_model import Sensor, SensorSpec

__all__ = [
    "Occlusion",
    "Scene",
    "SceneFrame",
    "SceneSpec",
    "SensorSpec",
    "demo_spec",
    "random_spec",
]

Plane = NDArray[np.float32]  # (H, W), K

_MARGIN_PX = 2  # of a drawn thing, for the half-pixels of its rim
_SHORTEST_TAIL_PX = 0.3  # a smear below this is left out
_LONGEST_TAIL_PX = 8
_LONGEST_LANDSCAPE = 4  # frame widths; a longer pan comes round again


@dataclass(frozen=True, slots=True)
class SceneFrame:
    """One frame with its truth."""

    counts: Counts  # (H, W) uint8 or uint16, borrowed: valid until the next frame
    index: int
    box: Box  # the target's full extent, hidden or outside the frame or not, px
    visible_fraction: float  # share of the target that shows; 0 while the shutter is closed
    shutter: Shutter  # as the camera tells; "none" where it has no telemetry
    sensor_c: float | None  # focal-plane temperature, degrees C, None where it is not told


class Scene:
    """A small world in front of a thermal camera.

    Frames are a pure function of the spec and the index, except that 8-bit frames also
    depend on the frames asked for before: the camera's AGC follows the scene.

    Raises:
        ValueError: The spec has no frame, or its sensor is impossible.
    """

    def __init__(self, spec: SceneSpec) -> None:
        if spec.num_frames < 1:
            raise ValueError(f"a scene has at least 1 frame, not {spec.num_frames}")
        self.spec = spec
        self._cast = cast(spec)
        self._origin, self._landscape = self._world()
        self._base_k = self._behind_target()
        self._kelvin = np.empty((spec.height_px, spec.width_px), np.float32)
        self._seen = np.zeros_like(self._kelvin)
        self._sensor = self._new_sensor()
        self._shown: tuple[int, Counts] | None = None
        self._visible = 0.0

    @property
    def kelvin(self) -> Kelvin | None:
        """The scale of the counts, None where the camera is not radiometric."""
        return self._sensor.kelvin

    def __len__(self) -> int:
        return self.spec.num_frames

    def __iter__(self) -> Iterator[SceneFrame]:
        """Yield all frames from the first; each pass is the same."""
        self._sensor = self._new_sensor()
        self._shown = None
        for index in range(self.spec.num_frames):
            yield self.frame(index)

    def box(self, index: int) -> Box:
        """Return the target's full extent in a frame, px, not clipped."""
        return self._cast.target.box(index)

    def frame(self, index: int) -> SceneFrame:
        """Return one frame.

        A closed shutter repeats the last picture before it, while the target moves on.

        Raises:
            IndexError: The scene has no such frame.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} of a scene with {len(self)} frames")
        spec = self.spec.sensor
        shown = self._sensor.shown_index(index)
        if self._shown is None or self._shown[0] != shown:
            _, self._visible = self.world(shown)
            self._shown = shown, self._sensor.read(self._kelvin, shown)
        return SceneFrame(
            self._shown[1],
            index,
            self.box(index),
            self._visible if shown == index else 0.0,
            self._sensor.shutter(index) if spec.telemetry else "none",
            self._sensor.temperature_c(index) if spec.telemetry else None,
        )

    def world(self, index: int, *, with_target: bool = True) -> tuple[Plane, float]:
        """Return what reaches the optics, free of noise, and the visible share of the target.

        Returns:
            (H, W) K, borrowed until the next call; a share in [0, 1].
        """
        self._look(index)
        for actor in self._cast.behind:
            self._blend(actor, index)
        if not with_target:
            for actor in self._cast.before:
                self._blend(actor, index)
            return self._kelvin, 0.0
        self._seen.fill(0.0)
        whole = self._blend(self._cast.target, index, self._seen)
        for actor in self._cast.before:
            self._blend(actor, index, None, self._seen)
        return self._kelvin, min(1.0, float(self._seen.sum()) / whole)

    def _new_sensor(self) -> Sensor:
        spec = self.spec
        return Sensor(
            spec.sensor,
            width_px=spec.width_px,
            height_px=spec.height_px,
            rate_hz=spec.rate_hz,
            ambient_k=spec.ambient_k,
            seed=spec.seed,
        )

    def _world(self) -> tuple[NDArray[np.float64], Plane]:
        """Return the landscape, and where in it the first column and row of each frame lie."""
        spec = self.spec
        look = self._cast.pan + self._cast.shake
        low = np.floor(look.min(axis=0)) - _MARGIN_PX
        needed_x, needed_y = np.ceil(np.ptp(look, axis=0)).astype(int) + 2 * _MARGIN_PX + 1
        period = min(spec.width_px + int(needed_x), _LONGEST_LANDSCAPE * spec.width_px)
        height = spec.height_px + int(needed_y)
        rng = np.random.default_rng([spec.seed, 20])
        horizon_row = HORIZON * spec.height_px - float(low[1])
        picture = background(spec, period, height, horizon_row, rng)
        origin = look - low
        origin[:, 0] %= period
        again = picture[:, : spec.width_px + _MARGIN_PX]
        return origin, np.ascontiguousarray(np.hstack([picture, again]))

    def _behind_target(self) -> float:
        """Return the usual temperature behind the target, K."""
        at = self._origin + self._cast.target.place
        columns = np.clip(at[:, 0], 0, self._landscape.shape[1] - 1).astype(int)
        rows = np.clip(at[:, 1], 0, self._landscape.shape[0] - 1).astype(int)
        return float(np.median(self._landscape[rows, columns]))

    def _look(self, index: int) -> None:
        """Put the landscape that the camera sees into the picture."""
        x, y = self._origin[index].tolist()
        shift = np.array([[1.0, 0.0, -x], [0.0, 1.0, -y]])
        size = (self.spec.width_px, self.spec.height_px)
        cv2.warpAffine(self._landscape, shift, size, dst=self._kelvin)
        smear = self._smear(-(self._cast.pan + self._cast.shake), index)
        if smear is not None:
            cv2.filter2D(self._kelvin, -1, smear, dst=self._kelvin)

    def _blend(
        self,
        actor: Actor,
        index: int,
        show: Plane | None = None,
        hide: Plane | None = None,
    ) -> float:
        """Draw an actor over the picture.

        Args:
            actor: Drawn at its place in this frame.
            index: The frame.
            show: Receives the cover of the actor where it lies in the frame.
            hide: Loses what the actor covers.

        Returns:
            The actor's whole cover, in the frame or not, px.
        """
        smear = self._smear(actor.place, index)
        margin = _MARGIN_PX + (0 if smear is None else smear.shape[0] // 2)
        patch, x0, y0 = actor.sprite(index).draw(actor.pose(index), margin)
        if smear is not None:
            patch = np.asarray(
                cv2.filter2D(patch, -1, smear, borderType=cv2.BORDER_CONSTANT), np.float32
            )
        height, width = self._kelvin.shape
        top, bottom = max(y0, 0), min(y0 + patch.shape[0], height)
        left, right = max(x0, 0), min(x0 + patch.shape[1], width)
        whole = float(patch[..., 1].sum())
        if top >= bottom or left >= right:
            return whole
        inside: Patch = patch[top - y0 : bottom - y0, left - x0 : right - x0]
        rows, columns = slice(top, bottom), slice(left, right)
        heat, cover = inside[..., 0], inside[..., 1]
        region = self._kelvin[rows, columns]
        mean_k = self._base_k + float(actor.contrast_k[index])
        region += cover * (mean_k - region) + actor.relief_k * (heat - cover)
        if show is not None:
            show[rows, columns] = cover
        if hide is not None:
            hide[rows, columns] *= 1 - cover
        return whole

    def _smear(self, path: NDArray[np.float64], index: int) -> Plane | None:
        """Return what a pixel's thermal lag does to something on this path, None if nothing."""
        at = max(index, 1)
        if at >= len(path):
            return None
        frames = self.spec.sensor.time_constant_s * self.spec.rate_hz
        x, y = ((path[at] - path[at - 1]) * frames).tolist()
        return None if math.hypot(x, y) < _SHORTEST_TAIL_PX else tail(x, y)


def tail(x: float, y: float) -> Plane:
    """Return the kernel of an exponential trail whose mean length is (x, y) px.

    A pixel still holds what it saw before. What is at a point now was behind it, so the
    pixel remembers what lies ahead: the taps of the (correlating) filter point forward.
    """
    steps = -np.log(1 - (np.arange(16) + 0.5) / 16)
    steps = np.minimum(steps, _LONGEST_TAIL_PX / math.hypot(x, y))
    reach = math.ceil(float(steps[-1]) * max(abs(x), abs(y))) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    across, down = steps * x + reach, steps * y + reach
    left, top = np.floor(across).astype(int), np.floor(down).astype(int)
    right_share, lower_share = across - left, down - top
    for row, row_share in ((top, 1 - lower_share), (top + 1, lower_share)):
        for column, share in ((left, 1 - right_share), (left + 1, right_share)):
            np.add.at(kernel, (row, column), (row_share * share / 16).astype(np.float32))
    return kernel
