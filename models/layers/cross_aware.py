"""What template and search look for in each other: a look-up table of cells, and of channels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_FIRST_SCALE = 0.1  # of what is added to the features, so that training begins with a plain Siamese
_SHARPNESS = 8.0  # a channel then sees itself in about a fifth of its attention


class LookUp(nn.Module):
    """Mark the search cells that look like the inside of the template's target.

    Every search cell attends to all template cells; how much of its attention falls
    inside the target is one map, M = softmax(f(x) f(z)^T / sqrt(width)) V, added to all
    search channels with a learned scale each. Keys and V belong to the template.

    Args:
        channels: Of the features.
        width: Of queries and keys.

    Source: SiamCross equations 3 to 5; projected and scaled as in Ocean+ (Zhang 2020).
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.key = nn.Conv2d(channels, width, 1, bias=False)  # a bias cancels in the softmax
        self.query = nn.Conv2d(channels, width, 1)
        self.scale = nn.Parameter(torch.full((channels,), _FIRST_SCALE))

    def keys(self, features: Tensor) -> Tensor:
        """Return the keys (B, width, n) of template features (B, C, h, w), n = h * w."""
        keys: Tensor = self.key(features).flatten(2) * self.key.out_channels**-0.5
        return keys

    def forward(self, features: Tensor, keys: Tensor, inside: Tensor) -> Tensor:
        """Return search features (B, C, H, W) with M added.

        Args:
            features: (B, C, H, W).
            keys: (B, width, n).
            inside: V, (B, n, 1): how much of each template cell the target covers, [0, 1].
        """
        queries = self.query(features).flatten(2).transpose(1, 2)
        on_target = (queries @ keys).softmax(-1) @ inside
        marked = on_target.reshape(len(features), 1, *features.shape[2:])
        aware: Tensor = features + marked * self.scale[:, None, None]
        return aware


class ChannelAttention(nn.Module):
    """Mix template channels as the surroundings suggest: f(z) + beta A f(z).

    A = softmax(sharpness f f^T / cells) is (C, C) and comes from the features f of a
    search window. The paper's equation 6 takes f(x) times f(z), which no shapes allow;
    this is what its text and the channel attention of SiamAttn (Yu 2020) say.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sharpness = nn.Parameter(torch.tensor(_SHARPNESS))
        self.scale = nn.Parameter(torch.tensor(_FIRST_SCALE))

    def mixing(self, features: Tensor) -> Tensor:
        """Return A, (B, C, C), of search features (B, C, H, W); its rows sum to 1."""
        rows = features.flatten(2)
        alike = (rows / rows.shape[2]) @ rows.transpose(1, 2)  # divided first: sums fit half floats
        mixing: Tensor = (self.sharpness * alike).softmax(-1)
        return mixing

    def forward(self, features: Tensor, mixing: Tensor) -> Tensor:
        """Return template features (B, C, h, w), mixed."""
        mixed = (mixing @ features.flatten(2)).reshape(features.shape)
        both: Tensor = features + self.scale * mixed
        return both


def ellipse_cover(target_px: Tensor, cells: int, stride_px: int) -> Tensor:
    """Return how much of each cell the ellipse inscribed in the target's box covers.

    The box is in the middle of a square window. The cover falls from 1 to 0 over one
    cell across the ellipse's edge, whose distance is taken from a circle of the same
    area: a cell is off by at most .09 where the sides are 1.5 to 1, by .25 where they are 4 to 1.

    Args:
        target_px: (B, 2), width and height of the box.
        cells: Of one side of the window.
        stride_px: Between cells.

    Returns:
        (B, cells * cells, 1) in [0, 1], row by row.
    """
    from_middle = (torch.arange(cells, device=target_px.device) - (cells - 1) / 2) * stride_px
    half_w, half_h = target_px[:, :1] / 2, target_px[:, 1:] / 2
    across, down = from_middle / half_w, from_middle / half_h
    radius = ((down * down)[:, :, None] + (across * across)[:, None, :]).sqrt()
    mean_radius = (half_w * half_h).sqrt() / stride_px
    cover = 0.5 + (1 - radius) * mean_radius[:, :, None]
    bounded = torch.minimum(cover.relu(), torch.ones_like(cover))
    return bounded.flatten(1)[:, :, None]
