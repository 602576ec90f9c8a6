"""Run thermal single-object trackers on embedded boards.

from thermedge.bundles import find
from thermedge.geometry import Box
from thermedge.runtime.loop import open_tracker
from thermedge.runtime.sources import open_source

with open_source("recording.mp4") as frames, open_tracker(find("default")) as tracker:
    for frame in frames:
        track = tracker.update(frame) if tracker.started else tracker.init(frame, Box(x, y, w, h))
"""

__version__ = "0.1.0"
