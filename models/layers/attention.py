"""Multi-head attention in plain matrix products, so that it exports as such."""

from __future__ import annotations

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

    def _split(self, x: Tensor) -> Tensor:
        batch, count, channels = x.shape
        return x.reshape(batch, count, self.heads, channels // self.heads).transpose(1, 2)
