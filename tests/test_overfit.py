"""Every tracker learns a few scenes by heart: from a recipe to boxes, all of the route."""

import os

import numpy as np
import pytest

from thermedge import bundle, models
from thermedge.commands import main
from thermedge.evaluation.metrics import measure, score
from thermedge.runtime.loop import follow
from thermedge.runtime.scene import Scene
from thermedge.runtime.sources.synthetic import SyntheticSource
from thermedge.runtime.tracker import open_tracker
from thermedge.training import pictures, recipe

pytestmark = [pytest.mark.overfit, pytest.mark.usefixtures("pack_cache")]


class Boxes:
    def __init__(self):
        self.seen = {}

    def write(self, frame, track):
        self.seen[frame.index] = tuple(track.box)

    def close(self):
        pass


def auc(tracker, spec):
    """Return the success AUC over the frames in which the target can be seen."""
    visible = np.array([shot.visible_fraction >= 0.4 for shot in Scene(spec)])
    with SyntheticSource(spec) as source:
        boxes = Boxes()
        follow(source, tracker, source.start_box, sinks=lambda frame: [boxes])
        came = np.array([boxes.seen[index] for index in range(spec.num_frames)])
        truths = np.array([tuple(box) for box in source.truths])
        return score(measure(came, truths, visible=visible)).success_auc


@pytest.mark.parametrize("tracker", models.TRACKERS)
def test_a_tracker_learns_a_handful_of_scenes(tracker, tmp_path):
    plan, _ = recipe.read(f"overfit_{tracker}")
    (data,) = plan.data
    run, folder = tmp_path / "run", tmp_path / "bundle"
    where = ["--data", str(tmp_path), "-o", str(run), "--threads", str(os.cpu_count())]
    assert main(["train", f"overfit_{tracker}", *where]) == 0
    assert main(["export", str(run / "last.safetensors"), "-o", str(folder)]) == 0

    with open_tracker(bundle.read(folder)) as opened:
        scores = [auc(opened, pictures.scene(i, data.frames)) for i in range(data.scenes)]

    assert np.mean(scores) >= 0.8, scores
