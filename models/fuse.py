"""The algebra that turns a trained network into the plain operations that boards run."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from thermedge.models.net import TrackerNet

    Net = TypeVar("Net", bound=TrackerNet)


def fused(net: Net) -> Net:
    """Return a network of plain operations that computes the same as `net` in eval mode.

    The input is left untouched. Every layer that has a `plain()` of its own is replaced
    by what that returns, inner layers first; then the network folds what is left.
    """
    plain = copy.deepcopy(net).eval()
    _replace_layers(plain)
    plain.folded()
    return plain


def _replace_layers(module: nn.Module) -> None:
    for name, child in module.named_children():
        _replace_layers(child)
        plain = getattr(child, "plain", None)
        if callable(plain):
            setattr(module, name, plain())


@torch.no_grad()
def with_norm(
    kernel: Tensor, norm: nn.BatchNorm2d, *, bias: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the (kernel, bias) of one convolution equal to a convolution and the norm after it.

    The norm's scale g / sigma multiplies each output's kernel, and its shift
    beta - mean * g / sigma becomes the bias.

    Args:
        kernel: (outputs, inputs / groups, kh, kw).
        norm: Over the outputs, in eval mode.
        bias: (outputs,) of the convolution itself, if it has one.

    Source: RepVGG (Ding 2021), section 3.3.
    """
    scale, shift = affine(norm)
    moved = shift if bias is None else shift + bias * scale
    return kernel * scale[:, None, None, None], moved


@torch.no_grad()
def convolution(
    kernel: Tensor, bias: Tensor, *, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Conv2d:
    """Return a convolution with this kernel and bias that keeps the map's size over stride."""
    outputs, inputs, height, width = kernel.shape
    conv = nn.Conv2d(
        inputs * groups,
        outputs,
        (height, width),
        stride=stride,
        dilation=dilation,
        padding=(dilation * (height // 2), dilation * (width // 2)),
        groups=groups,
    )
    conv.weight.copy_(kernel)
    assert conv.bias is not None
    conv.bias.copy_(bias)
    return conv


@torch.no_grad()
def norm_into_next(norm: nn.BatchNorm2d, conv: nn.Conv2d) -> nn.Conv2d:
    """Return one 1x1 convolution equal to `norm` followed by `conv`.

    Exact only because a 1x1 kernel has no padding, which the norm's shift would not reach.
    """
    assert conv.kernel_size == (1, 1)
    assert conv.bias is not None
    scale, shift = affine(norm)
    both = copy.deepcopy(conv)
    assert both.bias is not None
    both.weight.copy_(conv.weight * scale[None, :, None, None])
    both.bias.copy_(conv.bias + conv.weight[:, :, 0, 0] @ shift)
    return both


@torch.no_grad()
def affine(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return the (scale, shift) per channel that an eval-mode batch norm applies."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias - norm.running_mean * scale


def composed(first: Tensor, second: Tensor) -> Tensor:
    """Return the kernel of one convolution equal to two in a row, with nothing between.

    K[o, i] is the sum over m of the full convolution of first[m, i] with second[o, m].
    It can be learned through. At the border it is exact when the first convolution has no
    bias and each padding keeps the map's size along an axis that only one of the two
    kernels reaches along (a row and a column); a 1x1 on either side is such a case.

    Args:
        first: (between, inputs, kh, kw).
        second: (outputs, between, lh, lw).

    Returns:
        (outputs, inputs, kh + lh - 1, kw + lw - 1).

    Source: Diverse Branch Block (Ding 2021), section 3.2.
    """
    reach = (second.shape[2] - 1, second.shape[3] - 1)
    flipped = second.flip(2, 3)
    return nn.functional.conv2d(first.transpose(0, 1), flipped, padding=reach).transpose(0, 1)


@torch.no_grad()
def stacked(convs: list[nn.Conv2d]) -> nn.Conv2d:
    """Return one convolution whose outputs are those of all `convs`, one after another.

    They read the same input, so their kernels stack on the axis of outputs.

    Args:
        convs: Same inputs, kernel size, stride and dilation; no groups; with bias.
    """
    kernel = torch.cat([conv.weight for conv in convs])
    bias = torch.cat([conv.get_parameter("bias") for conv in convs])
    (stride, _), (dilation, _) = convs[0].stride, convs[0].dilation
    return convolution(kernel, bias, stride=stride, dilation=dilation)
