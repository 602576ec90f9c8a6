import cv2
import numpy as np
import pytest

from thermedge.manifest import (
    CropSpec,
    DataCredit,
    GraphSpec,
    HeadSpec,
    LoopSpec,
    Manifest,
    MemorySpec,
    Origin,
    ScalingSpec,
)
from thermedge.runtime.tracker import Tracker
from thermedge.tensors import TensorSpec

CELLS, STRIDE = 20, 8


class HottestSpot:
    """A backend by arithmetic: the score of a cell is how hot it is, the size is the template's."""

    def __init__(self, spec):
        self.name = "hottest"
        self.inputs = {item.name: np.zeros(item.shape, np.float32) for item in spec.inputs}
        self.outputs = {item.name: np.zeros(item.shape, np.float32) for item in spec.outputs}
        self.runs = 0
        self.closed = False
        self.ln_size = 0.0
        self.ln_spread = -5.0

    def run(self):
        self.runs += 1
        if "template" in self.inputs:
            self.outputs["look"][...] = self.inputs["template"].mean()
            return
        window = self.inputs["search"][0, 0]
        # In place: tests of what the tracker allocates run on this network.
        score = self.outputs["score"][0, 0]
        cv2.resize(window, (CELLS, CELLS), dst=score, interpolation=cv2.INTER_AREA)
        self.outputs["size"][...] = self.ln_size
        self.outputs["spread"][...] = self.ln_spread

    def close(self):
        self.closed = True


def make_manifest(**loop):
    maps = {"score": 1, "offset": 2, "size": 2, "spread": 2}
    constants = {
        "window_weight": 0.3,
        "sure_score": 0.5,
        "accept_score": 0.3,
        "size_step": 0.5,
        "size_prior": 0.2,
        "velocity_step": 0.5,
        "scan_after_frames": 2,
        "scan_windows": 4,
        "scan_widening": 1.5,
        "reach_step": 0.04,
        "reacquire_score": 0.35,
        "lost_after_frames": 6,
    }
    return Manifest(
        format=1,
        name="hottest",
        tracker="hottest",
        size="nano",
        crop=CropSpec(template_px=88, search_px=160, template_factor=2.2, search_factor=4.0),
        scaling=ScalingSpec(
            low_percent=0.5, high_percent=99.8, min_span_counts=100, expand_s=0.2, contract_s=2
        ),
        head=HeadSpec(kind="centre", stride_px=STRIDE, size="template"),
        loop=LoopSpec(**(constants | loop)),
        memory=MemorySpec(kind="blend", every_frames=3, min_score=0.5, weight=0.25),
        template=GraphSpec(
            inputs=(TensorSpec("template", (1, 1, 88, 88)),),
            outputs=(TensorSpec("look", (1, 4)),),
        ),
        track=GraphSpec(
            inputs=(TensorSpec("search", (1, 1, 160, 160)), TensorSpec("known", (1, 4))),
            outputs=tuple(
                TensorSpec(name, (1, count, CELLS, CELLS)) for name, count in maps.items()
            ),
        ),
        cached={"known": "look"},
        precision="fp32",
        files={},
        origin=Origin(
            commit="",
            checkpoint_sha256="",
            recipe="",
            samples=0,
            seed=0,
            date="",
            data=(DataCredit(name="", licence="", credit=""),),
        ),
        parity={},
        licence="Apache-2.0",
    )


@pytest.fixture
def manifest():
    return make_manifest()


@pytest.fixture
def make_tracker():
    def make(**loop):
        manifest = make_manifest(**loop)
        nets = HottestSpot(manifest.template), HottestSpot(manifest.track)
        return Tracker(manifest, *nets)

    return make
