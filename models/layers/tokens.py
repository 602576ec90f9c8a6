"""Tokens of a target: what the frames before say, and where this frame agrees."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from thermedge.models.layers.attention import Attention
from thermedge.tokens import AGES


class TokenFusion(nn.Module):
    """Bring a token up to date: it looks at the frame, then at the stored tokens.

    The stored tokens look at each other first. One layer of each.

    Args:
        channels: Of tokens and features.
        heads: Parallel attentions.

    Source: after the multi-frame fusion of STDTrack (arXiv 2601.09078); the cross
        attention into the frame stands for the paper's one-stream encoder.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.age = nn.Linear(AGES, channels, bias=False)
        self.norm_token = nn.LayerNorm(channels)
        self.norm_store = nn.LayerNorm(channels)
        self.norm_fused = nn.LayerNorm(channels)
        self.norm_seen = nn.LayerNorm(channels)
        self.norm_out = nn.LayerNorm(channels)
        self.among = Attention(channels, heads)
        self.into_frame: nn.Module = Attention(channels, heads)
        self.into_store = Attention(channels, heads)
        self.feed = nn.Sequential(
            nn.Linear(channels, 2 * channels), nn.ReLU(), nn.Linear(2 * channels, channels)
        )

    def forward(
        self, token: Tensor, features: Tensor, store: Tensor, bias: Tensor, age: Tensor
    ) -> Tensor:
        """Return the (B, 1, C) token of this frame.

        Args:
            token: (B, 1, C) of the frame before.
            features: (B, cells, C) of this frame.
            store: (B, n, C) tokens of older frames.
            bias: (B, 1, n), 0 where the store is filled and -1e4 where it is empty.
            age: (B, n, AGES), one-hot.
        """
        token = token + self.into_frame(self.norm_token(token), features)
        aged = store + self.age(age)
        known = self.norm_store(aged)
        aged = aged + self.among(known, known, bias)
        token = token + self.into_store(self.norm_fused(token), aged, bias)
        token = token + self.feed(self.norm_seen(token))
        result: Tensor = self.norm_out(token)  # bounded, however long it is carried
        return result

    def plain(self) -> TokenFusion:
        """Return it with the one query folded into the frame's many keys, in place."""
        assert isinstance(self.into_frame, Attention)
        self.into_frame = self.into_frame.folded()
        return self


class TokenMask(nn.Module):
    """Say at which cells the features agree with the token.

    Args:
        channels: Of token and features.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = channels**-0.5
        self.query = nn.Conv2d(channels, channels, 1)
        self.key = nn.Linear(channels, channels)

    def forward(self, features: Tensor, token: Tensor) -> Tensor:
        """Map (B, C, H, W) and (B, 1, C) to logits (B, 1, H, W)."""
        height, width = features.shape[-2:]
        cells = self.query(features).flatten(2)
        logits: Tensor = (self.key(token) @ cells) * self.scale
        return logits.reshape(len(features), 1, height, width)

    def plain(self) -> FoldedMask:
        """Return the same function with nothing left to compute for each cell but a product."""
        return FoldedMask(self)


class FoldedMask(nn.Module):
    """A mask whose projection of the cells acts on the token instead: see FoldedAttention.

    Args:
        mask: What it is to equal.
    """

    @torch.no_grad()
    def __init__(self, mask: TokenMask) -> None:
        super().__init__()
        query, key = mask.query, mask.key
        channels = key.in_features
        self.ask = nn.Linear(channels, channels)
        self.shift = nn.Linear(channels, 1)
        weight, bias = (
            query.weight[:, :, 0, 0] * mask.scale,
            query.get_parameter("bias") * mask.scale,
        )
        self.ask.weight.copy_(weight.T @ key.weight)
        self.ask.bias.copy_(weight.T @ key.bias)
        self.shift.weight.copy_((bias @ key.weight)[None])
        self.shift.bias.copy_((bias @ key.bias)[None])

    def forward(self, features: Tensor, token: Tensor) -> Tensor:
        """Map (B, C, H, W) and (B, 1, C) to logits (B, 1, H, W)."""
        height, width = features.shape[-2:]
        cells = features.flatten(2).transpose(1, 2)
        logits: Tensor = cells @ self.ask(token).transpose(1, 2) + self.shift(token)
        return logits.reshape(len(features), 1, height, width)
