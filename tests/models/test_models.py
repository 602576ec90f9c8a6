"""Facts about building networks by name."""

import pytest
import torch

from thermedge import models
from thermedge.errors import RecipeError
from thermedge.models import stdtrack
from thermedge.models.net import window_shape
from thermedge.models.stdtrack import StdTrack
from thermedge.records import to_mapping
from thermedge.training import ablate, recipe
from thermedge.training.losses import loss_of, targets_of


def test_every_size_of_every_tracker_is_built():
    assert "stdtrack" in models.TRACKERS
    for size, config in stdtrack.SIZES.items():
        net = models.build("stdtrack", size)
        assert isinstance(net, StdTrack)
        assert net.config is config


@pytest.mark.parametrize(
    ("tracker", "size", "problem"),
    [("siamx", "nano", "'siamx'"), ("stdtrack", "huge", "no size 'huge'")],
)
def test_an_unknown_name_is_answered_with_the_known_ones(tracker, size, problem):
    with pytest.raises(RecipeError, match=problem) as caught:
        models.build(tracker, size)
    known = "stdtrack" if tracker == "siamx" else "nano"
    assert known in caught.value.remedy


@pytest.mark.parametrize("plan", ablate.shipped())
def test_what_an_ablation_leaves_out_is_gone_and_the_rest_learns(plan):
    plan = ablate.read(plan)
    for variant in plan.variants:
        one = recipe.parse(ablate.text_of(plan, variant), variant.name)
        torch.manual_seed(0)
        net = models.build(one.tracker, one.size, one.network)
        crop = net.config.crop
        batch = {
            name: torch.rand(2, *window_shape(name, crop)[1:])
            for name in (*net.template_inputs, *net.track_inputs)
            if name != "target_px"
        }
        batch["target_px"] = torch.full((2, 2), 40.0)
        batch["target"] = torch.tensor([[crop.search_px / 2] * 2 + [40.0] * 2] * 2)
        batch["present"], batch["motion"] = torch.ones(2), torch.zeros(2, 2)
        batch["changed"] = torch.zeros(2, 2)
        parts = loss_of(one.tracker)(net.answers(batch), targets_of(batch))
        torch.autograd.backward(parts.total)
        used = [p.grad is not None and bool(p.grad.abs().sum()) for p in net.parameters()]
        assert sum(used) > 0.5 * len(used), variant.name
        whole = to_mapping(models.build(one.tracker, one.size).config)
        assert to_mapping(net.config) == {**whole, **one.network}
        assert one.network.items().isdisjoint(whole.items())


def test_a_change_that_the_network_does_not_know_is_refused():
    with pytest.raises(RecipeError, match="no key 'wings'"):
        models.build("stdtrack", "nano", {"wings": True})
    with pytest.raises(RecipeError, match="network.mask is 'no', expected bool"):
        models.build("stdtrack", "nano", {"mask": "no"})


@pytest.mark.parametrize(
    ("tracker", "changes", "problem"),
    [
        ("stdtrack", {"heads": 5}, "head is 64, expected a multiple of heads, 5"),
        ("stdtrack", {"heads": 0}, "heads is 0, expected 1 or more"),
        ("stdtrack", {"stem": 0}, "stem is 0, expected 1 or more"),
        ("stdtrack", {"features": -4}, "features is -4, expected 1 or more"),
        ("stdtrack", {"deep": -1}, "deep is -1, expected 0 or more"),
        ("smmt", {"heads": 32}, "motion is 48, expected a multiple of heads, 32"),
        ("smmt", {"heads": 3}, "inner is 32, expected a multiple of heads, 3"),
        ("smmt", {"kernel_cells": 4}, "kernel_cells is 4, expected an odd number"),
        ("siamcross", {"kernel_cells": 4}, "kernel_cells is 4, expected an odd number"),
        ("siamcross", {"wide": -1}, "wide is -1, expected 0 or more"),
        ("fgsgt", {"inner": 33}, "inner is 33, expected a multiple of 2"),
        ("fgsgt", {"kernel_cells": 6}, "kernel_cells is 6, expected an odd number"),
        ("ainet", {"heads": 5}, "channels is 64, expected a multiple of heads, 5"),
        ("ainet", {"gate": 33}, "gate is 33, expected a multiple of 2"),
        ("ainet", {"inner": 31}, "inner is 31, expected a multiple of 32"),
        ("ainet", {"depth": 0}, "depth is 0, expected 1 or more"),
    ],
)
def test_widths_that_no_network_can_have_are_refused(tracker, changes, problem):
    with pytest.raises(RecipeError, match=problem) as caught:
        models.build(tracker, "nano", changes)
    assert "[network]" in caught.value.remedy


def test_layers_that_can_be_left_out_may_be_none():
    assert models.build("stdtrack", "nano", {"deep": 0, "change": 0}).change is None
    assert len(models.build("smmt", "nano", {"deep": 0, "shared": 0, "tower": 0}).shared) == 0
