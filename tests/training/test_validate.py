"""Facts about validation: the runtime's tracker around a network that still learns."""

import json
import shutil

import numpy as np
import pytest
import torch

from thermedge import bundle
from thermedge.errors import DatasetError, RecipeError
from thermedge.evaluation import changing_size, datasets
from thermedge.evaluation.run import one_pass
from thermedge.export import settings
from thermedge.models import checkpoint as checkpoints
from thermedge.runtime.tracker import open_tracker
from thermedge.training import loop, record
from thermedge.training.recipe import ValidationSpec, parse
from thermedge.training.validate import Validation, tracker_of

pytestmark = pytest.mark.usefixtures("pack_cache")

TABLE = '\n[validation]\npaths = ["held_out"]\nevery = 8\nclips = 1\nframes = 4\n'


@pytest.fixture
def online():
    """The constants of the online loop."""
    return settings.read(settings.shipped("stdtrack", "nano"))


@pytest.fixture
def plan(recipe_text):
    return parse(recipe_text, "the recipe")


@pytest.fixture
def folder(data_folder, tmp_path):
    """The data, and the same clips again under another name."""
    for name in ("clips", "held_out"):
        (tmp_path / name).symlink_to(data_folder / "clips")
    return tmp_path


def test_it_gives_the_boxes_of_the_exported_bundle(exported, plan, online, data_folder):
    _, _, where = exported
    net = checkpoints.network(
        checkpoints.load(next(where.parents[1].glob("trained*/run/last.safetensors")))
    )
    clip = datasets.read(data_folder / "clips").sequences[0]
    with tracker_of(net, plan, online) as mine, open_tracker(bundle.read(where)) as shipped:
        one, two = one_pass(mine, clip), one_pass(shipped, clip)
    assert (one.error, two.error) == ("", "")
    np.testing.assert_allclose(one.boxes, two.boxes, atol=0.02)


@pytest.mark.parametrize("tracker", ["ainet", "fgsgt", "siamcross", "smmt", "stdtrack"])
def test_every_tracker_can_be_tried_and_is_left_as_it_was(
    tracker, plan, data_folder, lively_network
):
    online = settings.read(settings.shipped(tracker, "nano"))
    net = lively_network(tracker, "nano").train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    random = torch.get_rng_state()
    spec = ValidationSpec(paths=("clips",), every=1, clips=1, frames=3)

    found = Validation(plan, spec, data_folder, online)(net)

    ((group, score),) = found.items()
    assert group.endswith("/clips")
    assert 0 <= score.mean.low <= score.mean.mean <= score.mean.high <= 1
    assert score.clips.keys() == {"square0"}
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)


def test_it_takes_so_many_clips_and_frames(plan, data_folder, online, monkeypatch, network):
    spec = ValidationSpec(paths=("clips",), every=1, clips=9, frames=2)
    seen = []
    from thermedge.training import validate

    def noted(tracker, clip, *, max_frames):
        result = one_pass(tracker, clip, max_frames=max_frames)
        seen.append((clip.name, len(result.rows)))
        return result

    monkeypatch.setattr(validate, "one_pass", noted)
    Validation(plan, spec, data_folder, online)(network)
    assert seen == [("square0", 2), ("square1", 2)]


def test_a_run_logs_its_scores_and_trains_as_without_them(tiny, folder, online):
    options = {"data": folder, "workers": 0, "threads": 1, "device": "cpu"}
    with_them = loop.train(tiny + TABLE, folder / "with", settings=online, **options)
    without = loop.train(tiny, folder / "without", **options)

    log = record.entries(folder / "with" / record.LOG)
    assert [(entry["step"], entry["samples"]) for entry in log] == [(2, 8), (4, 16), (6, 24)]
    for entry in log:
        ((mean, low, high),) = entry["success_auc"].values()
        assert 0 <= low <= mean <= high <= 1
        assert entry["minutes"] >= 0
    json.dumps(log, allow_nan=False)
    assert "success AUC" in (folder / "with" / record.CURVES).read_text()
    one, two = checkpoints.load(with_them), checkpoints.load(without)
    assert all(torch.equal(one.tensors[name], two.tensors[name]) for name in one.tensors)


def test_missing_clips_are_refused_before_the_first_step(tiny, folder, online):
    table = TABLE.replace("held_out", "nowhere")
    with pytest.raises(DatasetError, match="nowhere does not exist"):
        loop.train(
            tiny + table, folder / "run", data=folder, settings=online, workers=0, device="cpu"
        )


def test_clips_without_a_label_are_refused(plan, online, tmp_path, write_clip):
    pictures = [np.zeros((40, 40), np.uint8)] * 2
    write_clip(tmp_path / "clips" / "empty", pictures, [(np.nan,) * 4] * 2)
    spec = ValidationSpec(paths=("clips",), every=1)
    with pytest.raises(DatasetError, match="No clip in .*clips has a label"):
        Validation(plan, spec, tmp_path, online)


def test_generated_scenes_are_a_group_of_their_own(plan, online, tmp_path, network):
    spec = ValidationSpec(every=1, scenes=1, frames=2)
    ((group, tried),) = Validation(plan, spec, tmp_path, online)(network).items()
    assert group == changing_size.GROUP
    assert tried.clips.keys() == {"scene 0"}


@pytest.mark.parametrize("paths", [("one/x/val", "two/x/val"), ("one/x/val", "one/x/val/")])
def test_folders_that_are_called_alike_are_refused_before_the_first_step(
    tiny, folder, online, paths
):
    for path in {path.rstrip("/") for path in paths}:
        shutil.copytree(folder / "clips", folder / path)
    table = TABLE.replace('"held_out"', ", ".join(f'"{path}"' for path in paths))
    with pytest.raises(RecipeError, match="are called 'x/val'"):
        loop.train(
            tiny + table, folder / "run", data=folder, settings=online, workers=0, device="cpu"
        )
    assert not list((folder / "run").iterdir())
