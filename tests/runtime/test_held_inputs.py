"""Facts about state that stays in a device's own memory while the loop runs."""

from dataclasses import replace

import numpy as np
import pytest

from thermedge import bundle
from thermedge.bundles import find
from thermedge.geometry import Box
from thermedge.runtime.backends import open_backend
from thermedge.runtime.scene import SceneSpec
from thermedge.runtime.sources.synthetic import SyntheticSource
from thermedge.runtime.tracker import Tracker


class OwnMemory:
    """ONNX Runtime as a GPU would be: what is held is copied in once, not in every run."""

    def __init__(self, bare):
        self._bare, self._held = bare, {}
        self.name, self.outputs = bare.name, bare.outputs
        self.inputs = {name: array.copy() for name, array in bare.inputs.items()}
        self.sent = dict.fromkeys(self.inputs, 0)

    def hold(self, names):
        for name in names:
            self._held[name] = self.inputs[name].copy()
            self.sent[name] += 1

    def run(self):
        for name, array in self.inputs.items():
            np.copyto(self._bare.inputs[name], self._held.get(name, array))
            self.sent[name] += name not in self._held
        self._bare.run()

    def close(self):
        self._bare.close()


def boxes_of(shipped, wrapped):
    manifest = shipped.manifest
    template = open_backend("ort", shipped.path(bundle.TEMPLATE_GRAPH), manifest.template)
    track = wrapped(open_backend("ort", shipped.path(bundle.TRACK_GRAPH), manifest.track))
    source = SyntheticSource(SceneSpec(seed=4, num_frames=90))
    frames = iter(source)
    tracker = Tracker(manifest, template, track)
    first = next(frames)
    boxes = [tracker.init(first, source.start_box).box]
    boxes += [tracker.update(next(frames)).box for _ in range(60)]
    other = replace(boxes[-1], w=boxes[-1].w / 2)  # another target, as a user chooses one
    boxes += [tracker.init(next(frames), other).box]
    boxes += [tracker.update(frame).box for frame in frames]
    tracker.close()
    return boxes, track


@pytest.mark.parametrize("name", ["default", "siamcross"])
def test_a_backend_that_holds_its_inputs_gives_the_same_boxes(name):
    shipped = bundle.read(find(name))
    expected, _ = boxes_of(shipped, lambda bare: bare)
    boxes, track = boxes_of(shipped, OwnMemory)
    assert boxes == expected
    assert isinstance(boxes[-1], Box)
    windows = track.sent["search"]
    assert all(track.sent[name] < windows / 2 for name in shipped.manifest.cached)
