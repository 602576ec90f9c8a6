"""Facts about the convolution with parallel kernels."""

import pytest
import torch
from torch.nn import functional

from thermedge.models.layers.rep_conv import RepConv


def lively(rep):
    """Give the norm statistics and an affine map that are not the identity."""
    torch.manual_seed(1)
    rep.norm.running_mean.uniform_(-1, 1)
    rep.norm.running_var.uniform_(0.3, 3)
    torch.nn.init.uniform_(rep.norm.weight, 0.5, 1.5)
    torch.nn.init.uniform_(rep.norm.bias, -1, 1)
    return rep


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernels", [(1,), (1, 3), (1, 3, 5), (5, 3)])
def test_it_is_the_sum_of_its_branches_then_norm_and_relu(kernels, stride):
    rep = lively(RepConv(3, 6, kernels=kernels, stride=stride)).eval()
    x = torch.randn(2, 3, 13, 10)

    branches = [
        functional.conv2d(x, branch, stride=stride, padding=branch.shape[-1] // 2)
        for branch in rep.branches
    ]

    expected = torch.relu(rep.norm(sum(branches)))
    torch.testing.assert_close(rep(x), expected, rtol=1e-5, atol=1e-5)


def test_the_summed_kernel_holds_small_branches_in_its_middle():
    rep = RepConv(1, 1, kernels=(1, 3))
    with torch.no_grad():
        rep.branches[0].fill_(10.0)
        rep.branches[1].copy_(torch.arange(9.0).reshape(1, 1, 3, 3))
    expected = torch.arange(9.0).reshape(3, 3)
    expected[1, 1] += 10
    assert torch.equal(rep.kernel()[0, 0], expected)


@pytest.mark.parametrize(("stride", "size"), [(1, (11, 8)), (2, (6, 4))])
def test_the_map_shrinks_by_the_stride_alone(stride, size):
    assert RepConv(2, 4, stride=stride)(torch.rand(1, 2, 11, 8)).shape == (1, 4, *size)


def test_every_branch_and_the_norm_learn():
    rep = RepConv(2, 4, kernels=(1, 3, 5))
    rep(torch.randn(2, 2, 9, 9)).square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in rep.parameters())


def test_the_sum_of_fresh_branches_is_as_large_as_one_branch():
    torch.manual_seed(0)
    sums = RepConv(16, 64, kernels=(3, 3, 3)).kernel()
    alone = RepConv(16, 64, kernels=(3,)).kernel()
    assert sums.std().item() == pytest.approx(alone.std().item(), rel=0.05)
