"""Facts about motion features."""

import pytest
import torch
from torch import nn

from thermedge.models.layers.motion_mamba import SCALES, LineConv, RowMotion, ScaleAttention

EVEN = torch.full((1, SCALES), 1 / SCALES)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(4)


def row_motion(*, has_scans=True):
    return RowMotion(6, 8, inner=8, heads=2, states=4, has_scans=has_scans).eval()


def heard_at(module, x, row, column, weights=EVEN):
    """Where the cell (row, column) of the result depends on: (H, W) of truth values."""
    x = x.clone().requires_grad_()
    module(x, weights)[0, :, row, column].sum().backward()
    return x.grad[0].abs().amax(0) > 0


@torch.no_grad()
def test_a_line_convolution_is_one_convolution_up_to_the_border():
    line = LineConv(3, 5, length=5)
    line.norm.running_mean.uniform_(-1, 1)
    line.norm.running_var.uniform_(0.3, 3)
    nn.init.uniform_(line.norm.weight, 0.5, 1.5)
    nn.init.uniform_(line.norm.bias, -1, 1)
    line.eval()
    for width in (1, 2, 9):
        x = torch.randn(2, 3, 4, width)
        torch.testing.assert_close(line.plain()(x), line(x), rtol=1e-5, atol=1e-5)


def test_a_cell_hears_of_its_whole_row_and_of_few_others():
    x = torch.randn(1, 6, 12, 12)
    finest = torch.tensor([[1.0, 0.0, 0.0]])
    heard = heard_at(row_motion(), x, 5, 2, finest)
    assert heard[5].all()
    assert not torch.cat([heard[:5], heard[6:]]).any()


def test_coarse_scales_reach_into_rows_nearby():
    x = torch.randn(1, 6, 16, 16)
    coarse = torch.tensor([[0.0, 0.0, 1.0]])
    heard = heard_at(row_motion(), x, 6, 2, coarse)
    assert heard[4:8].all()
    assert not heard[12:].any()


def test_columns_are_rows_of_the_transposed_map():
    x, motion = torch.randn(1, 6, 12, 8), row_motion()
    x = x.requires_grad_()
    finest = torch.tensor([[1.0, 0.0, 0.0]])
    motion(x.transpose(2, 3), finest).transpose(2, 3)[0, :, 3, 5].sum().backward()
    heard = x.grad[0].abs().amax(0) > 0
    assert heard[:, 5].all()
    assert heard.sum() == 12


def test_without_scans_only_the_short_convolution_is_left():
    heard = heard_at(row_motion(has_scans=False), torch.randn(1, 6, 12, 12), 5, 6)
    assert heard.nonzero().tolist() == [[5, 5], [5, 6], [5, 7]]


@torch.no_grad()
@pytest.mark.parametrize(
    "make", [row_motion, lambda: ScaleAttention(6, heads=2, has_attention=True)]
)
def test_the_weights_decide_how_much_each_scale_adds(make):
    module, x = make(), torch.randn(1, 6, 12, 12)
    nothing = module(x, torch.zeros(1, SCALES))
    alone = [module(x, scale[None]) - nothing for scale in torch.eye(SCALES)]
    mixed = torch.tensor([[0.2, 0.5, 0.3]])
    expected = nothing + sum(w * part for w, part in zip(mixed[0], alone, strict=True))
    torch.testing.assert_close(module(x, mixed), expected, rtol=1e-4, atol=1e-5)
    assert all(part.abs().max() > 1e-3 for part in alone[1:])


def test_attention_lets_every_cell_hear_of_all():
    attention = ScaleAttention(6, heads=2, has_attention=True)
    assert heard_at(attention, torch.randn(1, 6, 12, 12), 0, 0).all()


def test_without_attention_the_map_goes_through():
    x = torch.randn(1, 6, 12, 12)
    assert ScaleAttention(6, heads=2, has_attention=False)(x, EVEN) is x


@torch.no_grad()
def test_each_map_of_a_batch_has_its_own_weights():
    motion, x = row_motion(), torch.randn(2, 6, 12, 12)
    weights = torch.tensor([[0.1, 0.2, 0.7], [0.6, 0.3, 0.1]])
    together = motion(x, weights)
    for i in range(2):
        alone = motion(x[i : i + 1], weights[i : i + 1])
        torch.testing.assert_close(alone[0], together[i], rtol=1e-4, atol=1e-5)
