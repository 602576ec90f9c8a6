"""A convolution with parallel kernels that are one kernel at export."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from thermedge.models.fuse import convolution, with_norm


class RepConv(nn.Module):
    """Sum parallel odd kernels, then batch norm and ReLU.

    The branches have no bias and no norm of their own (QARepVGG), so their sum is a
    convolution with the summed kernel. It is summed before the convolution in training
    too: the branches cost parameters, not time.

    Args:
        inputs: Channels in.
        outputs: Channels out.
        kernels: Odd sides of the branches, px; the largest sets the padding.
        stride: px.
        dilation: px between the taps of all kernels.
        act: After the norm; ReLU by default.

    Source: RepVGG (Ding 2021) section 3.3; one norm after the sum from QARepVGG (Chu 2022).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        kernels: Sequence[int] = (1, 3),
        stride: int = 1,
        dilation: int = 1,
        act: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.stride, self.dilation = stride, dilation
        self.side = max(kernels)
        self.branches = nn.ParameterList(
            nn.Parameter(torch.empty(outputs, inputs, side, side)) for side in kernels
        )
        for branch in self.branches:
            nn.init.kaiming_normal_(branch, nonlinearity="relu")
            branch.data /= len(kernels) ** 0.5  # the sum keeps the variance of one kernel
        self.norm = nn.BatchNorm2d(outputs)
        self.act = act or nn.ReLU()

    def kernel(self) -> Tensor:
        """Return the (outputs, inputs, side, side) sum of the branches, small ones centred."""
        total = torch.zeros_like(max(self.branches, key=lambda branch: branch.shape[-1]))
        for branch in self.branches:
            total = total + functional.pad(branch, [(self.side - branch.shape[-1]) // 2] * 4)
        return total

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        margin = self.dilation * (self.side // 2)
        y = functional.conv2d(
            x, self.kernel(), stride=self.stride, padding=margin, dilation=self.dilation
        )
        activated: Tensor = self.act(self.norm(y))
        return activated

    def plain(self) -> nn.Sequential:
        """Return one convolution and the activation.

        Convolution is linear, so kernels of one size just add, small ones centred in
        zeros, and the norm after the sum scales the result.
        """
        kernel, bias = with_norm(self.kernel(), self.norm)
        return nn.Sequential(
            convolution(kernel, bias, stride=self.stride, dilation=self.dilation), self.act
        )
