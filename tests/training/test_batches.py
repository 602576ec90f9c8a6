"""Facts about batches: the same pairs, whoever prepares them, and whoever takes a part."""

import pickle

import pytest
import torch

from thermedge import models
from thermedge.training.batches import Batches, prepared
from thermedge.training.processes import Processes
from thermedge.training.recipe import parse

pytestmark = pytest.mark.usefixtures("pack_cache")

INPUTS = ("template", "search")


@pytest.fixture
def batches_of(tiny, data_folder):
    """Return a function that makes the batches of the recipe of the tests."""

    def make(text=tiny, **part):
        plan = parse(text, "the recipe")
        crop = models.build("stdtrack", "tiny").config.crop
        return Batches(plan, data_folder, crop, INPUTS, **part)

    return make


def test_worker_processes_prepare_the_same_pairs(batches_of):
    alone = Processes(torch.device("cpu"))
    batches = [list(prepared(batches_of(), 1, 4, workers, alone)) for workers in (0, 1)]
    assert [len(some) for some in batches] == [3, 3]
    for one, two in zip(*batches, strict=True):
        assert all(torch.equal(one[name], two[name]) for name in one)


def test_batches_cross_to_a_worker_as_names_and_not_as_pictures(batches_of):
    batches = batches_of()
    batches.open()
    assert len(pickle.dumps(batches)) < 5000


@pytest.mark.parametrize("parts", [2, 4])
@pytest.mark.parametrize("clip", ["", "\nclip = 2"])
def test_the_parts_of_a_batch_are_the_batch(batches_of, tiny, parts, clip):
    text = tiny.replace("batch = 4", f"batch = 4{clip}")
    whole = batches_of(text)[3]
    pieces = [batches_of(text, part=part, parts=parts)[3] for part in range(parts)]
    for name, values in whole.items():
        assert torch.equal(torch.cat([piece[name] for piece in pieces]), values)
