"""Facts about the network of plain convolutions."""

import copy

import pytest
import torch
from torch import nn

from thermedge.models.fuse import convolution, fused, norm_into_next, with_norm
from thermedge.models.layers.rep_conv import RepConv


def lively(norm):
    """Give a batch norm statistics and an affine map that are not the identity."""
    norm.running_mean.uniform_(-1, 1)
    norm.running_var.uniform_(0.3, 3)
    nn.init.uniform_(norm.weight, 0.5, 1.5)
    nn.init.uniform_(norm.bias, -1, 1)
    return norm.eval()


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(3)


@torch.no_grad()
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernels", [(1,), (1, 3), (1, 3, 5)])
@pytest.mark.parametrize("size", [(13, 10), (8, 8), (1, 2)])  # (1, 2): nothing but border
def test_a_merged_convolution_equals_branches_and_norm_up_to_the_border(kernels, stride, size):
    rep = RepConv(3, 6, kernels=kernels, stride=stride).eval()
    lively(rep.norm)
    x = torch.randn(2, 3, *size)
    torch.testing.assert_close(rep.plain()(x), rep(x), rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_a_norm_goes_into_the_1x1_convolution_behind_it():
    norm, conv = lively(nn.BatchNorm2d(5)), nn.Conv2d(5, 3, 1)
    before = copy.deepcopy(conv.state_dict())
    x = torch.randn(2, 5, 4, 4)

    both = norm_into_next(norm, conv)

    torch.testing.assert_close(both(x), conv(norm(x)), rtol=1e-5, atol=1e-5)
    assert all(torch.equal(conv.state_dict()[name], value) for name, value in before.items())


@torch.no_grad()
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("groups", [1, 3])
def test_a_norm_goes_into_the_convolution_before_it(dilation, groups):
    conv = nn.Conv2d(6, 9, 3, padding=dilation, dilation=dilation, groups=groups)
    norm, x = lively(nn.BatchNorm2d(9)), torch.randn(2, 6, 7, 5)
    kernel, bias = with_norm(conv.weight, norm, bias=conv.bias)
    both = convolution(kernel, bias, dilation=dilation, groups=groups)
    torch.testing.assert_close(both(x), norm(conv(x)), rtol=1e-5, atol=1e-5)


def test_only_plain_convolutions_are_left(network):
    kinds = {type(module) for module in fused(network).modules()}
    assert not kinds & {RepConv, nn.BatchNorm2d}
    assert nn.Conv2d in kinds


def test_fusing_leaves_the_trained_network_as_it_was(network):
    trained = copy.deepcopy(network).train()
    before = {name: value.clone() for name, value in trained.state_dict().items()}

    plain = fused(trained)

    assert trained.training
    assert not plain.training
    assert isinstance(trained.mix, RepConv)
    after = trained.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_fusing_removes_exactly_the_branches_the_norms_and_a_projection(network):
    saved = sum(
        branch.numel()
        for rep in network.modules()
        if isinstance(rep, RepConv)
        for branch in rep.branches
        if branch.shape[-1] < rep.side  # the largest one stays as the sum
    )
    norms = [norm for norm in network.modules() if isinstance(norm, nn.BatchNorm2d)]
    saved += sum(2 * norm.num_features for norm in norms)  # scale and shift
    added = sum(rep.norm.num_features for rep in network.modules() if isinstance(rep, RepConv))
    saved += network.config.head**2 - 1  # two matrices of the mask became one, and a number

    def count(net):
        return sum(weight.numel() for weight in net.parameters())

    assert count(fused(network)) == count(network) - saved + added == 391_514
