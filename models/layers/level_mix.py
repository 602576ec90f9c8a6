"""Weigh the responses of several layers, and mix them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from thermedge.models.fuse import norm_into_next


class LevelMix(nn.Module):
    """Scale each level's responses by a learned weight, then mix all by a 1x1.

    The weights are a softmax over the levels. They scale the kernel in training too,
    which costs nothing per cell.

    Args:
        levels: How many.
        channels: Of each level.
        outputs: Channels out.
        act: After the mix.

    Source: the layer-wise weights of SiamRPN++ (Li 2019) section 3.3, as FGSGT takes them.
    """

    def __init__(self, levels: int, channels: int, outputs: int, *, act: nn.Module) -> None:
        super().__init__()
        self.channels = channels
        self.norm = nn.BatchNorm2d(levels * channels)
        self.level = nn.Parameter(torch.zeros(levels))
        self.mix = nn.Conv2d(levels * channels, outputs, 1)
        nn.init.kaiming_normal_(self.mix.weight)
        self.mix.weight.data *= levels  # a fresh softmax divides by it
        self.act = act

    def forward(self, responses: Tensor) -> Tensor:
        """Map (B, levels * channels, H, W), level after level, to (B, outputs, H, W)."""
        mixed = functional.conv2d(self.norm(responses), self._kernel(), self.mix.bias)
        activated: Tensor = self.act(mixed)
        return activated

    @torch.no_grad()
    def plain(self) -> nn.Sequential:
        """Return one 1x1 convolution and the activation.

        The weight of a level scales the columns of the mix that read it. Softmax of
        parameters is a constant. The norm before goes into the result.
        """
        weighted = nn.Conv2d(self.mix.in_channels, self.mix.out_channels, 1)
        weighted.load_state_dict({"weight": self._kernel(), "bias": self.mix.bias})
        return nn.Sequential(norm_into_next(self.norm, weighted), self.act)

    def _kernel(self) -> Tensor:
        weights = self.level.softmax(0).repeat_interleave(self.channels)
        return self.mix.weight * weights[None, :, None, None]
