"""Multi-head attention in plain matrix products, so that it exports as such."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Attention(nn.Module):
    """Let every query look at all keys.

    Args:
        channels: Of queries, keys and the result; a multiple of `heads`.
        heads: Parallel attentions.

    Source: Vaswani 2017 section 3.2.2.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(channels, channels)
        self.key = nn.Linear(channels, channels, bias=False)  # a bias would cancel in the softmax
        self.value = nn.Linear(channels, channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, queries: Tensor, keys: Tensor, bias: Tensor | None = None) -> Tensor:
        """Map (B, Q, C) queries over (B, K, C) keys to (B, Q, C).

        Args:
            queries: What asks.
            keys: What is looked at.
            bias: (B, 1, K) added to the logits: 0 to see a key, -1e4 to hide it.
        """
        q, k, v = (
            self._split(part) for part in (self.query(queries), self.key(keys), self.value(keys))
        )
        logits = (q @ k.transpose(-1, -2)) * (q.shape[-1] ** -0.5)
        if bias is not None:
            logits = logits + bias[:, None]
        seen = (logits.softmax(-1) @ v).transpose(1, 2)
        result: Tensor = self.out(seen.flatten(2))
        return result

    def folded(self) -> FoldedAttention:
        """Return the same function with nothing left to compute for each key."""
        return FoldedAttention(self)

    def _split(self, x: Tensor) -> Tensor:
        batch, count, channels = x.shape
        return x.reshape(batch, count, self.heads, channels // self.heads).transpose(1, 2)


class FoldedAttention(nn.Module):
    """An attention whose projections of keys and values act on the queries instead.

    A logit q . (K k) is (K^T q) . k, and the weighted sum of V v is V of the weighted sum, so
    each head needs a C x C matrix before and after, and none per key. It is less work where
    the queries are few and the keys are many, as for a token that looks at all cells of a frame.

    Args:
        attention: What it is to equal.
    """

    @torch.no_grad()
    def __init__(self, attention: Attention) -> None:
        super().__init__()
        self.heads = heads = attention.heads
        channels = attention.out.out_features
        wide = heads * channels
        self.ask = nn.Linear(channels, wide)
        self.tell = nn.Linear(wide, channels)
        query, key, value, out = attention.query, attention.key, attention.value, attention.out
        keys = key.weight.reshape(heads, -1, channels)  # (heads, C / heads, C)
        scale = keys.shape[1] ** -0.5
        asks = keys.transpose(1, 2) @ query.weight.reshape(heads, -1, channels) * scale
        self.ask.weight.copy_(asks.flatten(0, 1))
        shift = keys.transpose(1, 2) @ query.bias.reshape(heads, -1, 1) * scale
        self.ask.bias.copy_(shift.flatten())
        outs = out.weight.reshape(channels, heads, -1).transpose(0, 1)  # (heads, C, C / heads)
        tells = outs @ value.weight.reshape(heads, -1, channels)
        self.tell.weight.copy_(tells.transpose(0, 1).flatten(1))
        self.tell.bias.copy_(out.bias + out.weight @ value.bias)

    def forward(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Map (B, Q, C) queries over (B, K, C) keys to (B, Q, C)."""
        batch, count, channels = queries.shape
        asked = self.ask(queries).reshape(batch, count * self.heads, channels)
        seen = (asked @ keys.transpose(1, 2)).softmax(-1) @ keys
        told: Tensor = self.tell(seen.reshape(batch, count, self.heads * channels))
        return told
