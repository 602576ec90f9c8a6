"""Where targets stand out: a coarse map from deep layers, refined step by step."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from thermedge.models.fuse import affine
from thermedge.models.layers.rep_conv import RepConv

STEPS = 2  # residual refinements, figure 1(c) of FGSGT


class Saliency(nn.Module):
    """Predict saliency, then add to it what shallow and deep layers see, in turns.

    Args:
        shallow: Channels of the shallow maps, at strides 2, 4 and 8.
        deep: Channels of the deep maps, all at stride 8.
        width: Channels inside.

    Source: the recurrent residual refinement of FGSGT. The paper works at stride 2; a
        quarter of its cells is enough to lead a grid of stride 8.
    """

    def __init__(self, shallow: Sequence[int], deep: Sequence[int], width: int) -> None:
        super().__init__()
        self.low, self.high = LayerFusion(shallow, width), LayerFusion(deep, width)
        self.first = nn.Conv2d(width, 1, 1)
        self.refine = nn.ModuleList(_refinement(width) for _ in range(STEPS))
        nn.init.constant_(self.first.get_parameter("bias"), -2.0)  # most cells are background

    def forward(self, shallow: Sequence[Tensor], deep: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return logits (B, 1, H, W): the first at stride 8, its refinements at stride 4.

        Args:
            shallow: Maps at strides 2, 4 and 8.
            deep: Maps at stride 8.
        """
        low = self.low(shallow, shallow[1].shape[-1])
        high = self.high(deep, deep[0].shape[-1])
        maps = [self.first(high)]
        salient, high = _doubled(maps[0]), _doubled(high)
        for step, refine in enumerate(self.refine):
            seen = high if step % 2 else low
            salient = salient + refine(torch.cat([salient, seen], 1))
            maps.append(salient)
        return tuple(maps)


class LayerFusion(nn.Module):
    """Stack maps of several strides, merge them by a 1x1, and look twice by a 3x3.

    A 1x1 over stacked maps is the sum of a 1x1 over each. It moves nothing sideways, and
    pooling or enlarging treats all channels alike, so each 1x1 runs at its own map's
    stride, on all channels, and only its few outputs are resized.

    Args:
        channels: Of each map.
        width: Channels of the result.
    """

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.reduce = nn.ModuleList(nn.Conv2d(c, width, 1, bias=False) for c in channels)
        self.norm = nn.BatchNorm2d(width)
        self.act = nn.PReLU(width)
        self.look = nn.Sequential(
            RepConv(width, width, kernels=(3,), act=nn.PReLU(width)),
            RepConv(width, width, kernels=(3,), act=nn.PReLU(width)),
        )

    def forward(self, maps: Sequence[Tensor], side: int) -> Tensor:
        """Map one map per layer, sides `side`, twice or half of it, to (B, width, side, side)."""
        small = [_resized(reduce(m), side) for reduce, m in zip(self.reduce, maps, strict=True)]
        merged: Tensor = self.look(self.act(self.norm(sum(small))))
        return merged

    @torch.no_grad()
    def plain(self) -> LayerFusion:
        """Return the same without the norm.

        Its scale goes into the kernel of every map. Its shift becomes the bias of the
        first, which passes pooling and enlarging unchanged, as any constant does.
        """
        plain = copy.deepcopy(self)
        scale, shift = affine(self.norm)
        for conv in plain.reduce:
            conv.get_parameter("weight").mul_(scale[:, None, None, None])
        plain.reduce[0].register_parameter("bias", nn.Parameter(shift))
        plain.norm = nn.Identity()  # type: ignore[assignment]
        return plain


def _refinement(width: int) -> nn.Sequential:
    """Return what tells a saliency map's faults from the map on top of `width` features."""
    return nn.Sequential(
        RepConv(width + 1, width, kernels=(3,), act=nn.LeakyReLU(0.25)),
        RepConv(width, width, kernels=(3,), act=nn.LeakyReLU(0.25)),
        nn.Conv2d(width, 1, 1),
    )


def _resized(x: Tensor, side: int) -> Tensor:
    if x.shape[-1] == side:
        return x
    return functional.avg_pool2d(x, 2) if x.shape[-1] > side else _doubled(x)


def _doubled(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
