"""A transformer layer whose tokens may also look at tokens that were encoded before."""

from __future__ import annotations

import torch
from torch import Tensor, nn

Known = tuple[Tensor, Tensor]  # keys and values, (B, N, C) each


class Block(nn.Module):
    """Let every token look at its own set and at known ones, then at itself.

    What a set of tokens shows to others is its keys and values, which do not depend on
    who looks: those of a template are made once and kept. The template never looks at
    the search window (asymmetric attention of MixFormer, Cui 2022, section 3.1).

    Args:
        channels: Of the tokens; a multiple of `heads`.
        heads: Parallel attentions.

    Source: Vaswani 2017, norms first as in ViT (Dosovitskiy 2021); the hidden layer is
        twice as wide as the tokens, not four times.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_seen = nn.LayerNorm(channels)
        self.query = nn.Linear(channels, channels)
        self.key = nn.Linear(channels, channels, bias=False)  # a bias would cancel in the softmax
        self.value = nn.Linear(channels, channels)
        self.out = nn.Linear(channels, channels)
        self.norm_feed = nn.LayerNorm(channels)
        self.feed = nn.Sequential(
            nn.Linear(channels, 2 * channels), nn.GELU(), nn.Linear(2 * channels, channels)
        )

    def forward(self, tokens: Tensor, before: Known | None = None) -> tuple[Tensor, Known]:
        """Return the (B, N, C) tokens and what they showed.

        Args:
            tokens: (B, N, C).
            before: What other tokens showed to this layer.
        """
        seen = self.norm_seen(tokens)
        shown = self.key(seen), self.value(seen)
        keys, values = shown
        if before is not None:
            keys, values = torch.cat([before[0], keys], 1), torch.cat([before[1], values], 1)
        tokens = tokens + self._looked(self.query(seen), keys, values)
        return tokens + self.feed(self.norm_feed(tokens)), shown

    def _looked(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        q, k, v = (self._split(part) for part in (queries, keys, values))
        weights = ((q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)).softmax(-1)
        result: Tensor = self.out((weights @ v).transpose(1, 2).flatten(2))
        return result

    def _split(self, x: Tensor) -> Tensor:
        batch, count, channels = x.shape
        return x.reshape(batch, count, self.heads, channels // self.heads).transpose(1, 2)
