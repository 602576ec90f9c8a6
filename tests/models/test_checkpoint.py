"""Facts about checkpoints on disk."""

import dataclasses

import pytest
import torch
from safetensors.torch import save_file

from thermedge import models
from thermedge.errors import RecipeError
from thermedge.models import checkpoint as checkpoints
from thermedge.models.checkpoint import Checkpoint


def small(**changes):
    values = {
        "recipe": 'name = "Übung"\n# a "quoted" comment\n',
        "tracker": "stdtrack",
        "size": "nano",
        "step": 123_456,
        "samples": 2**40,
        "tensors": {
            "model.a": torch.arange(6.0).reshape(2, 3).t(),  # not contiguous
            "average.a": torch.full((3, 2), 0.1),
            "average.count": torch.tensor(7),
            "optimizer.0.step": torch.tensor(3.0),
        },
    }
    return Checkpoint(**(values | changes))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "last.safetensors"


def test_what_was_saved_is_loaded_to_the_bit(path):
    saved = small()
    checkpoints.save(saved, path)
    loaded = checkpoints.load(path)
    assert dataclasses.replace(loaded, tensors={}) == dataclasses.replace(saved, tensors={})
    assert loaded.tensors.keys() == saved.tensors.keys()
    for name, tensor in saved.tensors.items():
        assert torch.equal(loaded.tensors[name], tensor), name
        assert loaded.tensors[name].dtype == tensor.dtype, name


def test_a_part_is_what_lies_below_its_prefix():
    part = small().part("average")
    assert set(part) == {"a", "count"}


def test_a_failed_save_leaves_the_old_checkpoint_alone(path, monkeypatch):
    checkpoints.save(small(step=1), path)

    def full_disk(tensors, temporary, header):
        temporary.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "save_file", full_disk)
    with pytest.raises(OSError, match="No space"):
        checkpoints.save(small(step=2), path)
    assert checkpoints.load(path).step == 1
    assert list(path.parent.iterdir()) == [path]


def test_a_missing_checkpoint_is_named(path):
    with pytest.raises(RecipeError, match="last.safetensors can't be read"):
        checkpoints.load(path)


def test_a_folder_is_no_checkpoint(path):
    path.mkdir()
    with pytest.raises(RecipeError, match="can't be read"):
        checkpoints.load(path)


@pytest.mark.parametrize("kept", [0, 4, 8, 100, -1])
def test_a_truncated_checkpoint_is_refused(path, kept):
    checkpoints.save(small(), path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(RecipeError, match="can't be read as a checkpoint"):
        checkpoints.load(path)


def test_safetensors_of_others_are_refused(path):
    save_file({"weight": torch.zeros(3)}, path, {"format": "pt"})
    with pytest.raises(RecipeError, match="no checkpoint of this version"):
        checkpoints.load(path)


def test_the_network_of_a_checkpoint_has_the_averaged_weights(checkpoint_file, network):
    loaded = checkpoints.network(checkpoints.load(checkpoint_file))
    assert not loaded.training
    for name, value in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name


@pytest.mark.parametrize("change", ["less", "other shape"])
def test_weights_that_do_not_fit_this_version_are_refused(checkpoint_file, change):
    saved = checkpoints.load(checkpoint_file)
    tensors = dict(saved.tensors)
    if change == "less":
        del tensors["average.score.weight"]
    else:
        tensors["average.score.weight"] = torch.zeros(1, 3, 1, 1)
    with pytest.raises(RecipeError, match="does not fit the stdtrack nano"):
        checkpoints.network(dataclasses.replace(saved, tensors=tensors))


def test_a_network_takes_the_weights_of_the_part_that_is_asked_for(checkpoint_file, network):
    saved = checkpoints.load(checkpoint_file)
    other = models.build("stdtrack", "nano")
    for part in ("average", "model"):
        checkpoints.fill(other, saved, part)
        for name, value in saved.part(part).items():
            assert torch.equal(other.state_dict()[name], value), name


def test_a_loaded_checkpoint_outlives_its_file(path):
    checkpoints.save(small(step=1), path)
    old = checkpoints.load(path)
    checkpoints.save(small(step=2), path)
    assert (old.step, float(old.tensors["average.a"][0, 0])) == (1, pytest.approx(0.1))


def test_a_network_with_parts_left_out_comes_back_without_them(tmp_path):
    net = models.build("stdtrack", "nano", {"memory": False})
    saved = Checkpoint(
        recipe="",
        tracker="stdtrack",
        size="nano",
        step=1,
        samples=1,
        tensors={f"average.{name}": value for name, value in net.state_dict().items()},
        changes={"memory": False},
    )
    checkpoints.save(saved, tmp_path / "less.safetensors")
    found = checkpoints.network(checkpoints.load(tmp_path / "less.safetensors"))
    assert found.state_dict().keys() == net.state_dict().keys()
    assert found.fusion is None
