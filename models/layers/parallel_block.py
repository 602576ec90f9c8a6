"""The fine-grained parallel block: a 1x1 beside a 3x3, then a row and a column; plain at export."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from thermedge.models.fuse import composed, convolution, with_norm
from thermedge.models.layers.rep_conv import RepConv

SLOPE = 0.25  # of LeakyReLU below zero, equation 1 of FGSGT


class StackedConv(nn.Module):
    """Stack the outputs of a 1x1 and of a 3x3, then batch norm and LeakyReLU.

    Args:
        inputs: Channels in.
        outputs: Channels out, an even number: half from each kernel.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.point = nn.Parameter(torch.empty(outputs // 2, inputs, 1, 1))
        self.square = nn.Parameter(torch.empty(outputs // 2, inputs, 3, 3))
        for kernel in (self.point, self.square):
            nn.init.kaiming_normal_(kernel, a=SLOPE)
        self.norm = nn.BatchNorm2d(outputs)
        self.act = nn.LeakyReLU(SLOPE)

    def kernel(self) -> Tensor:
        """Return the (outputs, inputs, 3, 3) kernel: the 1x1 centred in zeros, then the 3x3."""
        return torch.cat([functional.pad(self.point, [1] * 4), self.square])

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, outputs, H, W)."""
        activated: Tensor = self.act(self.norm(functional.conv2d(x, self.kernel(), padding=1)))
        return activated

    def plain(self) -> nn.Sequential:
        """Return one convolution and the activation.

        A kernel makes its output channels alone, so channels side by side come from
        kernels one below the other; the 1x1 is a 3x3 that looks at its middle only.
        """
        return nn.Sequential(convolution(*with_norm(self.kernel(), self.norm)), self.act)


class RowColumnConv(nn.Module):
    """Run a 1x3 along the rows and a 3x1 along the columns, then batch norm and LeakyReLU.

    Args:
        inputs: Channels in.
        outputs: Channels out, and between the two.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.row = nn.Parameter(torch.empty(outputs, inputs, 1, 3))
        self.column = nn.Parameter(torch.empty(outputs, outputs, 3, 1))
        nn.init.kaiming_normal_(self.row, a=1.0)  # no activation between the two
        nn.init.kaiming_normal_(self.column, a=SLOPE)
        self.norm = nn.BatchNorm2d(outputs)
        self.act = nn.LeakyReLU(SLOPE)

    def kernel(self) -> Tensor:
        """Return the (outputs, inputs, 3, 3) kernel that the two make together."""
        return composed(self.row, self.column)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, outputs, H, W)."""
        activated: Tensor = self.act(self.norm(functional.conv2d(x, self.kernel(), padding=1)))
        return activated

    def plain(self) -> nn.Sequential:
        """Return one 3x3 convolution and the activation.

        Both are linear with nothing between, so K[y, x] = column[y] row[x], a matrix
        product over the channels between. It holds in border rows too: what the column
        meets beyond the border is zero, and the row, having no bias, would have made
        zero of the zeros there.
        """
        return nn.Sequential(convolution(*with_norm(self.kernel(), self.norm)), self.act)


class ParallelBlock(nn.Module):
    """Refine a map by a 1x1 beside a 3x3, then a 1x3 and a 3x1, and add the map itself.

    Args:
        channels: In and out.
        inner: After the parallel pair.
        parallel: False takes two 3x3 in the same places: the same cost once exported, so a
            comparison tells what the parallel kernels bring.

    Source: equations 3 and 4 of FGSGT. There each convolution has its own norm and
        activation; here they follow the sums, so that each pair is one kernel at export.
    """

    def __init__(self, channels: int, inner: int, *, parallel: bool = True) -> None:
        super().__init__()
        kernels = (1, 3) if parallel else (3,)
        self.pair = RepConv(channels, inner, kernels=kernels, act=nn.LeakyReLU(SLOPE))
        self.cross = _cross(inner, channels, parallel=parallel)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to the same shape."""
        added: Tensor = self.cross(self.pair(x)) + x
        return added


class HalvingParallelBlock(nn.Module):
    """Refine a map likewise and halve its sides: the first block of the stage.

    The pair is stacked here, not summed; a max-pool halves the map, and a 3x3 of stride 2
    stands for the map itself.

    Args:
        inputs: Channels in.
        outputs: Channels out.
        inner: After the parallel pair, an even number.
        parallel: As in `ParallelBlock`.

    Source: equation 2 of FGSGT.
    """

    def __init__(self, inputs: int, outputs: int, inner: int, *, parallel: bool = True) -> None:
        super().__init__()
        plain = RepConv(inputs, inner, kernels=(3,), act=nn.LeakyReLU(SLOPE))
        self.pair = StackedConv(inputs, inner) if parallel else plain
        self.cross = _cross(inner, outputs, parallel=parallel)
        self.pool = nn.MaxPool2d(2)
        self.short = RepConv(inputs, outputs, kernels=(3,), stride=2, act=nn.LeakyReLU(SLOPE))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, H, W), even H and W, to (B, outputs, H / 2, W / 2)."""
        added: Tensor = self.pool(self.cross(self.pair(x))) + self.short(x)
        return added


def _cross(inputs: int, outputs: int, *, parallel: bool) -> nn.Module:
    if parallel:
        return RowColumnConv(inputs, outputs)
    return RepConv(inputs, outputs, kernels=(3,), act=nn.LeakyReLU(SLOPE))
