"""Facts about the fine-grained parallel block, against the convolutions that it stands for."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from thermedge.models.layers.parallel_block import (
    SLOPE,
    HalvingParallelBlock,
    ParallelBlock,
    RowColumnConv,
    StackedConv,
)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(2)


def lively(layer):
    """Give all norms statistics and affine maps that are not the identity."""
    for norm in layer.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.uniform_(-1, 1)
            norm.running_var.uniform_(0.3, 3)
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.uniform_(norm.bias, -1, 1)
    return layer.eval()


def with_plain_layers(block):
    for name, child in block.named_children():
        if hasattr(child, "plain"):
            setattr(block, name, child.plain())
    return block


def equal(came, expected):
    torch.testing.assert_close(came, expected, rtol=1e-5, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("size", [(13, 10), (1, 6), (6, 1), (1, 1)])  # down to nothing but border
def test_a_row_then_a_column_is_one_3x3_up_to_the_border(size):
    layer = lively(RowColumnConv(3, 6))
    x = torch.randn(2, 3, *size)

    between = functional.conv2d(x, layer.row, padding=(0, 1))
    in_turn = functional.conv2d(between, layer.column, padding=(1, 0))
    expected = functional.leaky_relu(layer.norm(in_turn), SLOPE)

    equal(layer(x), expected)
    equal(layer.plain()(x), expected)


@torch.no_grad()
def test_a_bias_between_row_and_column_would_spoil_the_border_rows_only():
    layer = RowColumnConv(3, 6)
    x = torch.randn(1, 3, 7, 7)
    biased = functional.conv2d(x, layer.row, torch.ones(6), padding=(0, 1))
    in_turn = functional.conv2d(biased, layer.column, padding=(1, 0))
    folded = functional.conv2d(x, layer.kernel(), layer.column.sum((1, 2, 3)), padding=1)
    gap = (in_turn - folded).abs().amax((0, 1, 3))
    assert gap[1:-1].max() < 1e-5
    assert gap[[0, -1]].min() > 0.1


@torch.no_grad()
@pytest.mark.parametrize("size", [(13, 10), (1, 2)])
def test_stacked_kernels_give_their_outputs_side_by_side(size):
    layer = lively(StackedConv(3, 8))
    x = torch.randn(2, 3, *size)

    one = functional.conv2d(x, layer.point)
    three = functional.conv2d(x, layer.square, padding=1)
    expected = functional.leaky_relu(layer.norm(torch.cat([one, three], 1)), SLOPE)

    equal(layer(x), expected)
    equal(layer.plain()(x), expected)


@torch.no_grad()
@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("size", [(12, 10), (2, 2)])
def test_a_block_of_plain_convolutions_computes_the_same(parallel, size):
    for block in (
        ParallelBlock(6, 4, parallel=parallel),
        HalvingParallelBlock(6, 8, 4, parallel=parallel),
    ):
        x = torch.randn(2, 6, *size)
        expected = lively(block)(x)
        plain = with_plain_layers(block)
        equal(plain(x), expected)
        kinds = [type(layer) for layer in plain.modules()]
        assert nn.BatchNorm2d not in kinds
        assert kinds.count(nn.Conv2d) == (2 if isinstance(block, ParallelBlock) else 3)


@torch.no_grad()
def test_without_the_parallel_kernels_a_block_costs_the_same_once_plain():
    def shapes(parallel):
        blocks = [ParallelBlock(6, 4, parallel=parallel)]
        blocks.append(HalvingParallelBlock(6, 8, 4, parallel=parallel))
        return [p.shape for block in blocks for p in with_plain_layers(block).parameters()]

    assert shapes(parallel=True) == shapes(parallel=False)


def test_the_map_itself_passes_a_block_whose_convolutions_say_nothing():
    block = ParallelBlock(4, 2).eval()
    nn.init.zeros_(block.cross.column)
    x = torch.randn(1, 4, 5, 5)
    assert torch.equal(block(x), x)


def test_the_first_block_halves_the_map():
    assert HalvingParallelBlock(3, 8, 4)(torch.rand(2, 3, 10, 6)).shape == (2, 8, 5, 3)


@pytest.mark.parametrize("parallel", [True, False])
def test_every_kernel_learns(parallel):
    block = nn.Sequential(
        HalvingParallelBlock(3, 4, 4, parallel=parallel), ParallelBlock(4, 4, parallel=parallel)
    )
    block(torch.randn(2, 3, 8, 8)).square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in block.parameters())


def test_a_fresh_row_and_column_keep_the_size_of_values():
    layer = RowColumnConv(32, 32).eval()
    x = torch.randn(4, 32, 16, 16)
    made = functional.conv2d(x, layer.kernel(), padding=1)
    assert 0.8 < made.std().item() < 1.8  # LeakyReLU halves the power again
