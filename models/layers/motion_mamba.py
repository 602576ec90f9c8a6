"""Motion features of a map: scans along its rows and attention, at several scales."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from thermedge.models.fuse import convolution, with_norm
from thermedge.models.layers.attention import Attention
from thermedge.models.layers.scan import BidirectionalScan, from_rows, rows_of

SCALES = 3  # the map as it is, and pooled to a half and a quarter of its cells a side


class LineConv(nn.Module):
    """Convolve along rows, then batch norm and ReLU.

    Args:
        inputs: Channels in.
        outputs: Channels out.
        length: Odd, cells.
    """

    def __init__(self, inputs: int, outputs: int, *, length: int = 3) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.empty(outputs, inputs, 1, length))
        nn.init.kaiming_normal_(self.kernel, nonlinearity="relu")
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, outputs, H, W)."""
        y = functional.conv2d(x, self.kernel, padding=(0, self.kernel.shape[-1] // 2))
        return functional.relu(self.norm(y))

    def plain(self) -> nn.Sequential:
        """Return one convolution and the activation; the norm scales kernel and bias."""
        return nn.Sequential(convolution(*with_norm(self.kernel, self.norm)), nn.ReLU())


class RowMotion(nn.Module):
    """Collect along rows: a short convolution, then scans over whole rows at all scales.

    For columns, give the transposed map and transpose what comes back.

    Args:
        inputs: Channels in.
        outputs: Channels out.
        inner: Channels that are scanned.
        heads: Decays of each scan.
        states: Width of the scans' states.
        has_scans: Off for an ablation: the convolution alone is left.

    Source: horizontal and vertical state-space blocks of SMMT (arXiv 2505.04088).
    """

    def __init__(
        self, inputs: int, outputs: int, *, inner: int, heads: int, states: int, has_scans: bool
    ) -> None:
        super().__init__()
        self.along = LineConv(inputs, outputs)
        self.scans = nn.ModuleList(
            BidirectionalScan(outputs, inner=inner, heads=heads, states=states)
            for _ in range(SCALES if has_scans else 0)
        )

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, outputs, H, W).

        Args:
            x: Height and width are multiples of 4.
            weights: (B, SCALES), how much each scale counts.
        """
        near: Tensor = self.along(x)
        if not self.scans:
            return near
        scanned = [
            from_rows(scan(rows_of(level)), level.shape[2])
            for scan, level in zip(self.scans, _pyramid(near), strict=True)
        ]
        return near + _summed(scanned, weights)


class ScaleAttention(nn.Module):
    """Let the cells of the pooled maps look at each other; the finest scale stays as it is.

    Attention over all cells of the finest map would cost more than the rest of a network.

    Args:
        channels: In and out; a multiple of `heads`.
        heads: Parallel attentions.
        has_attention: Off for an ablation: the map goes through.

    Source: self-attention of SMMT's motion module (arXiv 2505.04088).
    """

    def __init__(self, channels: int, *, heads: int, has_attention: bool) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            Attention(channels, heads) for _ in range(SCALES - 1 if has_attention else 0)
        )

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same.

        Args:
            x: Height and width are multiples of 4.
            weights: (B, SCALES); that of the finest scale is not used.
        """
        if not self.levels:
            return x
        attended = []
        for attention, level in zip(self.levels, _pyramid(x)[1:], strict=True):
            cells = level.flatten(2).transpose(1, 2)
            seen: Tensor = attention(cells, cells)
            attended.append(torch.unflatten(seen.transpose(1, 2), 2, level.shape[2:]))
        return x + _doubled(_summed(attended, weights[:, 1:]))


def _pyramid(x: Tensor) -> list[Tensor]:
    levels = [x]
    for _ in range(SCALES - 1):
        levels.append(functional.avg_pool2d(levels[-1], 2))
    return levels


def _summed(levels: list[Tensor], weights: Tensor) -> Tensor:
    """Return the weighted sum of maps, each half as wide as the one before, at the first's size."""
    weighted = [level * weights[:, i, None, None, None] for i, level in enumerate(levels)]
    total = weighted.pop()
    while weighted:
        total = weighted.pop() + _doubled(total)
    return total


def _doubled(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="bilinear")
