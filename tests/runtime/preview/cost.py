"""Measure what the preview costs the tracker.

    .venv/dev/bin/python tests/runtime/preview/cost.py --blocks 12 --seconds 10

A tracker follows a generated target at the camera's rate. Blocks in which two viewers watch, in
another process, take turns with blocks in which nobody does. Printed: percentiles of what a frame
takes from its arrival until it was handed over to the preview, in ms; and the CPU time of the
preview's thread and of the handing over, in percent of a core.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from thermedge import bundle, bundles
from thermedge.frame import Frame
from thermedge.runtime.control import Control
from thermedge.runtime.preview.address import Address
from thermedge.runtime.preview.recorder import Recorder
from thermedge.runtime.preview.server import Preview, Settings
from thermedge.runtime.recording import Quota
from thermedge.runtime.sinks.overlay import latency_ms
from thermedge.runtime.sources.synthetic import open_synthetic, there_and_back
from thermedge.runtime.summary import Summary
from thermedge.runtime.tracker import open_tracker

# As little work as a viewer can have: what it needs here, it would need on another machine.
WATCH = """
import socket, sys, time
port, seconds = int(sys.argv[1]), float(sys.argv[2])
stream = socket.create_connection(("127.0.0.1", port))
stream.sendall(
    b"GET /api/live HTTP/1.1\\r\\nHost: localhost\\r\\nUpgrade: websocket\\r\\n"
    b"Connection: Upgrade\\r\\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\\r\\n"
    b"Sec-WebSocket-Version: 13\\r\\n\\r\\n"
)
file, count, begun = stream.makefile("rb"), 0, time.monotonic()
while file.readline() != b"\\r\\n":
    pass
while time.monotonic() < begun + seconds:
    kind, length = file.read(2)
    if length > 125:
        length = int.from_bytes(file.read(2 if length == 126 else 8), "big")
    file.read(length)
    if kind == 0x82:  # a picture: ask for the next one, masked with zeros
        stream.sendall(bytes([0x81, 0x84, 0, 0, 0, 0]) + b"next")
        count += 1
print(count / seconds)
"""
SETTLE_S = 1.0  # after viewers come or go


class Frames:
    """The first two seconds of a scene, kept in memory, to and fro at the camera's rate."""

    def __init__(self, size: str, rate_hz: float) -> None:
        self._period_s = 1 / rate_hz
        count = round(2 * rate_hz)
        with open_synthetic(f"synthetic:size={size},rate={rate_hz:g},frames={count}") as source:
            self.start_box = source.start_box
            self._counts = [frame.counts.copy() for frame in source]
        self._begun, self._index = time.monotonic(), 0

    def next(self) -> Frame:
        """Wait for the next frame; frames that are overdue are lost."""
        due = self._begun + self._index * self._period_s
        time.sleep(max(due - time.monotonic(), 0))
        late = int((time.monotonic() - due) / self._period_s)
        self._index += 1 + late
        counts = self._counts[there_and_back(self._index, len(self._counts))]
        return Frame(counts, self._index, time.monotonic_ns())


def cpu_s(thread: threading.Thread) -> float:
    """CPU time of a thread of this process so far."""
    assert thread.ident is not None
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))


def say(text: str) -> None:
    """Write a line to stdout."""
    sys.stdout.write(f"{text}\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--blocks", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--size", default="640x512")
    parser.add_argument("--rate", type=float, default=30.0)
    parser.add_argument("--bundle", default="default")
    args = parser.parse_args()
    frames, summary, control = Frames(args.size, args.rate), Summary(), Control()
    times: dict[bool, list[float]] = {True: [], False: []}
    costs: list[float] = []
    rates_hz: list[float] = []
    block_p99: list[float] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        open_tracker(bundle.read(bundles.find(args.bundle))) as tracker,
        Preview(
            Settings(address=Address("127.0.0.1", 0)),
            control,
            summary=summary,
            recorder=Recorder(
                Path(folder), quota=Quota(), source="", rate_hz=args.rate, is_live=True
            ),
            source="cost",
            tracker=args.bundle,
        ) as preview,
    ):
        tracker.init(frames.next(), frames.start_box)
        (thread,) = [one for one in threading.enumerate() if one.name == "preview"]
        for block in range(args.blocks):
            is_watched = block % 2 == 1
            first = len(times[is_watched])
            viewers = [
                subprocess.Popen(
                    [sys.executable, "-c", WATCH, str(preview.port), str(args.seconds + SETTLE_S)],
                    stdout=subprocess.PIPE,
                )
                for _ in range(2 * is_watched)
            ]
            settled = time.monotonic() + SETTLE_S + (1.0 if is_watched else 0.0)
            end, used_s, handed_s = settled + args.seconds, 0.0, 0.0
            before_s = None
            while time.monotonic() < end:
                frame = frames.next()
                track = tracker.update(frame)
                handed = time.perf_counter()
                preview.feed.write(frame, track)
                preview.frame(track, summary)
                control.publish(track, summary)
                handed = time.perf_counter() - handed
                if time.monotonic() < settled:
                    continue
                if before_s is None:
                    before_s = cpu_s(thread)
                times[is_watched].append(latency_ms(track) + 1e3 * handed)
                handed_s += handed
            used_s = cpu_s(thread) - (before_s or 0.0) + handed_s
            if is_watched:
                costs.append(100 * used_s / args.seconds)
            block_p99.append(float(np.percentile(times[is_watched][first:], 99)))
            rates_hz += [float(viewer.communicate()[0]) for viewer in viewers]
    for is_watched, name in ((False, "nobody watches"), (True, "two viewers")):
        p50, p95, p99 = np.percentile(times[is_watched], (50, 95, 99))
        count = len(times[is_watched])
        say(f"{name:15} {count:6} frames  p50 {p50:6.2f}  p95 {p95:6.2f}  p99 {p99:6.2f} ms")
    ratio = np.percentile(times[True], 99) / np.percentile(times[False], 99)
    say(f"pictures that a viewer got per second: {np.mean(rates_hz):.1f}")
    say(f"p99 with viewers / without: {ratio:.3f}")
    pairs = np.divide(block_p99[1::2], block_p99[0::2])
    say(f"the same block by block: median {np.median(pairs):.3f} of {len(pairs)} pairs")
    say(f"preview: {np.mean(costs):.1f} % of a core ({min(costs):.1f} to {max(costs):.1f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
