"""Compare a search map with a template: depth-wise and cell by cell."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def depthwise_correlation(search: Tensor, kernel: Tensor) -> Tensor:
    """Slide each template channel over its search channel, keeping the map's size.

    Args:
        search: (B, C, H, W).
        kernel: (B, C, k, k), odd k.

    Returns:
        (B, C, H, W); beyond the border the search map counts as zero.

    Source: SiamRPN++ (Li 2019) section 3.4.
    """
    batch, channels, height, width = search.shape
    side = kernel.shape[-1]
    response = functional.conv2d(
        search.reshape(1, batch * channels, height, width),
        kernel.reshape(batch * channels, 1, side, side),
        padding=side // 2,
        groups=batch * channels,
    )
    return response.reshape(batch, channels, height, width)


def cellwise_correlation(search: Tensor, cells: Tensor) -> Tensor:
    """Return how much every search cell resembles every template cell.

    Args:
        search: (B, C, H, W).
        cells: (B, n, C), one row per template cell.

    Returns:
        (B, n, H, W).

    Source: pixel-wise correlation of Alpha-Refine (Yan 2021) section 3.2.
    """
    batch, channels, height, width = search.shape
    response = cells @ search.reshape(batch, channels, height * width)
    return response.reshape(batch, -1, height, width)
