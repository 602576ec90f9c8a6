"""A generated scene as a camera: no file, no device, and the truth is known."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from thermedge.errors import SourceError
from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.runtime.scene import Scene, SceneFrame, SceneSpec, demo_spec, random_spec
from thermedge.runtime.scene_outlines import KINDS

SCHEME = "synthetic:"
EXAMPLE = "synthetic:seed=7,frames=600,size=640x512,rate=60,bits=8,realtime=1"
_REMEDY = f"Give 'synthetic:' alone, or for example {EXAMPLE}"
_SIDES_PX = (64, 2048)


class SyntheticSource:
    """Delivers the frames of one scene, with the target's box in each.

    Args:
        spec: The scene.
        realtime: Keep to the sensor's rate; frames that are not taken in time are
            skipped, as a camera does. Otherwise each frame waits to be asked for.
        endless: Keep to the rate, and turn round at either end of the scene: it never
            jumps, and never ends.
    """

    def __init__(self, spec: SceneSpec, *, realtime: bool = False, endless: bool = False) -> None:
        self._scene = Scene(spec)
        self._bits = spec.sensor.bits
        self._stopped = threading.Event()
        self.width_px, self.height_px = spec.width_px, spec.height_px
        self.rate_hz = spec.rate_hz
        self.live = realtime or endless
        self.faults: dict[str, int] = {}
        self.num_frames: int | None = None if endless else spec.num_frames
        self.start_box = self.truth(0)  # where a track can start without asking a user

    def truth(self, index: int) -> Box:
        """Return the target's full extent in frame `index`, px; hidden or not, not clipped."""
        is_endless = self.num_frames is None
        return self._scene.box(there_and_back(index, len(self._scene)) if is_endless else index)

    @property
    def truths(self) -> tuple[Box, ...]:
        """`truth` of all frames."""
        return tuple(self._scene.box(index) for index in range(len(self._scene)))

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames from the first one until the last, or until `close`."""
        if self.live:
            yield from self._paced()
            return
        for seen in self._scene:
            if self._stopped.is_set():
                return
            yield self._frame(seen, round(seen.index * 1e9 / self.rate_hz), seen.index)

    def close(self) -> None:
        """End the iteration, also one that waits in another thread. Calling it twice is allowed."""
        self._stopped.set()

    def __enter__(self) -> SyntheticSource:
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close."""
        self.close()

    def _paced(self) -> Iterator[Frame]:
        start, index = time.monotonic(), 0
        while self.num_frames is None or index < self.num_frames:
            due = start + index / self.rate_hz
            if self._stopped.wait(max(0.0, due - time.monotonic())):
                return
            seen = self._scene.frame(there_and_back(index, len(self._scene)))
            yield self._frame(seen, time.monotonic_ns(), index)
            late = math.floor((time.monotonic() - start) * self.rate_hz)
            index = max(index + 1, late)

    def _frame(self, seen: SceneFrame, timestamp_ns: int, index: int) -> Frame:
        return Frame(
            seen.counts,
            index,
            timestamp_ns,
            bits=self._bits,
            kelvin=self._scene.kelvin,
            shutter=seen.shutter,
            sensor_c=seen.sensor_c,
        )


def open_synthetic(uri: str) -> SyntheticSource:
    """Open the scene that a text like `synthetic:seed=7,bits=8` names.

    `synthetic:` is the demo. `seed`, `frames`, `size`, `rate` and `bits` change it;
    `scene=random` takes a random scene instead, and `kind=animal` one with such a target;
    `realtime=1` keeps to the rate, and `endless=1` does so for ever.

    Raises:
        SourceError: A key is unknown, comes twice, or has an impossible value.
    """
    values = _values(uri)
    pace = {key: values.pop(key, False) for key in ("realtime", "endless")}
    scene = values.pop("scene", "random" if "kind" in values else "demo")
    if scene == "demo" and "kind" in values:
        raise SourceError("The demo shows a vehicle; its scene takes no kind.", _REMEDY)
    build = random_spec if scene == "random" else demo_spec
    if build is random_spec:
        values.setdefault("seed", 0)
    return SyntheticSource(build(**values), **pace)


def there_and_back(index: int, length: int) -> int:
    """Return the place of step `index` on a way of `length` places, walked to and fro."""
    turn = max(length - 1, 1)
    place = index % (2 * turn)
    return min(place, 2 * turn - place, length - 1)


def _values(uri: str) -> dict[str, Any]:
    """Return the keyword arguments that the text asks for."""
    if not uri.startswith(SCHEME):
        raise SourceError(f"{uri!r} does not begin with {SCHEME!r}.", _REMEDY)
    values: dict[str, Any] = {}
    text = uri[len(SCHEME) :]
    for item in text.split(",") if text else ():
        key, _, value = item.partition("=")
        if key not in _KEYS:
            known = ", ".join(_KEYS)
            raise SourceError(f"A synthetic scene has no {key!r}; it knows {known}.", _REMEDY)
        read, expected = _KEYS[key]
        try:
            found = read(value)
        except ValueError as error:
            problem = f"{key}={value!r} of a synthetic scene is not {expected}."
            raise SourceError(problem, _REMEDY) from error
        if values.keys() & found.keys():
            raise SourceError(f"{key!r} comes twice in {uri!r}.", _REMEDY)
        values |= found
    return values


class _Key(NamedTuple):
    read: Callable[[str], dict[str, Any]]  # text to arguments; ValueError when it is wrong
    expected: str


def _whole(text: str, low: int, high: int) -> int:
    number = int(text)
    if not low <= number <= high:
        raise ValueError(text)
    return number


def _rate(text: str) -> dict[str, Any]:
    hertz = float(text)
    if not 1 <= hertz <= 1000:  # refuses nan too
        raise ValueError(text)
    return {"rate_hz": hertz}


def _size(text: str) -> dict[str, Any]:
    width, _, height = text.partition("x")
    return {"width_px": _whole(width, *_SIDES_PX), "height_px": _whole(height, *_SIDES_PX)}


def _one_of(name: str, choices: dict[str, Any]) -> Callable[[str], dict[str, Any]]:
    def read(text: str) -> dict[str, Any]:
        if text not in choices:
            raise ValueError(text)
        return {name: choices[text]}

    return read


_KEYS = {
    "seed": _Key(lambda text: {"seed": _whole(text, 0, 2**31)}, "a whole number from 0"),
    "frames": _Key(
        lambda text: {"num_frames": _whole(text, 1, 10**5)}, "a whole number from 1 to 100000"
    ),
    "size": _Key(_size, f"WIDTHxHEIGHT with {_SIDES_PX[0]} to {_SIDES_PX[1]} px a side"),
    "rate": _Key(_rate, "a number of frames per second from 1 to 1000"),
    "bits": _Key(_one_of("bits", {"8": 8, "14": 14, "16": 16}), "8, 14 or 16"),
    "scene": _Key(_one_of("scene", {"demo": "demo", "random": "random"}), "demo or random"),
    "kind": _Key(_one_of("kind", {kind: kind for kind in KINDS}), f"one of {', '.join(KINDS)}"),
    "realtime": _Key(_one_of("realtime", {"0": False, "1": True}), "0 or 1"),
    "endless": _Key(_one_of("endless", {"0": False, "1": True}), "0 or 1"),
}
