"""Turn a trained network into the plain convolutions that boards run."""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn

from thermedge.models.layers.rep_conv import RepConv
from thermedge.models.stdtrack import StdTrack


def fused(net: StdTrack) -> StdTrack:
    """Return a network of plain convolutions that computes the same as `net` in eval mode.

    The input is left untouched. Every RepConv becomes one biased convolution and its
    activation; the norm before the head's 1x1 mix is folded into that mix.
    """
    plain = copy.deepcopy(net).eval()
    _replace_branches(plain)
    mix = cast(nn.Sequential, plain.mix)  # it was a RepConv until the line above
    mix[0] = norm_into_next(plain.response_norm, cast(nn.Conv2d, mix[0]))
    plain.response_norm = nn.Identity()  # type: ignore[assignment]
    return plain


def _replace_branches(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, RepConv):
            setattr(module, name, nn.Sequential(merged(child), child.act))
        else:
            _replace_branches(child)


@torch.no_grad()
def merged(rep: RepConv) -> nn.Conv2d:
    """Return one convolution equal to the branches' sum and the norm after it.

    Convolution is linear, so kernels of one size just add, small ones centred in zeros;
    the norm's scale g / sigma multiplies each output's kernel, and its shift
    beta - mean * g / sigma becomes the bias.

    Source: RepVGG (Ding 2021), section 3.3.
    """
    scale, shift = _affine(rep.norm)
    conv = nn.Conv2d(
        rep.branches[0].shape[1],
        rep.branches[0].shape[0],
        rep.side,
        stride=rep.stride,
        padding=rep.side // 2,
    )
    conv.weight.copy_(rep.kernel() * scale[:, None, None, None])
    assert conv.bias is not None
    conv.bias.copy_(shift)
    return conv


@torch.no_grad()
def norm_into_next(norm: nn.BatchNorm2d, conv: nn.Conv2d) -> nn.Conv2d:
    """Return one 1x1 convolution equal to `norm` followed by `conv`.

    Exact only because a 1x1 kernel has no padding, which the norm's shift would not reach.
    """
    assert conv.kernel_size == (1, 1)
    assert conv.bias is not None
    scale, shift = _affine(norm)
    both = copy.deepcopy(conv)
    assert both.bias is not None
    both.weight.copy_(conv.weight * scale[None, :, None, None])
    both.bias.copy_(conv.bias + conv.weight[:, :, 0, 0] @ shift)
    return both


def _affine(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return the (scale, shift) per channel that an eval-mode batch norm applies."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias - norm.running_mean * scale
