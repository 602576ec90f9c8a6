"""Facts about the saliency maps."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from thermedge.models.layers.saliency import LayerFusion, Saliency, _doubled


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(6)


def lively(layer):
    for norm in layer.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.uniform_(-1, 1)
            norm.running_var.uniform_(0.3, 3)
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.uniform_(norm.bias, -1, 1)
    return layer.eval()


def maps_of(channels, sides):
    return [torch.randn(2, c, side, side) for c, side in zip(channels, sides, strict=True)]


@torch.no_grad()
def test_a_1x1_per_map_equals_a_1x1_over_the_stacked_maps():
    fusion = lively(LayerFusion((3, 4, 5), 6))
    fine, same, coarse = maps = maps_of((3, 4, 5), (16, 8, 4))

    stacked = torch.cat([functional.avg_pool2d(fine, 2), same, _doubled(coarse)], 1)
    kernel = torch.cat([conv.weight for conv in fusion.reduce], 1)
    expected = fusion.look(fusion.act(fusion.norm(functional.conv2d(stacked, kernel))))

    torch.testing.assert_close(fusion(maps, 8), expected, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_the_norm_goes_into_the_1x1_of_every_map():
    fusion = lively(LayerFusion((3, 4, 5), 6))
    before = {name: value.clone() for name, value in fusion.state_dict().items()}
    maps = maps_of((3, 4, 5), (16, 8, 4))

    plain = fusion.plain()

    torch.testing.assert_close(plain(maps, 8), fusion(maps, 8), rtol=1e-5, atol=1e-5)
    assert isinstance(plain.norm, nn.Identity)
    assert all(torch.equal(fusion.state_dict()[name], value) for name, value in before.items())


def seen_by(saliency):
    return maps_of((2, 3, 4), (32, 16, 8)), maps_of((4, 5), (8, 8))


def test_each_map_is_the_one_before_and_what_it_lacked():
    saliency = lively(Saliency((2, 3, 4), (4, 5), 6))
    shallow, deep = seen_by(saliency)
    maps = saliency(shallow, deep)
    assert [m.shape for m in maps] == [(2, 1, 8, 8), (2, 1, 16, 16), (2, 1, 16, 16)]

    for refine in saliency.refine:
        nn.init.zeros_(refine[-1].weight)
        nn.init.constant_(refine[-1].bias, 0.25)
    first, once, twice = saliency(shallow, deep)
    torch.testing.assert_close(first, maps[0])
    torch.testing.assert_close(once, _doubled(first) + 0.25)
    torch.testing.assert_close(twice, once + 0.25)


def test_shallow_layers_refine_first_then_deep_ones():
    saliency = lively(Saliency((2, 3, 4), (4, 5), 6))
    shallow, deep = seen_by(saliency)
    nn.init.zeros_(saliency.first.weight)  # the first map sees nothing
    nn.init.zeros_(saliency.refine[1][-1].weight)
    other = [m + 1 for m in shallow], [m + 1 for m in deep]

    once = saliency(shallow, deep)[1]
    assert not torch.equal(once, saliency(other[0], deep)[1])
    torch.testing.assert_close(once, saliency(shallow, other[1])[1])


def test_untrained_saliency_is_low_and_every_parameter_learns_from_some_step():
    saliency = Saliency((2, 3, 4), (4, 5), 6)
    maps = saliency(*seen_by(saliency))
    assert maps[0].sigmoid().mean() < 0.4
    sum(m.square().sum() for m in maps).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in saliency.parameters())
