"""FGSGT, re-designed small: parallel convolutions, channels that agree, saliency that leads.

After the paper "FGSGT", not a reproduction: its fine-grained parallel blocks, its bilinear
fusion of layers, its saliency maps with residual refinements and its response levels are
kept. The ResNet-50 under them is replaced by a few plain convolutions, anchors by distances
to the box's edges in multiples of the template target's own sides; activations follow the sums
of the parallel kernels, so that each pair is one convolution on the board. Saliency leads the
correlation here, which the paper leaves open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from thermedge.manifest import CropSpec
from thermedge.models.layers.channel_gate import BilinearGate
from thermedge.models.layers.correlation import depthwise_correlation
from thermedge.models.layers.level_mix import LevelMix
from thermedge.models.layers.parallel_block import SLOPE, HalvingParallelBlock, ParallelBlock
from thermedge.models.layers.rep_conv import RepConv
from thermedge.models.layers.saliency import Saliency
from thermedge.models.net import TrackerNet, check_widths


@dataclass(frozen=True, slots=True, kw_only=True)
class FgsgtConfig:
    """The widths of one size of the network, and what can be left out of it to compare."""

    stem: int  # channels at stride 2
    middle: int  # channels at stride 4
    inner: int  # channels inside the parallel blocks; even
    features: int  # channels at stride 8
    deep: int  # dilated layers behind the parallel blocks
    compared: int  # channels of each layer that the bilinear gate compares
    salient: int  # channels inside the saliency maps
    neck: int  # channels of each level
    kernels: int  # channels of each level's correlation
    kernel_cells: int  # side of the correlation's kernels, cells; odd: about the target
    head: int  # channels of the head
    crop: CropSpec
    parallel: bool = True  # False: plain 3x3 convolutions in place of the parallel kernels
    # gate: saliency raises what it marks. aux: learned beside, not exported. off: none.
    saliency: Literal["gate", "aux", "off"] = "gate"

    def __post_init__(self) -> None:
        check_widths(self, may_be_0=("deep",), odd=("kernel_cells",), multiples={"inner": 2})


SIZES = {
    "nano": FgsgtConfig(
        stem=16,
        middle=32,
        inner=32,
        features=48,
        deep=2,
        compared=24,
        salient=16,
        neck=32,
        kernels=32,
        kernel_cells=5,
        head=48,
        crop=CropSpec(template_px=88, search_px=160, template_factor=2.2, search_factor=4.0),
    ),
    "base": FgsgtConfig(
        stem=24,
        middle=48,
        inner=64,
        features=96,
        deep=2,
        compared=32,
        salient=24,
        neck=64,
        kernels=48,
        kernel_cells=7,
        head=88,
        crop=CropSpec(template_px=120, search_px=224, template_factor=2.2, search_factor=4.0),
    ),
}

_LEVELS = 3


class TemplateTensors(NamedTuple):
    """What the template leaves behind; constant between templates."""

    kernel: Tensor  # (B, levels * kernels, k, k)
    half_px: Tensor  # (B, 4, 1, 1) half the target's sides: left, top, right, bottom


class Maps(NamedTuple):
    """What the head says about every cell of the (S, S) grid."""

    score: Tensor  # (B, 1, S, S) logits
    ltrb: Tensor  # (B, 4, S, S) from the cell's middle to the box's edges, window px, above 0
    saliency: tuple[Tensor, ...]  # logits (B, 1, S, S), then twice the side; empty: off


class Answers(NamedTuple):
    """The maps of a training batch; the template's saliency is learned too."""

    score: Tensor
    ltrb: Tensor
    saliency: tuple[Tensor, ...]
    template_saliency: tuple[Tensor, ...]  # as `saliency`, on the template's grid


class Fgsgt(TrackerNet):
    """A Siamese tracker that correlates three layers, where saliency leads it."""

    template_inputs: ClassVar[tuple[str, ...]] = ("template", "target_px")
    config: FgsgtConfig

    def __init__(self, config: FgsgtConfig) -> None:
        super().__init__()
        self.config = config
        c = config
        self.stem = RepConv(1, c.stem, stride=2)
        self.middle = RepConv(c.stem, c.middle, stride=2)
        self.halve = HalvingParallelBlock(c.middle, c.features, c.inner, parallel=c.parallel)
        self.refine = ParallelBlock(c.features, c.inner, parallel=c.parallel)
        self.refine_again = ParallelBlock(c.features, c.inner, parallel=c.parallel)
        self.deep = nn.Sequential(
            *(RepConv(c.features, c.features, dilation=2) for _ in range(c.deep))
        )
        self.gate = BilinearGate(c.features, c.compared)
        self.saliency = _saliency_of(c)
        self.neck = nn.ModuleList(
            RepConv(c.features, c.neck, kernels=(1,), act=nn.Identity()) for _ in range(_LEVELS)
        )
        self.template_encoder = nn.ModuleList(
            RepConv(c.neck, c.kernels, kernels=(3,), act=nn.Identity()) for _ in range(_LEVELS)
        )
        self.search_encoder = nn.ModuleList(
            RepConv(c.neck, c.kernels, kernels=(3,), act=nn.LeakyReLU(SLOPE))
            for _ in range(_LEVELS)
        )
        self.score_tower = _tower(c, layers=1)
        self.box_tower = _tower(c, layers=2)  # edges lie cells away from the middle
        self.score = nn.Conv2d(c.head, 1, 1)
        self.box = nn.Conv2d(c.head, 4, 1)
        nn.init.constant_(self.score.get_parameter("bias"), -3.0)  # few cells hold the target
        nn.init.normal_(self.box.weight, std=0.01)
        nn.init.zeros_(self.box.get_parameter("bias"))

    def template(self, *inputs: Tensor) -> TemplateTensors:
        """Encode template windows (B, 1, template_px, template_px) in [0, 1].

        Args:
            inputs: template, target_px.
        """
        window, target_px = inputs
        levels, _ = self._levels(window)
        return self._known(levels, target_px)

    def track(self, *inputs: Tensor) -> Maps:
        """Find the template in search windows (B, 1, search_px, search_px) in [0, 1].

        Args:
            inputs: search, kernel, half_px.
        """
        window, kernel, half_px = inputs
        levels, saliency = self._levels(window)
        search = torch.cat(_each(self.search_encoder, levels), 1)
        # A kernel as wide as the target blurs its edges; the search map itself shows them.
        seen = torch.cat([depthwise_correlation(search, kernel), search], 1)
        score = self.score(self.score_tower(seen))
        ltrb = half_px * self.box(self.box_tower(seen)).exp()
        return Maps(score, ltrb, saliency)

    def answers(self, batch: Mapping[str, Tensor]) -> Answers:
        """Return the maps of a training batch, with those of its templates."""
        levels, saliency = self._levels(batch["template"])
        maps = self.track(batch["search"], *self._known(levels, batch["target_px"]))
        return Answers(*maps, saliency)

    def graph_outputs(self, maps: Maps) -> dict[str, Tensor]:
        """Return the score as a probability, and the distances."""
        return {"score": maps.score.sigmoid(), "ltrb": maps.ltrb}

    def folded(self) -> None:
        """Drop what only taught: saliency that leads nothing."""
        if self.config.saliency == "aux":
            self.saliency = None

    def _levels(self, window: Tensor) -> tuple[list[Tensor], tuple[Tensor, ...]]:
        """Return the three levels at stride 8, and the saliency logits."""
        fine = self.stem(window)
        half = self.middle(fine)
        x = self.halve(half)
        y = self.refine(x)
        z = self.refine_again(y)
        deep = self.deep(z)
        gate = self.gate((x, y, z))
        z, deep = z * gate, deep * gate
        levels = _each(self.neck, [x, z, deep])
        if self.saliency is None:
            return levels, ()
        saliency = self.saliency((fine, half, x), (z, deep))
        if self.config.saliency == "gate":
            raised = 1 + functional.avg_pool2d(saliency[-1], 2).sigmoid()
            levels = [level * raised for level in levels]
        return levels, saliency

    def _known(self, levels: list[Tensor], target_px: Tensor) -> TemplateTensors:
        side = self.config.kernel_cells
        kernel = torch.cat(_each(self.template_encoder, levels), 1)
        margin = (kernel.shape[-1] - side) // 2
        middle = kernel[..., margin : margin + side, margin : margin + side]
        half_px = torch.cat([target_px, target_px], 1)[:, :, None, None] / 2
        return TemplateTensors(middle / side, half_px)


def _each(layers: nn.ModuleList, maps: list[Tensor]) -> list[Tensor]:
    return [layer(one) for layer, one in zip(layers, maps, strict=True)]


def _saliency_of(c: FgsgtConfig) -> Saliency | None:
    if c.saliency == "off":
        return None
    return Saliency((c.stem, c.middle, c.features), (c.features, c.features), c.salient)


def _tower(c: FgsgtConfig, *, layers: int) -> nn.Sequential:
    act = nn.LeakyReLU(SLOPE)
    return nn.Sequential(
        LevelMix(2 * _LEVELS, c.kernels, c.head, act=act),
        *(RepConv(c.head, c.head, act=act) for _ in range(layers)),
    )
