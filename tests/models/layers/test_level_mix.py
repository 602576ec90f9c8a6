"""Facts about the weights of response levels."""

import torch
from torch import nn

from thermedge.models.layers.level_mix import LevelMix


def lively():
    torch.manual_seed(8)
    mix = LevelMix(3, 2, 5, act=nn.LeakyReLU(0.25))
    nn.init.normal_(mix.level)
    mix.norm.running_mean.uniform_(-1, 1)
    mix.norm.running_var.uniform_(0.3, 3)
    nn.init.uniform_(mix.norm.weight, 0.5, 1.5)
    nn.init.uniform_(mix.norm.bias, -1, 1)
    return mix.eval()


@torch.no_grad()
def test_it_is_a_1x1_over_levels_that_are_weighed_one_by_one():
    mix, responses = lively(), torch.randn(2, 6, 4, 3)
    levels = mix.norm(responses).split(2, dim=1)
    weighed = [w * level for w, level in zip(mix.level.softmax(0), levels, strict=True)]
    expected = mix.act(mix.mix(torch.cat(weighed, 1)))
    torch.testing.assert_close(mix(responses), expected, rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_weights_and_norm_go_into_the_1x1():
    mix, responses = lively(), torch.randn(2, 6, 4, 3)
    plain = mix.plain()
    torch.testing.assert_close(plain(responses), mix(responses), rtol=1e-5, atol=1e-5)
    assert [type(layer) for layer in plain] == [nn.Conv2d, nn.LeakyReLU]


def test_a_fresh_mix_takes_all_levels_alike_and_keeps_the_size_of_values():
    torch.manual_seed(0)
    mix = LevelMix(3, 32, 64, act=nn.Identity())
    assert mix.level.softmax(0).tolist() == [mix.level.softmax(0)[0].item()] * 3
    assert 0.9 < mix(torch.randn(4, 96, 8, 8)).std().item() < 2


def test_the_weights_of_levels_learn():
    mix = lively()
    mix(torch.randn(2, 6, 4, 3)).square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in mix.parameters())
