"""Tokens of a target: what the frames before say, and where this frame agrees."""

from __future__ import annotations

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
        self.into_frame = Attention(channels, heads)
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
