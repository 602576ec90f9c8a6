"""How old a frame is when a slow tracker gets it: newest first, and as drivers queue.

    python tests/runtime/frame_age.py [--picture docs/frame_age.png]

A generated camera of 30 Hz feeds a tracker that takes 5 to 200 ms per frame, once through
`newest` as the loop does, once through a queue of four buffers, which is what a driver
keeps when nobody drains it. Prints the ages and draws those of a tracker of 100 ms.
"""

# ruff: noqa: T201 - a program, whose figures go to stdout

from __future__ import annotations

import argparse
import queue
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from thermedge.frame import Frame
from thermedge.runtime.mailbox import newest
from thermedge.runtime.scene_spec import SceneSpec
from thermedge.runtime.sources.synthetic import SyntheticSource

_RATE_HZ, _SECONDS, _BUFFERS = 30.0, 6.0, 4
_WORK_MS = (5, 50, 100, 200)
_DRAWN_MS = 100
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 900, 320, 60, 40
_COLOURS = {"newest": (60, 130, 20), "queued": (40, 60, 200)}  # BGR


def queued(source: SyntheticSource) -> Iterator[Frame]:
    """Yield frames in their order from a queue that refuses new ones while it is full."""
    waiting: queue.Queue[Frame | None] = queue.Queue(_BUFFERS)

    def fill() -> None:
        for frame in source:
            if not waiting.full():
                waiting.put(frame)
        waiting.put(None)

    threading.Thread(target=fill, daemon=True).start()
    while (frame := waiting.get()) is not None:
        yield frame


def ages_ms(how: str, work_ms: float) -> list[float]:
    """Return the age of each frame when the tracker starts on it, ms."""
    spec = SceneSpec(
        width_px=160, height_px=120, num_frames=round(_RATE_HZ * _SECONDS), rate_hz=_RATE_HZ
    )
    source = SyntheticSource(spec, realtime=True)
    found = []
    for frame in {"newest": newest, "queued": queued}[how](source):
        found.append((time.monotonic_ns() - frame.timestamp_ns) / 1e6)
        time.sleep(work_ms / 1e3)
    return found[3:-1]  # the first ones find nothing waiting, the last is not replaced any more


def draw(ages: dict[str, list[float]], path: Path) -> None:
    """Draw age over frames, a line for each way, and the period of the camera."""
    picture = np.full((_HEIGHT, _WIDTH, 3), 255, np.uint8)
    top = 1.15 * max(max(found) for found in ages.values())
    count = max(len(found) for found in ages.values())

    def at(index: float, age: float) -> tuple[int, int]:
        x = _LEFT + index / (count - 1) * (_WIDTH - _LEFT - 130)
        return round(x), round(_HEIGHT - _BOTTOM - age / top * (_HEIGHT - _BOTTOM - 20))

    def write(text: str, where: tuple[int, int], colour: tuple[int, int, int]) -> None:
        cv2.putText(picture, text, where, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)

    period = 1e3 / _RATE_HZ
    step = 100 if top > 250 else 50
    for age in range(0, int(top), step):
        cv2.line(picture, at(0, age), at(count - 1, age), (225, 225, 225), 1)
        write(f"{age} ms", (6, at(0, age)[1] + 4), (90, 90, 90))
    cv2.line(picture, at(0, period), at(count - 1, period), (150, 150, 150), 1, cv2.LINE_AA)
    end = at(count - 1, 0)[0] + 8
    write("one period", (end, at(0, period)[1] - 6), (110, 110, 110))
    for how, found in ages.items():
        points = np.array([at(*point) for point in enumerate(found)], np.int32)
        cv2.polylines(picture, [points], isClosed=False, color=_COLOURS[how], thickness=2)
        write(how, (end, points[-1][1] + 12), _COLOURS[how])
    write(
        f"age of the frame at the start of inference; camera {_RATE_HZ:.0f} Hz, "
        f"tracker {_DRAWN_MS} ms; over frames",
        (_LEFT, _HEIGHT - 12),
        (40, 40, 40),
    )
    cv2.imwrite(str(path), picture)


def main() -> None:
    """Measure, print, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--picture", type=Path)
    args = parser.parse_args()
    print(f"{'tracker':>9}  {'newest: median, max':>22}  {'queued: median, max':>22}")
    for work_ms in _WORK_MS:
        ages = {how: ages_ms(how, work_ms) for how in ("newest", "queued")}
        told = [f"{statistics.median(found):6.1f} {max(found):8.1f} ms" for found in ages.values()]
        print(f"{work_ms:6} ms  {told[0]:>22}  {told[1]:>22}")
        if work_ms == _DRAWN_MS and args.picture:
            draw(ages, args.picture)


if __name__ == "__main__":
    main()
