"""The whole board side in seconds: the shipped bundle follows a generated target."""

from thermedge import bundle
from thermedge.bundles import find
from thermedge.runtime.loop import follow
from thermedge.runtime.sources import open_source
from thermedge.runtime.tracker import open_tracker


class Overlaps:
    def __init__(self, truths):
        self.truths, self.values = truths, []

    def write(self, frame, track):
        self.values.append(track.box.iou(self.truths[frame.index]))

    def close(self):
        pass


def test_the_shipped_tracker_follows_a_generated_target():
    with (
        open_source("synthetic:frames=60,seed=3") as source,
        open_tracker(bundle.read(find("default"))) as tracker,
    ):
        overlaps = Overlaps(source.truths)
        summary = follow(source, tracker, source.start_box, sinks=lambda frame: [overlaps])

    assert summary.frames == 60
    assert sum(overlaps.values) / 60 > 0.7
    assert min(overlaps.values) > 0.3
