"""Run thermal single-object trackers on embedded boards.

from thermedge import bundle, bundles
from thermedge.geometry import Box
from thermedge.runtime.sources import open_source
from thermedge.runtime.tracker import open_tracker

shipped = bundle.read(bundles.find("default"))
with open_source("clip.mp4") as frames, open_tracker(shipped) as tracker:
    for frame in frames:
        if tracker.started:
            print(tracker.update(frame))
        else:
            tracker.init(frame, Box(120, 80, 24, 16))
"""

__version__ = "0.1.0"
