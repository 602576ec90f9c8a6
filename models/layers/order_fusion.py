"""Fuse the maps of all layers by one scan whose order the maps themselves decide.

A state-space scan reads its tokens one after the other, so the order of the layers counts.
Nothing is moved for it, as a sort would: the scan is cut into chunks, and which layer comes
before which stands in a small matrix (see `scan.mixing`). It may be soft, so it can learn.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from thermedge.models.layers.scan import before_mask, chunked_scan, mixing

Order = Literal["natural", "reverse", "dynamic", "mean"]

_SHARPNESS = 10.0  # of the soft ranks: layers whose scores are .5 apart are in order to 1 %


class OrderFusion(nn.Module):
    """Fuse the maps of n layers into one.

    Args:
        channels: Of the maps.
        layers: n.
        side: S, cells along a side of a map.
        inner: Channels of the scan; a multiple of `heads`.
        heads: Decays per token, each for inner / heads channels.
        states: Width of the state that a channel carries on.
        rows: Rows of a map that make one chunk; a divisor of `side`.
        order: Of the layers: as they are, backwards, as a perceptron ranks them, or the
            mean of the three.

    Source: the all-layer fusion of AINet (AAAI 2026) with the scan of Mamba-2 (Dao 2024).
        The orders share all weights, and the ranks get a gradient, unlike the released
        code of the paper, where sorting stops it. Steps are bounded, by a sigmoid instead
        of a softplus, as in `scan.BidirectionalScan`.
    """

    def __init__(
        self,
        channels: int,
        *,
        layers: int,
        side: int,
        inner: int,
        heads: int,
        states: int = 16,
        rows: int = 2,
        order: Order = "mean",
    ) -> None:
        super().__init__()
        assert side % rows == 0
        self.side, self.rows, self.heads, self.order = side, rows, heads, order
        self.widths = (inner, inner, states, states, heads)
        self.norm = nn.LayerNorm(channels)
        self.enter = nn.Linear(channels, sum(self.widths))
        self.around = nn.Conv2d(inner, inner, 3, padding=1, groups=inner)
        self.log_rate = nn.Parameter(torch.linspace(0, math.log(states), heads))
        self.skip = nn.Parameter(torch.ones(inner))
        self.leave = nn.Linear(inner, channels)
        self.norm_mixed = nn.LayerNorm(channels)
        self.norm_out = nn.LayerNorm(channels)
        if order in ("dynamic", "mean"):
            hidden = channels // 4
            last = nn.Linear(hidden, 1, bias=False)  # a bias would cancel in the comparison
            self.rank = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), last)
        steps = torch.logspace(-3, -1, heads)  # Gu 2023, section 3.6
        with torch.no_grad():
            self.enter.bias[-heads:] = steps.logit()
        self.apart: Tensor
        self.register_buffer("apart", 1 - torch.eye(layers), persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Map (B, n, S * S, channels) to (B, S * S, channels)."""
        mixed = self.norm_mixed(maps + self._scanned(self.norm(maps)))
        result: Tensor = self.norm_out(mixed.sum(1))
        return result

    def orders(self, maps: Tensor) -> list[Tensor]:
        """Return the orders of the layers, (1 or B, n, n): 1 where the column comes first.

        Args:
            maps: (B, n, S * S, channels), normalised.
        """
        natural = before_mask(maps.shape[1], maps)[None]
        chosen = []
        if self.order in ("natural", "mean"):
            chosen.append(natural)
        if self.order in ("reverse", "mean"):
            chosen.append(natural.transpose(1, 2))
        if self.order in ("dynamic", "mean"):
            score = self.rank(maps.mean(2)).float()
            later = torch.sigmoid((score - score.transpose(1, 2)) * _SHARPNESS)
            chosen.append(later * self.apart)
        return chosen

    def _scanned(self, maps: Tensor) -> Tensor:
        values, gate, write, read, step = self.enter(maps).split(self.widths, -1)
        values = self._smoothed(values)
        steps = self._by_head(step.float().sigmoid().flatten(1, 2))
        log_decay = (steps * -self.log_rate.exp()[:, None, None, None]).squeeze(-1)
        heads = self._by_head(values.flatten(1, 2))
        write, read = (self._chunks(part.flatten(1, 2)).unsqueeze(1) for part in (write, read))
        shares = [mixing(log_decay, self._of_chunks(order)) for order in self.orders(maps)]
        mixed = shares[0] if len(shares) == 1 else (shares[0] + shares[1] + shares[2]) / 3
        seen = chunked_scan(heads * steps, log_decay, write, read, mixed)
        seen = seen.permute(0, 2, 3, 1, 4).reshape(values.shape)
        result: Tensor = self.leave((seen + self.skip * values) * functional.silu(gate))
        return result

    def _smoothed(self, values: Tensor) -> Tensor:
        """Mix neighbours of a map, across its chunks but never across layers: it has no order."""
        channels, side = values.shape[-1], self.side
        images = values.flatten(0, 1).transpose(1, 2).reshape(-1, channels, side, side)
        mixed = functional.silu(self.around(images))
        return mixed.flatten(2).transpose(1, 2).reshape(values.shape)

    def _of_chunks(self, order: Tensor) -> Tensor:
        """Return the order of all chunks, (., 1, n k, n k), for one of the n layers."""
        layers, chunks = order.shape[-1], self.side // self.rows
        own = before_mask(chunks, order)[None, :, None, :] * (1 - self.apart)[:, None, :, None]
        among = order[:, :, None, :, None] + own
        return among.reshape(-1, 1, layers * chunks, layers * chunks)

    def _chunks(self, x: Tensor) -> Tensor:
        """Cut (B, tokens, C) into (B, chunks, tokens of one, C)."""
        return x.reshape(len(x), -1, self.rows * self.side, x.shape[-1])

    def _by_head(self, x: Tensor) -> Tensor:
        """Cut (B, tokens, C) into (B, heads, chunks, tokens of one, C / heads)."""
        parts = self._chunks(x)
        return parts.reshape(*parts.shape[:3], self.heads, -1).permute(0, 3, 1, 2, 4)
