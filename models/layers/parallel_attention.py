"""Two attentions side by side: over channels for the score, over places for the box."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from thermedge.models.fuse import stacked

GAINS = (1.0, 1.0, 1.0, 0.05)  # of the four perceptrons: SiamCross, its gamma
_SIDE = 7  # cells that a perceptron sees, a side


class ParallelAttention(nn.Module):
    """Weigh the channels of the score's features, and gate the places for the box's.

    What the box is read from are the score's weighed channels under the gates of four
    single-layer perceptrons; they see the strength of the box's own features.

    Args:
        channels: Of both features.
        squeezed: Channels in the middle of the channel weights' perceptron.

    Source: SiamCross, section on parallel cross attention, equations 8 to 9; pooled from
        the box's features, as its text says. Channel weights of CBAM (Woo 2018).
    """

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.weigh = ChannelWeights(channels, squeezed)
        self.perceptrons = nn.ModuleList(nn.Conv2d(1, 1, _SIDE, padding=_SIDE // 2) for _ in GAINS)

    def forward(self, score: Tensor, box: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (B, C, H, W) for the score and for the box."""
        weighed = self.weigh(score)
        strength = _strength(box)
        gated = torch.zeros_like(weighed)
        for gain, perceptron in zip(GAINS, self.perceptrons, strict=True):
            gated = gated + gain * (perceptron(strength).sigmoid() * weighed)
        return weighed, gated

    def plain(self) -> GatedAttention:
        """Return the same with one convolution and one product instead of four.

        All perceptrons look at one map, so they are one convolution with four outputs;
        and sum_i gain_i (gate_i * f) = (sum_i gain_i gate_i) * f, a 1x1 convolution.
        """
        perceptrons = [conv for conv in self.perceptrons if isinstance(conv, nn.Conv2d)]
        return GatedAttention(self.weigh, stacked(perceptrons), GAINS)


class GatedAttention(nn.Module):
    """The fused form of `ParallelAttention`."""

    def __init__(self, weigh: nn.Module, gates: nn.Conv2d, gains: Sequence[float]) -> None:
        super().__init__()
        self.weigh, self.gates = weigh, gates
        self.total = nn.Conv2d(len(gains), 1, 1, bias=False)
        with torch.no_grad():
            self.total.weight.copy_(torch.tensor(gains).reshape(1, -1, 1, 1))

    def forward(self, score: Tensor, box: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (B, C, H, W) for the score and for the box."""
        weighed: Tensor = self.weigh(score)
        gate = self.total(self.gates(_strength(box)).sigmoid())
        return weighed, gate * weighed


class ChannelWeights(nn.Module):
    """Weigh channels by what their mean and their peak say, with one shared perceptron.

    Its second layer is linear: it is applied once, to the sum of both hidden layers.
    """

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, squeezed)
        self.excite = nn.Linear(squeezed, channels)

    def forward(self, features: Tensor) -> Tensor:
        """Return (B, C, H, W), every channel times its weight in [0, 1]."""
        pooled = torch.stack([features.mean((2, 3)), features.amax((2, 3))], 1)
        weights = self.excite(self.squeeze(pooled).relu().sum(1)).sigmoid()
        weighed: Tensor = features * weights[:, :, None, None]
        return weighed


def _strength(features: Tensor) -> Tensor:
    """Return (B, 1, H, W): mean plus peak over the channels."""
    return features.mean(1, keepdim=True) + features.amax(1, keepdim=True)
