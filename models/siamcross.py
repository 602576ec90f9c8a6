"""SiamCross, re-designed small: template and search know of each other before they are compared.

After the paper "SiamCross" (Siamese tracking with cross-aware networks), not a
reproduction: its look-up-table attention, its channel attention between the branches,
its parallel attention with four perceptrons, its box-aligned classification and its four
distances to the edges are kept. Its ResNet-50 is replaced by plain convolutions that run
on small boards, and the distances are multiples of the template target's own sides.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from thermedge.manifest import CropSpec
from thermedge.models.fuse import affine
from thermedge.models.layers.aligned_sampling import AlignedSampling
from thermedge.models.layers.correlation import depthwise_correlation
from thermedge.models.layers.cross_aware import ChannelAttention, LookUp, ellipse_cover
from thermedge.models.layers.parallel_attention import ParallelAttention
from thermedge.models.layers.rep_conv import RepConv
from thermedge.models.net import TrackerNet, check_widths


@dataclass(frozen=True, slots=True, kw_only=True)
class SiamCrossConfig:
    """The widths of one size of the network, and which of its parts it has."""

    stem: int  # channels at stride 2
    middle: int  # channels at stride 4
    features: int  # channels at stride 8
    deep: int  # 3x3 layers at stride 8
    wide: int  # and behind them as many with dilation 2, as the paper's trunk has
    keys: int  # channels of the look-up table's queries and keys
    responses: int  # channels of each depth-wise correlation: one for the score, one for the box
    kernel_cells: int  # side of the correlation's kernel; odd, about 60 % of the target's
    squeezed: int  # channels inside the channel weights
    head: int  # channels of the towers
    aligned: int  # channels of the box-aligned branch
    crop: CropSpec
    # frozen: the channel attention comes from the template's surroundings, so that kernels
    # are cached. online: from every search window, as in the paper. none: plain Siamese.
    cross: Literal["none", "frozen", "online"] = "frozen"
    parallel: bool = True  # the parallel attention
    aligned_share: float = 0.3  # of the aligned score in the score; 0 leaves the branch out

    def __post_init__(self) -> None:
        check_widths(self, may_be_0=("deep", "wide"), odd=("kernel_cells",))


SIZES = {
    "nano": SiamCrossConfig(
        stem=16,
        middle=32,
        features=64,
        deep=1,
        wide=2,
        keys=32,
        responses=64,
        kernel_cells=3,
        squeezed=8,
        head=64,
        aligned=32,
        crop=CropSpec(template_px=88, search_px=160, template_factor=2.2, search_factor=4.0),
    ),
    "base": SiamCrossConfig(
        stem=24,
        middle=48,
        features=96,
        deep=3,
        wide=3,
        keys=32,
        responses=96,
        kernel_cells=5,
        squeezed=8,
        head=96,
        aligned=48,
        crop=CropSpec(template_px=120, search_px=224, template_factor=2.2, search_factor=4.0),
    ),
}

_STRIDE_PX = 8


class Plain(NamedTuple):
    """What the template leaves behind without cross-awareness."""

    kernel: Tensor  # (B, 2 responses, k, k)
    half_px: Tensor  # (B, 4, 1, 1) half the target's sides: left, top, right, bottom


class Aware(NamedTuple):
    """What the template leaves behind; constant between templates."""

    kernel: Tensor  # (B, 2 responses, k, k); online the features (B, features, k, k) it is made of
    half_px: Tensor  # (B, 4, 1, 1) half the target's sides: left, top, right, bottom
    keys: Tensor  # (B, keys, n) of the look-up table
    inside: Tensor  # (B, n, 1) how much of each template cell the target covers


class Maps(NamedTuple):
    """What the head says about every cell of the (S, S) grid."""

    score: Tensor  # (B, 1, S, S) logits
    ltrb: Tensor  # (B, 4, S, S) > 0, from the cell's middle to the edges, search-window px
    aligned: Tensor | None  # (B, 1, S, S) logits: how well the cell's own box fits
    belief: Tensor  # (B, 1, S, S) in [0, 1], both mixed: what the runtime goes by


class SiamCross(TrackerNet):
    """A Siamese tracker whose branches attend to each other before they are correlated."""

    config: SiamCrossConfig

    def __init__(self, config: SiamCrossConfig) -> None:
        super().__init__()
        self.config = config
        c = config
        surroundings = ("context",) if c.cross == "frozen" else ()
        self.template_inputs = ("template", "target_px", *surroundings)  # type: ignore[misc]
        self.trunk = nn.Sequential(
            RepConv(1, c.stem, stride=2),
            RepConv(c.stem, c.middle, stride=2),
            RepConv(c.middle, c.middle),
            RepConv(c.middle, c.features, stride=2),
            *(RepConv(c.features, c.features) for _ in range(c.deep)),
            *(RepConv(c.features, c.features, dilation=2) for _ in range(c.wide)),
        )
        if c.cross != "none":
            self.look_up = LookUp(c.features, c.keys)
            self.mix_channels = ChannelAttention()
        self.compare = Comparison(c.features, 2 * c.responses)
        if c.parallel:
            self.attention = ParallelAttention(c.responses, c.squeezed)
        self.score_tower = _tower(c.responses, c.head)
        self.box_tower = _tower(c.responses, c.head)
        self.score = nn.Conv2d(c.head, 1, 1)
        self.box = nn.Conv2d(c.head, 4, 1)
        nn.init.constant_(self.score.get_parameter("bias"), -4.0)  # few cells hold the target
        nn.init.normal_(self.box.weight, std=0.01)
        nn.init.zeros_(self.box.get_parameter("bias"))
        if c.aligned_share:
            self.sampling = AlignedSampling(c.responses, c.aligned)
            self.aligned = nn.Conv2d(c.aligned, 1, 1)
            nn.init.constant_(self.aligned.get_parameter("bias"), -2.0)

    def template(self, *inputs: Tensor) -> Plain | Aware:
        """Encode template windows (B, 1, template_px, template_px) in [0, 1].

        Args:
            inputs: template, target_px, and context where the attention is frozen.
        """
        window, target_px, *context = inputs
        features = self.trunk(window)
        half_px = torch.cat([target_px, target_px], 1)[:, :, None, None] / 2
        middle = _centre(features, self.config.kernel_cells)
        if self.config.cross == "none":
            return Plain(self.compare.kernel(middle), half_px)
        inside = ellipse_cover(target_px, features.shape[-1], _STRIDE_PX)
        keys = self.look_up.keys(features)
        if self.config.cross == "online":
            return Aware(middle, half_px, keys, inside)
        with torch.no_grad():  # a third trunk to learn through costs time and brings nothing new
            around = self.trunk(context[0])
        mixed = self.mix_channels(middle, self.mix_channels.mixing(around))
        return Aware(self.compare.kernel(mixed), half_px, keys, inside)

    def track(self, *inputs: Tensor) -> Maps:
        """Find the template in search windows (B, 1, search_px, search_px) in [0, 1].

        Args:
            inputs: search, kernel, half_px, and keys and inside if there are any.
        """
        window, kernel, half_px, *known = inputs
        features = self.trunk(window)
        if self.config.cross == "online":
            mixed = self.mix_channels(kernel, self.mix_channels.mixing(features))
            kernel = self.compare.kernel(mixed)
        if self.config.cross != "none":
            features = self.look_up(features, *known)
        score, box = self.compare(features, kernel).chunk(2, 1)
        if self.config.parallel:
            score, box = self.attention(score, box)
        ltrb = half_px * self.box(self.box_tower(box)).float().exp()
        logits, aligned = self.score(self.score_tower(score)), self._aligned(box, ltrb)
        return Maps(logits, ltrb, aligned, self._belief(logits, aligned))

    def graph_outputs(self, maps: Maps) -> dict[str, Tensor]:
        """Return the mixed score and the box."""
        return {"score": maps.belief, "ltrb": maps.ltrb}

    def _aligned(self, box: Tensor, ltrb: Tensor) -> Tensor | None:
        """Return the aligned logits; their loss must not move the box to where it is easy."""
        if not self.config.aligned_share:
            return None
        logits: Tensor = self.aligned(self.sampling(box, ltrb.detach(), _STRIDE_PX))
        return logits

    def _belief(self, score: Tensor, aligned: Tensor | None) -> Tensor:
        if aligned is None:
            return score.sigmoid()
        share = self.config.aligned_share
        return (1 - share) * score.sigmoid() + share * aligned.sigmoid()


class Comparison(nn.Module):
    """Depth-wise correlation of search features with a kernel from the template, and a norm.

    Args:
        features: Channels of both.
        responses: Channels that are compared.
    """

    def __init__(self, features: int, responses: int) -> None:
        super().__init__()
        self.of_template = nn.Conv2d(features, responses, 1)
        self.of_search = nn.Conv2d(features, responses, 1)
        self.norm: nn.Module = nn.BatchNorm2d(responses)

    def kernel(self, features: Tensor) -> Tensor:
        """Return the kernel (B, responses, k, k) of template features (B, C, k, k), odd k."""
        kernel: Tensor = self.of_template(features)
        return kernel

    def forward(self, features: Tensor, kernel: Tensor) -> Tensor:
        """Map search features (B, C, H, W) to (B, responses, H, W)."""
        responses: Tensor = self.norm(depthwise_correlation(self.of_search(features), kernel))
        return responses

    @torch.no_grad()
    def plain(self) -> Comparison:
        """Return the same without norm.

        A channel's response is linear in its search channel, so the norm's scale goes into
        the 1x1 convolution that makes it (zeros beyond the border stay zeros); its shift
        remains. The kernel, which is kept between frames, is the same as before.
        """
        assert isinstance(self.norm, nn.BatchNorm2d)
        scale, shift = affine(self.norm)
        both = copy.deepcopy(self)
        both.of_search.weight.mul_(scale[:, None, None, None])
        both.of_search.get_parameter("bias").mul_(scale)
        both.norm = Shift(shift)
        return both


class Shift(nn.Module):
    """Add one number per channel."""

    def __init__(self, shift: Tensor) -> None:
        super().__init__()
        self.shift = nn.Parameter(shift.clone()[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        return x + self.shift


def _tower(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(RepConv(inputs, outputs), RepConv(outputs, outputs))


def _centre(features: Tensor, side: int) -> Tensor:
    margin = (features.shape[-1] - side) // 2
    return features[..., margin : margin + side, margin : margin + side]
