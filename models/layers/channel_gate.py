"""Which channels matter, told by how the maps of three layers agree."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor, nn

_LEAST = 1e-4  # keeps roots and their slopes finite


class BilinearGate(nn.Module):
    """Compare every channel of one layer with every channel of another; weigh channels by it.

    Args:
        channels: Of each layer's map.
        reduced: Channels that are compared; their products are reduced x reduced.
        layers: Maps that are compared, each with each.

    Source: equations 5 and 6 of FGSGT; signed roots from bilinear CNNs (Lin 2015). The
        paper compares all 256 channels; a 1x1 makes them few here.
    """

    one: Tensor
    other: Tensor

    def __init__(self, channels: int, reduced: int, *, layers: int = 3) -> None:
        super().__init__()
        self.channels = channels
        self.reduce = nn.ModuleList(nn.Conv2d(channels, reduced, 1) for _ in range(layers))
        self.weigh = nn.Linear(reduced * reduced, channels)
        pairs = torch.tensor(list(combinations(range(layers), 2)))
        self.register_buffer("one", pairs[:, 0].contiguous(), persistent=False)
        self.register_buffer("other", pairs[:, 1].contiguous(), persistent=False)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Map `layers` maps (B, channels, H, W) to weights (B, channels, 1, 1).

        Weights are 0.5 to 0.5 + channels / 2 and 1 on average: no channel is lost.
        """
        small = [reduce(one) for reduce, one in zip(self.reduce, maps, strict=True)]
        rows = _unit(torch.stack(small, 1).flatten(3))
        products = rows.index_select(1, self.one) @ rows.index_select(1, self.other).mT
        share = self.weigh(_balanced(products).sum(1)).softmax(1)
        weights: Tensor = 0.5 + (0.5 * self.channels) * share
        return weights[:, :, None, None]


def _unit(x: Tensor) -> Tensor:
    """Scale rows to length 1 before they are multiplied: no sum can outgrow half precision."""
    return x / (((x * x).mean(-1, keepdim=True) + _LEAST) * x.shape[-1]).sqrt()


def _balanced(products: Tensor) -> Tensor:
    """Return the signed roots of (B, n, R, R) products as (B, n, R * R) of length 1."""
    flat = products.flatten(2)
    above = flat.relu()
    below = above - flat
    root = (above + _LEAST).sqrt() - (below + _LEAST).sqrt()
    return root / ((root * root).sum(-1, keepdim=True) + _LEAST).sqrt()
