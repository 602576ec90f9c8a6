"""A 3x3 convolution whose nine points lie on the box that a cell predicts."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from thermedge.models.layers.rep_conv import RepConv


class AlignedSampling(nn.Module):
    """Look at features at the corners, the edges and the middle of every cell's box.

    A deformable convolution whose offsets are known. The nine samples of a cell become
    channels, so that what is left is a 1x1 convolution; its input 9 c + 3 y + x is point
    (y, x) of channel c. In this form it is GridSample, which ONNX Runtime and TensorRT
    both have; they do not share a deformable convolution.

    Args:
        inputs: Channels in.
        outputs: Channels out, after norm and ReLU.

    Source: SiamCross equation 10; Ocean (Zhang 2020) section 3.2.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.mix = RepConv(9 * inputs, outputs, kernels=(1,))

    def forward(self, features: Tensor, ltrb: Tensor, stride_px: int) -> Tensor:
        """Map (B, inputs, S, S) to (B, outputs, S, S).

        Args:
            features: Beyond the border they count as zero.
            ltrb: (B, 4, S, S), px from each cell's middle to the edges of its box.
            stride_px: Between cells.
        """
        grid = nine_points(ltrb, stride_px)
        sampled = functional.grid_sample(
            features.to(grid.dtype), grid, mode="bilinear", align_corners=False
        )
        side = features.shape[-1]
        mixed: Tensor = self.mix(sampled.reshape(len(features), -1, side, side))
        return mixed


def nine_points(ltrb: Tensor, stride_px: int) -> Tensor:
    """Return (B, 9 S, S, 2): x, y of the points of all cells; the window is -1 to 1.

    Row (3 y + x) S + i holds point (y, x) of the cells in row i: four axes are all that
    TensorRT's GridSample takes.
    """
    batch, _, side, _ = ltrb.shape
    middles = (torch.arange(side, device=ltrb.device) + 0.5) * (2 / side) - 1
    here = torch.stack([middles.expand(side, side), middles[:, None].expand(side, side)])
    edges = ltrb * (2 / (side * stride_px))
    low, high = here - edges[:, :2], here + edges[:, 2:]
    across, down = torch.stack([low, (low + high) / 2, high], 1).unbind(2)  # (B, 3, S, S) each
    shape = (batch, 3, 3, side, side)
    points = torch.stack([across[:, None].expand(shape), down[:, :, None].expand(shape)], -1)
    return points.reshape(batch, 9 * side, side, 2)
