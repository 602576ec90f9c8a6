"""How far the sizes of targets like this one leave the first size: a head of its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from thermedge.models.layers.rep_conv import RepConv

_FIRST = (-3.2, 2.0)  # before anything is learned: sizes change by 20 %, or as measured


class ChangeHead(nn.Module):
    """Tell for every cell what `runtime.decode.Change` says, from the cell and the whole picture.

    A cell shows how sure a size is there; what kind of target this is, before what kind of
    background and on what kind of camera, the mean over all cells and the token say better.

    Args:
        channels: Of the features and the token.
        width: Of the layer between.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.here = RepConv(channels, width, kernels=(1,), act=nn.Identity())
        self.whole = nn.Sequential(
            nn.Linear(2 * channels, channels), nn.ReLU(), nn.Linear(channels, width)
        )
        self.last = nn.Conv2d(width, 2, 1)
        nn.init.normal_(self.last.weight, std=0.01)
        self.last.get_parameter("bias").data = torch.tensor(_FIRST)

    def forward(self, cells: Tensor, features: Tensor, token: Tensor) -> Tensor:
        """Return (B, 2, S, S): ln of the floor, and logit of the share.

        Args:
            cells: (B, C, S, S) that the size is read from.
            features: (B, C, S, S) of the whole window.
            token: (B, 1, C) of the target as it looks now.
        """
        seen = torch.cat([features.mean((2, 3)), token[:, 0]], 1)
        told: Tensor = self.last((self.here(cells) + self.whole(seen)[:, :, None, None]).relu())
        return told
