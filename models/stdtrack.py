"""STDTrack, re-designed small: a convolutional Siamese trunk under a multi-branch head.

After the paper "STDTrack" (arXiv 2601.09078, AAAI 2026), not a reproduction: its
multi-scale 1x1/3x3/5x5 head is kept, its transformer trunk is replaced by plain
convolutions that run on small boards, and size is predicted relative to the template's
box together with its own uncertainty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from thermedge.manifest import CropSpec
from thermedge.models.layers.correlation import cellwise_correlation, depthwise_correlation
from thermedge.models.layers.rep_conv import RepConv

STRIDE_PX = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class StdTrackConfig:
    """The widths of one size of the network."""

    stem: int  # channels at stride 2
    middle: int  # channels at stride 4
    features: int  # channels at stride 8
    deep: int  # 3x3 layers at stride 8
    kernels: int  # channels of the depth-wise correlation
    cells: int  # channels of the cell-wise correlation
    passed: int  # search channels that go to the head as they are
    head: int  # channels of the head
    crop: CropSpec


SIZES = {
    "nano": StdTrackConfig(
        stem=16,
        middle=32,
        features=64,
        deep=3,
        kernels=40,
        cells=48,
        passed=32,
        head=64,
        crop=CropSpec(template_px=88, search_px=160, template_factor=2.2, search_factor=4.0),
    ),
}

_KERNEL_CELLS = 5  # the target fills 40 px of the template window: 5 cells
_COMPARED_CELLS = 7  # one cell of surroundings on every side


class TemplateTensors(NamedTuple):
    """What the template leaves behind; constant between templates."""

    kernel: Tensor  # (B, kernels, 5, 5)
    cells: Tensor  # (B, 49, cells)


class Maps(NamedTuple):
    """What the head says about every cell of the (S, S) grid."""

    score: Tensor  # (B, 1, S, S) logits
    offset: Tensor  # (B, 2, S, S) target centre minus cell centre, cells
    size: Tensor  # (B, 2, S, S) ln(size in the window / the template target's)
    spread: Tensor  # (B, 2, S, S) ln of the Laplace scale of `size`


class StdTrack(nn.Module):
    """A Siamese tracker: `template` once per target, `track` once per frame."""

    def __init__(self, config: StdTrackConfig) -> None:
        super().__init__()
        self.config = config
        c = config
        self.trunk = nn.Sequential(
            RepConv(1, c.stem, stride=2),
            RepConv(c.stem, c.middle, stride=2),
            RepConv(c.middle, c.middle),
            RepConv(c.middle, c.features, stride=2),
            *(RepConv(c.features, c.features) for _ in range(c.deep)),
        )
        self.template_kernel = nn.Conv2d(c.features, c.kernels, 1)
        self.template_cells = nn.Conv2d(c.features, c.cells, 1)
        self.search_kernel = nn.Conv2d(c.features, c.kernels, 1)
        self.search_cells = nn.Conv2d(c.features, c.cells, 1)
        self.search_passed = nn.Conv2d(c.features, c.passed, 1)
        compared = c.kernels + _COMPARED_CELLS**2 + c.passed
        self.response_norm = nn.BatchNorm2d(compared)
        self.mix = RepConv(compared, c.head, kernels=(1,))
        self.shared = RepConv(c.head, c.head, kernels=(1, 3, 5))
        self.score_tower = RepConv(c.head, c.head, kernels=(1, 3))
        self.box_tower = RepConv(c.head, c.head, kernels=(1, 3))
        self.score = nn.Conv2d(c.head, 1, 1)
        self.box = nn.Conv2d(c.head, 6, 1)
        nn.init.constant_(self.score.get_parameter("bias"), -4.0)  # few cells hold the target
        nn.init.normal_(self.box.weight, std=0.01)
        nn.init.zeros_(self.box.get_parameter("bias"))

    def template(self, window: Tensor) -> TemplateTensors:
        """Encode template windows (B, 1, template_px, template_px) in [0, 1]."""
        features = self.trunk(window)
        kernel = _centre(self.template_kernel(features), _KERNEL_CELLS)
        cells = _centre(self.template_cells(features), _COMPARED_CELLS)
        scale = self.config.cells**-0.5  # keeps the sum over channels near 1
        return TemplateTensors(kernel / _KERNEL_CELLS, cells.flatten(2).transpose(1, 2) * scale)

    def track(self, window: Tensor, kernel: Tensor, cells: Tensor) -> Maps:
        """Find the template in search windows (B, 1, search_px, search_px) in [0, 1]."""
        features = self.trunk(window)
        compared = torch.cat(
            [
                depthwise_correlation(self.search_kernel(features), kernel),
                cellwise_correlation(self.search_cells(features), cells),
                self.search_passed(features),
            ],
            dim=1,
        )
        shared = self.shared(self.mix(self.response_norm(compared)))
        box = self.box(self.box_tower(shared))
        return Maps(self.score(self.score_tower(shared)), box[:, :2], box[:, 2:4], box[:, 4:])


def _centre(features: Tensor, side: int) -> Tensor:
    margin = (features.shape[-1] - side) // 2
    return features[..., margin : margin + side, margin : margin + side]
