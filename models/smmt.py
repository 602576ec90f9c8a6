"""SMMT, re-designed small: motion features from state-space scans in a Siamese network.

After the paper "SMMT" (Siamese Motion Mamba Tracker, arXiv 2505.04088), not a
reproduction, as its sizes and formulas are not public. Kept are: scans along rows and
columns, both ways, with self-attention, at three scales that are weighted by the target's
size; one stack of convolutions shared by both scan directions, by template and search; a
loss that knows which edges motion smears. The ResNet-50 trunk is replaced by plain
convolutions for small boards, and edges are predicted relative to the template's box.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from thermedge.manifest import CropSpec
from thermedge.models.fuse import norm_into_next
from thermedge.models.layers.correlation import depthwise_correlation
from thermedge.models.layers.motion_mamba import SCALES, RowMotion, ScaleAttention
from thermedge.models.layers.rep_conv import RepConv
from thermedge.models.net import TrackerNet, check_widths


@dataclass(frozen=True, slots=True, kw_only=True)
class SmmtConfig:
    """The widths of one size of the network, and what an ablation can leave out."""

    stem: int  # channels at stride 2
    middle: int  # channels at stride 4
    base: int  # channels at stride 8, before rows and columns part
    deep: int  # 3x3 layers of the base at stride 8
    motion: int  # channels of the motion features, and of the head; a multiple of `heads`
    inner: int  # channels that are scanned; a multiple of `heads`
    states: int  # width of the scans' states
    heads: int  # decays of each scan, parallel attentions
    shared: int  # 3x3 layers that rows, columns, template and search share
    kernels: int  # channels of each correlation
    kernel_cells: int  # side of the correlation kernels, odd: about the target's side
    tower: int  # 3x3 layers of each branch of the head
    crop: CropSpec
    scans: bool = True  # off: only the short convolutions see motion
    attention: bool = True  # off: cells do not look at each other
    edge_gain: float = 1.0  # how much more smeared edges count in the loss; 0: all alike

    def __post_init__(self) -> None:
        check_widths(
            self,
            may_be_0=("deep", "shared", "tower"),
            odd=("kernel_cells",),
            multiples={"motion": "heads", "inner": "heads"},
        )


SIZES = {
    "nano": SmmtConfig(
        stem=16,
        middle=32,
        base=64,
        deep=1,
        motion=48,
        inner=32,
        states=8,
        heads=2,
        shared=2,
        kernels=48,
        kernel_cells=5,
        tower=2,
        crop=CropSpec(template_px=96, search_px=160, template_factor=2.4, search_factor=4.0),
    ),
    "base": SmmtConfig(
        stem=32,
        middle=48,
        base=96,
        deep=2,
        motion=80,
        inner=64,
        states=16,
        heads=2,
        shared=2,
        kernels=64,
        kernel_cells=7,
        tower=2,
        crop=CropSpec(template_px=128, search_px=224, template_factor=16 / 7, search_factor=4.0),
    ),
}

_BOUND = 4.0  # of ln(distance / half the target's side): exp(4) times is more than a window


class TemplateTensors(NamedTuple):
    """What the template leaves behind; constant between templates."""

    score_kernel: Tensor  # (B, kernels, k, k)
    box_kernel: Tensor  # (B, kernels, k, k)
    scale_weights: Tensor  # (B, 3, 3) of columns, rows, attention; each sums to 1 over scales
    half_px: Tensor  # (B, 2) half the target's width and height in the template window


class Maps(NamedTuple):
    """What the head says about every cell of the (S, S) grid, and how it is to learn."""

    score: Tensor  # (B, 1, S, S) logits
    ltrb: Tensor  # (B, 4, S, S) distances to the edges, search-window px
    edge_gain: float


class Branch(nn.Module):
    """Compare the search map with the template's kernel and read one answer off.

    The search features pass by the correlation too: they show edges that it blurs.

    Args:
        config: Of the network.
        outputs: Channels of the answer.
    """

    def __init__(self, config: SmmtConfig, outputs: int) -> None:
        super().__init__()
        c = config
        self.cells = c.kernel_cells
        # The template's map has an even side: its middle (k + 1)^2 cells become k^2, so that
        # the kernel's middle cell lies on the target's centre.
        self.template = nn.Conv2d(c.motion, c.kernels, 2)
        self.search = nn.Conv2d(c.motion, c.kernels, 1)
        self.norm = nn.BatchNorm2d(c.kernels + c.motion)
        self.mix = RepConv(c.kernels + c.motion, c.motion, kernels=(1,))
        self.tower = nn.Sequential(*(RepConv(c.motion, c.motion) for _ in range(c.tower)))
        self.out = nn.Conv2d(c.motion, outputs, 1)

    def kernel(self, features: Tensor) -> Tensor:
        """Return the (B, kernels, k, k) that a template's features are looked for with."""
        margin = (features.shape[-1] - self.cells - 1) // 2
        middle = features[..., margin:-margin, margin:-margin]
        kernel: Tensor = self.template(middle) / self.cells  # keeps the sum over k^2 near 1
        return kernel

    def forward(self, features: Tensor, kernel: Tensor) -> Tensor:
        """Map search features (B, motion, S, S) to (B, outputs, S, S)."""
        response = depthwise_correlation(self.search(features), kernel)
        compared = self.norm(torch.cat([response, features], 1))
        answer: Tensor = self.out(self.tower(self.mix(compared)))
        return answer

    def fold(self) -> None:
        """Fold the norm of what is compared into the 1x1 mix behind it, in place."""
        self.mix[0] = norm_into_next(self.norm, self.mix[0])  # type: ignore[index,operator]
        self.norm = nn.Identity()  # type: ignore[assignment]


class Smmt(TrackerNet):
    """A Siamese tracker whose features know how rows and columns go on."""

    template_inputs: ClassVar[tuple[str, ...]] = ("template", "target_px")

    config: SmmtConfig

    def __init__(self, config: SmmtConfig) -> None:
        super().__init__()
        self.config = config
        c = config
        self.base = nn.Sequential(
            RepConv(1, c.stem, stride=2),
            RepConv(c.stem, c.middle, stride=2),
            RepConv(c.middle, c.middle),
            RepConv(c.middle, c.base, stride=2),
            *(RepConv(c.base, c.base) for _ in range(c.deep)),
        )
        self.columns, self.rows = (
            RowMotion(
                c.base,
                c.motion,
                inner=c.inner,
                heads=c.heads,
                states=c.states,
                has_scans=c.scans,
            )
            for _ in range(2)
        )
        self.shared = nn.Sequential(*(RepConv(c.motion, c.motion) for _ in range(c.shared)))
        self.attention = ScaleAttention(c.motion, heads=c.heads, has_attention=c.attention)
        self.neck = RepConv(3 * c.motion, c.motion, kernels=(1,))
        self.scale_weights = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 3 * SCALES))
        self.score, self.box = Branch(c, 1), Branch(c, 4)
        nn.init.constant_(self.score.out.get_parameter("bias"), -4.0)  # few cells hold the target
        nn.init.normal_(self.box.out.weight, std=0.01)
        nn.init.zeros_(self.box.out.get_parameter("bias"))

    def template(self, *inputs: Tensor) -> TemplateTensors:
        """Encode template windows (B, 1, template_px, template_px), and their targets' px (B, 2).

        The windows are cut so that all targets fill the same area. What the scale weights
        can tell from width and height is therefore the shape: how far a target reaches
        along rows, and how far along columns.
        """
        window, target_px = inputs
        crop = self.config.crop
        side = crop.template_px / crop.template_factor
        logits = self.scale_weights(target_px / side).unflatten(1, (3, SCALES))
        weights = logits.softmax(-1)
        features = self._features(window, weights)
        return TemplateTensors(
            self.score.kernel(features), self.box.kernel(features), weights, target_px / 2
        )

    def track(self, *inputs: Tensor) -> Maps:
        """Find the template in search windows (B, 1, search_px, search_px) in [0, 1].

        Args:
            inputs: search, and the fields of `TemplateTensors`.
        """
        window, score_kernel, box_kernel, weights, half_px = inputs
        features = self._features(window, weights)
        raw = self.box(features, box_kernel).float()
        over_half = torch.exp(_BOUND * torch.tanh(raw / _BOUND))
        ltrb = over_half * torch.cat([half_px, half_px], 1)[:, :, None, None]
        return Maps(self.score(features, score_kernel), ltrb, self.config.edge_gain)

    def graph_outputs(self, maps: Maps) -> dict[str, Tensor]:
        """Return the head's maps, the score as a probability."""
        return {"score": maps.score.sigmoid(), "ltrb": maps.ltrb}

    def folded(self) -> None:
        """Fold the norms of both branches."""
        self.score.fold()
        self.box.fold()

    def _features(self, window: Tensor, weights: Tensor) -> Tensor:
        """Return the (B, motion, S, S) motion features of windows."""
        base = self.base(window)
        down = self.columns(base.transpose(2, 3), weights[:, 0]).transpose(2, 3)
        across = self.rows(base, weights[:, 1])
        both = torch.stack([down, across], 1)
        # One run of the shared layers sees columns and rows as two maps of a batch.
        both = self.shared(both.flatten(0, 1)).unflatten(0, (-1, 2))
        attended = self.attention(both.sum(1), weights[:, 2])
        features: Tensor = self.neck(torch.cat([both.flatten(1, 2), attended], 1))
        return features
