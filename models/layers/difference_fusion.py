"""Let two modalities that share one encoder tell each other what the other lacks."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from thermedge.models.layers.scan import BidirectionalScan


class DifferenceFusion(nn.Module):
    """Mix the tokens of two registered pictures by their difference.

    With d = LN(visible - thermal), s a scan of d along the rows and columns of the map,
    and g = tanh(s): visible' = visible + g * thermal, thermal' = thermal + g * visible.
    Without a visible picture both are the same, d is the norm's shift alone, and g is a
    constant that was trained for it.

    Args:
        channels: Of the tokens.
        inner: Channels of the scan; a multiple of `heads`.
        heads: Decays per token in the scan.
        states: Width of the scan's state.

    Source: the difference-based fusion of AINet (AAAI 2026). Its scan of one long sequence
        is two scans here, of rows and of columns, with one set of weights.
    """

    def __init__(self, channels: int, *, inner: int, heads: int, states: int = 8) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.scan = BidirectionalScan(channels, inner=inner, heads=heads, states=states)

    def forward(self, thermal: Tensor, visible: Tensor, side: int) -> tuple[Tensor, Tensor]:
        """Return both, mixed.

        Args:
            thermal: (B, side * side, channels).
            visible: The same place in the other picture.
            side: Cells along a row.
        """
        difference = self.norm(visible - thermal)
        image = difference.unflatten(1, (side, side))
        rows = torch.cat([image.flatten(0, 1), image.transpose(1, 2).flatten(0, 1)])
        along, down = self.scan(rows).unflatten(0, (2, -1, side)).unbind(0)
        gate = torch.tanh(along + down.transpose(1, 2)).flatten(1, 2)
        return thermal + gate * visible, visible + gate * thermal


class Joined(nn.Module):
    """Make one set of tokens of the two modalities'.

    Args:
        channels: Of each.

    Source: the fused feature of AINet's difference-based fusion, GELU(LN(W [V; T])).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Linear(2 * channels, channels)
        self.norm = nn.LayerNorm(channels)

    def forward(self, thermal: Tensor, visible: Tensor) -> Tensor:
        """Map two (B, N, channels) to one."""
        return functional.gelu(self.norm(self.mix(torch.cat([visible, thermal], -1))))
