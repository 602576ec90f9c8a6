"""Cut windows from windows, inside the network."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def cut_square(windows: Tensor, middle: Tensor, side: Tensor, size_px: int) -> Tensor:
    """Return (B, C, size_px, size_px): a square of each window, resampled bilinearly.

    Inside the windows it is what the runtime cuts; beyond them the nearest pixel is repeated.

    Args:
        windows: (B, C, S, S).
        middle: (B, 2) of the squares, (x, y), px; the middle of the first pixel is 0.5.
        side: (B,) px.
        size_px: Side of what is returned.
    """
    across = torch.arange(size_px, device=windows.device, dtype=side.dtype) + 0.5
    away = (across / size_px - 0.5) * side[:, None]  # (B, size_px)
    scale = 2 / windows.shape[-1]
    x, y = (away + middle[:, axis, None] for axis in (0, 1))
    grid = torch.stack(
        [x[:, None].expand(-1, size_px, -1), y[:, :, None].expand(-1, -1, size_px)], -1
    )
    return functional.grid_sample(
        windows.to(side.dtype), grid * scale - 1, padding_mode="border", align_corners=False
    )
