"""A hundred thousand frames in one run: nothing lost, nothing grown, nothing crashed.

    python tests/runtime/soak.py [--frames 100000] [--real 5000]

Not a test of the fast suite: it takes minutes. The camera delivers as quickly as the loop
takes, and sometimes quicker, closes its shutter, drops frames, is unplugged and comes
back, at random; the loop runs with files, datagrams, a recording with a small quota, and
orders that start, stop and ask. First with a tracker that is arithmetic, then with the
shipped one. It prints the figures, and fails when a frame is not accounted for or memory
grows after the warm-up.
"""

# ruff: noqa: T201 - a program, whose figures go to stdout

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from thermedge import bundle
from thermedge.bundles import find
from thermedge.events import Event
from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.runtime.control import Control, Snapshot, Start, Stop
from thermedge.runtime.loop import follow
from thermedge.runtime.recording import Quota, RecordingSink
from thermedge.runtime.sinks import open_sink
from thermedge.runtime.sources.replay import ReplaySource
from thermedge.runtime.sources.synthetic import open_synthetic
from thermedge.runtime.summary import Summary
from thermedge.runtime.track import Track
from thermedge.runtime.tracker import Tracker, open_tracker

_SCENE = "synthetic:frames=300,size=160x120,seed=9,bits=14"
_WARM_UP = 0.2  # of the run, before memory is measured
_MOST_GROWTH_MIB = 4.0
_IMPATIENT = 0.03  # of the frames come before the loop is done with the last one


class Troubled:
    """A live camera with all the troubles there are, in quick motion."""

    live = True
    num_frames = None
    rate_hz = 60.0

    def __init__(self, num_frames: int, *, seed: int = 1) -> None:
        with open_synthetic(_SCENE) as scene:
            self.start_box: Box | None = scene.start_box
            self.width_px, self.height_px = scene.width_px, scene.height_px
            self._counts = [frame.counts.copy() for frame in scene]
            self._truths = scene.truths
        self._num_frames = num_frames
        self.taken = threading.Event()  # the loop is done with a frame
        self._rng = np.random.default_rng(seed)
        self._stopped = False
        self.faults = {"gaps": 0, "unplugged": 0}
        self.delivered = self.last_index = 0
        self.told = 0  # events

    def truth(self, index: int) -> Box:
        """Return the target's box in frame `index`."""
        return self._truths[self._place(index)]

    def __iter__(self) -> Iterator[Frame]:
        index, shut = 0, 0
        while self.delivered < self._num_frames and not self._stopped:
            events: tuple[Event, ...] = ()
            chance = self._rng.random()
            if chance < 0.01:
                gap = int(self._rng.integers(1, 4))
                index += gap
                self.faults["gaps"] += gap
            elif chance < 0.0105:
                gap = int(self._rng.integers(30, 90))
                now = time.monotonic_ns()
                events = (
                    Event("unplugged", now, index, "Pulled."),
                    Event("reconnected", now, index + gap, f"{gap} frames later."),
                )
                index += gap
                self.faults["unplugged"] += 1
            elif chance < 0.012 and not shut:
                shut = int(self._rng.integers(5, 30))
            frame = self._frame(index, is_shut=shut > 0, events=events)
            shut = max(shut - 1, 0)
            self.delivered, self.last_index = self.delivered + 1, index
            self.told += len(events)
            yield frame
            index += 1
            if self._rng.random() > _IMPATIENT:
                self.taken.wait(1.0)
            self.taken.clear()

    def close(self) -> None:
        """End the iteration."""
        self._stopped = True

    def __enter__(self) -> Troubled:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _place(self, index: int) -> int:
        # There and back, so that the target never jumps.
        last = len(self._counts) - 1
        return last - abs(index % (2 * last) - last)

    def _frame(self, index: int, *, is_shut: bool, events: tuple[Event, ...]) -> Frame:
        counts = self._counts[self._place(index)]
        counts[0, 0] = index & 0x3FFF  # no two frames are alike
        stamp = time.monotonic_ns()
        frame = Frame(counts, index, stamp, bits=14, sensor_c=31.0, events=events)
        return replace(frame, shutter="closed") if is_shut else frame


class Operator:
    """Gives orders now and then, as a person at a web page does."""

    def __init__(self, source: Troubled) -> None:
        self._source, self.control = source, Control()
        self._rng = np.random.default_rng(2)
        self.answered = 0
        self._waiting = []

    def take(self, frame: Frame) -> list:
        self.answered += sum(answer.done() for answer in self._waiting)
        self._waiting = [answer for answer in self._waiting if not answer.done()]
        chance = self._rng.random()
        order = None
        if chance < 0.002:
            order = Start(self._source.truth(frame.index))
        elif chance < 0.0022:
            order = Stop()
        elif chance < 0.0025:
            order = Snapshot()
        elif chance < 0.0028:
            order = Start(Box(-900, 0, 1, 1))
        if order is not None:
            self._waiting.append(self.control.ask(order))
        return self.control.take(frame)


class Memory:
    """Notes the resident memory in even steps of the run."""

    def __init__(self, num_frames: int) -> None:
        self._every = max(num_frames // 50, 1)
        self.mib: list[float] = []

    def __call__(self, track: Track, summary: Summary) -> None:
        if summary.frames % self._every == 0:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.mib.append(pages * 4096 / 2**20)

    @property
    def growth_mib(self) -> float:
        """Of a line through the samples after the warm-up, over all of them."""
        kept = np.array(self.mib[int(_WARM_UP * len(self.mib)) :])
        slope = np.polyfit(np.arange(len(kept)), kept, 1)[0]
        return float(slope * len(kept))


def run(name: str, tracker: Tracker, num_frames: int) -> bool:
    """Run once, print the figures, and return whether all is well."""
    began = time.perf_counter()
    memory = Memory(num_frames)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as files:
        source = Troubled(num_frames)
        operator = Operator(source)

        def watch(track: Track, summary: Summary) -> None:
            source.taken.set()
            memory(track, summary)

        out = Path(folder) / "t.jsonl"
        quota = Quota(most_bytes=40 * 10**6, segment_s=10.0)

        def sinks(frame: Frame) -> list:
            size = {"width_px": frame.width_px, "height_px": frame.height_px, "rate_hz": 60.0}
            places = (out, Path(folder) / "t.csv", "udp://127.0.0.1:9")
            opened = [files.enter_context(closing(open_sink(place, **size))) for place in places]
            record = Path(folder) / "rec"
            recording = RecordingSink(record, quota=quota, source=name, rate_hz=60, is_live=True)
            return [*opened, files.enter_context(closing(recording))]

        with source:
            summary = follow(
                source, tracker, source.start_box, sinks=sinks, orders=[operator], watch=watch
            )
        files.close()
        rows = [json.loads(line) for line in out.open()]
        with ReplaySource(Path(folder) / "rec") as replay:
            replayed = [frame.index for frame in replay]
        kept = sum(path.stat().st_size for path in Path(folder).rglob("rec/**/*"))
    told = [event for row in rows for event in row.get("events", [])]
    of_source = sum(event["kind"] in ("unplugged", "reconnected") for event in told)
    indices = [row["frame"] for row in rows]
    recorded = [index for index in indices if index >= replayed[0]]
    checks = {
        "every frame is in the output or counted as dropped": (
            len(rows) == summary.frames
            and summary.frames + summary.dropped == source.last_index - indices[0] + 1
            and sum(row["dropped"] for row in rows) == summary.dropped
        ),
        "frames are in order, none twice": indices == sorted(set(indices)),
        "every event of the source is told once": of_source == source.told,
        "the recording holds the newest frames": set(replayed) <= set(indices)
        and len(recorded) - len(replayed) <= summary.faults.get("frames not recorded", 0),
        "the recording keeps to its quota": kept <= quota.most_bytes,
        "orders were answered": operator.answered > num_frames / 2000,
        "memory does not grow": memory.growth_mib < _MOST_GROWTH_MIB,
    }
    print(f"== {name}: {time.perf_counter() - began:.0f} s")
    print(f"delivered {source.delivered}, last index {source.last_index}")
    print(f"tracked {summary.frames}, dropped {summary.dropped}, {summary.fps:.0f} FPS")
    print(f"states {summary.states}")
    print(f"events {summary.events}")
    print(f"faults {dict(summary.faults)}; orders answered {operator.answered}")
    steps = memory.mib[:: max(len(memory.mib) // 10, 1)]
    print(f"RSS MiB {' '.join(f'{value:.1f}' for value in steps)}")
    print(f"growth after warm-up {memory.growth_mib:+.2f} MiB")
    for check, is_well in checks.items():
        print(f"{'ok  ' if is_well else 'FAIL'} {check}")
    return all(checks.values())


def main() -> int:
    """Run both trackers."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--frames",
        type=int,
        default=104_000,
        help="with the cheap tracker; of them, 100,000 reach the loop",
    )
    parser.add_argument("--real", type=int, default=5_000, help="with the shipped tracker")
    args = parser.parse_args()
    logging.disable()  # thousands of events
    sys.path.insert(0, str(Path(__file__).parent))
    from conftest import HottestSpot, make_manifest

    manifest = make_manifest()
    nets = HottestSpot(manifest.template), HottestSpot(manifest.track)
    is_well = run("cheap tracker", Tracker(manifest, *nets), args.frames)
    with open_tracker(bundle.read(find("default"))) as tracker:
        is_well &= run("shipped tracker", tracker, args.real)
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
