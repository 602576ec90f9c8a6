"""Facts about what template and search look for in each other, against loops and samples."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from thermedge.models.layers.cross_aware import ChannelAttention, LookUp, ellipse_cover


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(4)


@torch.no_grad()
def test_the_look_up_adds_the_share_of_attention_that_falls_inside_the_target():
    look = LookUp(5, 3)
    look.scale.copy_(torch.randn(5))
    search, template = torch.randn(2, 5, 4, 3), torch.randn(2, 5, 2, 3)
    inside = torch.rand(2, 6, 1)

    came = look(search, look.keys(template), inside)

    for pair in range(2):
        for y in range(4):
            for x in range(3):
                cell = search[pair, :, y, x]
                query = look.query.weight[:, :, 0, 0] @ cell + look.query.bias
                keys = look.key.weight[:, :, 0, 0] @ template[pair].flatten(1)
                alike = [torch.dot(query, keys[:, i]) / 3**0.5 for i in range(6)]
                weights = torch.stack(alike).exp()
                share = (weights * inside[pair, :, 0]).sum() / weights.sum()
                torch.testing.assert_close(came[pair, :, y, x], cell + look.scale * share)


@torch.no_grad()
def test_what_is_added_is_at_most_the_scale_where_everything_is_target():
    look = LookUp(4, 2)
    search, keys = torch.randn(1, 4, 3, 3), torch.randn(1, 2, 5)
    everywhere = look(search, keys, torch.ones(1, 5, 1)) - search
    nowhere = look(search, keys, torch.zeros(1, 5, 1)) - search
    torch.testing.assert_close(everywhere, torch.full_like(search, 0.1))
    assert not nowhere.abs().sum()


@torch.no_grad()
def test_channels_are_mixed_by_the_softmax_of_their_products():
    mix = ChannelAttention()
    search, template = torch.randn(2, 4, 3, 5), torch.randn(2, 4, 2, 2)

    came = mix(template, mix.mixing(search))

    for pair in range(2):
        for channel in range(4):
            products = [(search[pair, channel] * search[pair, c]).mean() for c in range(4)]
            weights = (8.0 * torch.stack(products)).softmax(0)
            mixed = sum(weights[c] * template[pair, c] for c in range(4))
            expected = template[pair, channel] + 0.1 * mixed
            torch.testing.assert_close(came[pair, channel], expected)


def test_both_attentions_learn_all_they_have():
    look, mix = LookUp(4, 3), ChannelAttention()
    search, template = torch.rand(2, 4, 6, 6), torch.rand(2, 4, 3, 3)
    marked = look(search, look.keys(template), torch.rand(2, 9, 1))
    mixed = mix(template, mix.mixing(search))
    (marked.square().sum() + mixed.square().sum()).backward()
    for name, parameter in (*look.named_parameters(), *mix.named_parameters()):
        assert parameter.grad.abs().max() > 1e-5, name


def sampled_cover(width, height, cells, stride, fine=16):
    """How many of the fine points of each cell lie in the ellipse."""
    points = (np.arange(cells * fine) + 0.5) / fine * stride - cells * stride / 2
    is_in = (points[None, :] / (width / 2)) ** 2 + (points[:, None] / (height / 2)) ** 2 <= 1
    return is_in.reshape(cells, fine, cells, fine).mean((1, 3))


@given(side=st.floats(24, 64), aspect=st.floats(0.4, 2.5), cells=st.sampled_from([11, 15]))
def test_the_cover_is_the_share_of_each_cell_inside_the_ellipse(side, aspect, cells):
    size = torch.tensor([[side * aspect**0.5, side / aspect**0.5]])
    came = ellipse_cover(size, cells, 8).reshape(cells, cells).numpy()
    expected = sampled_cover(*size[0].tolist(), cells, 8)
    assert np.abs(came - expected).mean() < 0.02
    assert np.abs(came - expected).max() < 0.25  # at the tips of long ellipses


def test_the_cover_runs_row_by_row_and_each_target_has_its_own():
    came = ellipse_cover(torch.tensor([[80.0, 16.0], [16.0, 80.0]]), 11, 8)
    lying, standing = came.reshape(2, 11, 11)
    assert came.shape == (2, 121, 1)
    assert lying[5, 2] > 0.9 > 0.1 > lying[2, 5]
    torch.testing.assert_close(lying, standing.T)


def test_the_cover_is_1_in_the_middle_and_0_in_the_corners():
    came = ellipse_cover(torch.tensor([[40.0, 40.0]]), 11, 8).reshape(11, 11)
    assert came[5, 5] == 1
    assert came[0, 0] == came[10, 10] == 0
