"""How well the shutter is seen without telemetry: hits, their delay, and false alarms.

    python tests/runtime/shutter_figures.py [--scenes 60] [--clips FOLDER]

Hits and delay come from generated scenes with one event each, false alarms from the same
scenes without it and, with --clips, from recordings in folders with groundtruth.txt, whose
cameras had none or did not tell.
"""

# ruff: noqa: T201 - a program, whose figures go to stdout

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from thermedge.evaluation import datasets
from thermedge.frame import Frame
from thermedge.runtime.scene_spec import random_spec
from thermedge.runtime.shutter import ShutterWatch
from thermedge.runtime.sources.synthetic import SyntheticSource

_FRAMES, _EVENT = 150, 90


def closings(frames: Iterable[Frame]) -> tuple[list[int], int]:
    """Return the frames in which the shutter was seen to close, and how many were watched."""
    found, count, was = [], 0, False
    watch = ShutterWatch()
    for number, frame in enumerate(frames):
        is_closed = number > 0 and watch.look(replace(frame, shutter="none")).shutter == "closed"
        if number == 0:
            watch.start(frame)
        if is_closed and not was:
            found.append(number)
        was, count = is_closed, count + 1
    return found, count


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--scenes", type=int, default=60)
    parser.add_argument("--clips", type=Path)
    args = parser.parse_args()
    delays, missed, false, watched = [], 0, 0, 0
    for seed in range(args.scenes):
        spec = random_spec(seed, num_frames=_FRAMES)
        quiet = replace(spec, sensor=replace(spec.sensor, shutter_frames=(), telemetry=False))
        event = replace(quiet.sensor, shutter_frames=(_EVENT,))
        found, _ = closings(SyntheticSource(replace(quiet, sensor=event)))
        hits = [number for number in found if number >= _EVENT]
        if hits:
            delays.append((hits[0] - _EVENT) / spec.rate_hz)
        else:
            missed += 1
        false += len(found) - len(hits[:1])
        found, count = closings(SyntheticSource(quiet))
        false, watched = false + len(found), watched + count
    print(
        f"{args.scenes} generated scenes: {len(delays)} of {args.scenes} events seen, "
        f"{statistics.median(delays):.2f} s after the closing (median), {max(delays):.2f} s at "
        f"most; {false} false alarms in {watched} frames"
    )
    if args.clips:
        false = watched = 0
        clips = datasets.read(args.clips).sequences
        for clip in clips:
            with clip.frames.open(0, None) as source:
                found, count = closings(source)
            false, watched = false + len(found), watched + count
        print(f"{len(clips)} recordings: {false} closings seen in {watched} frames")


if __name__ == "__main__":
    main()
