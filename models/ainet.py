"""AINet, re-designed small: thermal and visible through one encoder, all layers fused.

After the paper "AINet" (AAAI 2026) and its released code, not a reproduction. Kept: one
encoder for both modalities, a difference-based fusion after every layer, and the
order-dynamic fusion of all layers. Changed for small boards: a convolutional stem, a
narrow and shallow transformer in which the template never looks at the search window
(so that all it says is kept), scans along rows and columns, and a head on a grid twice as
fine as the tokens', which compares cells of the stem as well. The visible picture is grey.
Where it is missing, the thermal one stands in for it: the difference is 0 then, and the
network is trained for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from thermedge.manifest import CropSpec
from thermedge.models.fuse import norm_into_next
from thermedge.models.layers.correlation import cellwise_correlation
from thermedge.models.layers.difference_fusion import DifferenceFusion, Joined
from thermedge.models.layers.order_fusion import OrderFusion
from thermedge.models.layers.rep_conv import RepConv
from thermedge.models.layers.transformer import Block, Known
from thermedge.models.net import TrackerNet, check_widths

_HEAD_WIDTH = 32  # channels of one head of a scan, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class AiNetConfig:
    """The widths of one size of the network, and what can be switched off."""

    stem: int  # channels at stride 2
    middle: int  # channels at stride 4
    features: int  # channels at stride 8
    channels: int  # of the tokens, at stride 16
    depth: int  # transformer layers
    heads: int  # of attention; a divisor of `channels`
    gate: int  # channels scanned for the difference
    inner: int  # channels scanned for the order; a multiple of 32
    cells: int  # channels of the cell-wise comparison
    passed: int  # channels of each modality's stem that go to the head as they are
    head: int  # channels of the head
    difference: bool = True  # off: the modalities do not meet before the layers are fused
    order: Literal["mean", "natural", "reverse", "dynamic"] = "mean"  # of the layers
    crop: CropSpec

    def __post_init__(self) -> None:
        check_widths(
            self,
            multiples={"channels": "heads", "gate": self.gate_heads, "inner": _HEAD_WIDTH},
        )

    @property
    def gate_heads(self) -> int:
        """Return how many heads scan for the difference."""
        return -(-self.gate // _HEAD_WIDTH)


SIZES = {
    "nano": AiNetConfig(
        stem=16,
        middle=24,
        features=64,
        channels=64,
        depth=3,
        heads=2,
        gate=32,
        inner=64,
        cells=32,
        passed=24,
        head=56,
        crop=CropSpec(template_px=96, search_px=160, template_factor=2.4, search_factor=4.0),
    ),
    "base": AiNetConfig(
        stem=24,
        middle=40,
        features=80,
        channels=72,
        depth=6,
        heads=3,
        gate=48,
        inner=64,
        cells=48,
        passed=32,
        head=80,
        crop=CropSpec(template_px=128, search_px=224, template_factor=16 / 7, search_factor=4.0),
    ),
}

_TOKEN_PX = 16
_CELL_PX = 8
_COMPARED_CELLS = 6  # the target fills 5 cells of the nano's template window


class TemplateTensors(NamedTuple):
    """What the template leaves behind; constant between templates."""

    keys: Tensor  # (B, 2 * depth, T * T, channels): thermal and visible of every layer
    values: Tensor  # (B, 2 * depth, T * T, channels)
    cells: Tensor  # (B, 2 * 36, cells)


class Maps(NamedTuple):
    """What the head says about every cell of the (S, S) grid."""

    score: Tensor  # (B, 1, S, S) logits
    offset: Tensor  # (B, 2, S, S) target centre minus cell centre, cells
    size: Tensor  # (B, 2, S, S) ln(size in the window / the template target's)
    spread: Tensor  # (B, 2, S, S) ln of the Laplace scale of `size`
    mask: Tensor  # (B, 1, S, S) logits: where the fused layers see the target


class AiNet(TrackerNet):
    """A one-stream tracker of a thermal and a visible picture."""

    template_inputs: ClassVar[tuple[str, ...]] = ("template", "template_visible")
    track_inputs: ClassVar[tuple[str, ...]] = ("search", "search_visible")
    config: AiNetConfig

    def __init__(self, config: AiNetConfig) -> None:
        super().__init__()
        self.config = config
        c = config
        self.stem = nn.Sequential(
            RepConv(1, c.stem, stride=2),
            RepConv(c.stem, c.middle, stride=2),
            RepConv(c.middle, c.middle),
            RepConv(c.middle, c.features, stride=2),
            RepConv(c.features, c.features),
        )
        self.patches = RepConv(c.features, c.channels, stride=2, act=nn.Identity())
        self.template_place = nn.Parameter(_places(c.crop.template_px, c.channels))
        self.search_place = nn.Parameter(_places(c.crop.search_px, c.channels))
        self.blocks = nn.ModuleList(Block(c.channels, c.heads) for _ in range(c.depth))
        self.differences = nn.ModuleList(
            DifferenceFusion(c.channels, inner=c.gate, heads=c.gate_heads)
            for _ in range(c.depth if c.difference else 0)
        )
        self.joined = nn.ModuleList(Joined(c.channels) for _ in range(c.depth))
        self.orders = OrderFusion(
            c.channels,
            layers=c.depth,
            side=c.crop.search_px // _TOKEN_PX,
            inner=c.inner,
            heads=c.inner // _HEAD_WIDTH,
            order=c.order,
        )
        self.template_cells = nn.Conv2d(c.features, c.cells, 1)
        self.search_cells = nn.Conv2d(c.features, c.cells, 1)
        self.search_passed = nn.Conv2d(c.features, c.passed, 1)
        met = c.channels + 2 * (_COMPARED_CELLS**2 + c.passed)
        self.meeting_norm = nn.BatchNorm2d(met)
        self.mix = RepConv(met, c.head, kernels=(1,))
        self.shared = RepConv(c.head, c.head, kernels=(1, 3, 5))
        self.score_tower = RepConv(c.head, c.head)
        self.box_tower = RepConv(c.head, c.head)
        self.score = nn.Conv2d(c.head, 1, 1)
        self.box = nn.Conv2d(c.head, 6, 1)
        self.mask = nn.Conv2d(c.channels, 1, 1)
        nn.init.constant_(self.score.get_parameter("bias"), -4.0)  # few cells hold the target
        nn.init.normal_(self.box.weight, std=0.01)
        nn.init.zeros_(self.box.get_parameter("bias"))

    def template(self, *inputs: Tensor) -> TemplateTensors:
        """Encode template windows, thermal and visible, (B, 1, template_px, template_px) each."""
        features, tokens = self._encoded(inputs, self.template_place)
        side = inputs[0].shape[-1] // _TOKEN_PX
        shown: list[Known] = []
        for layer, block in enumerate(self.blocks):
            tokens, known = block(tokens)
            tokens = self._met(tokens, layer, side)
            shown.append(known)
        both = zip(*shown, strict=True)
        keys, values = (torch.cat([_apart(part) for part in of], 1) for of in both)
        cells = _centre(self.template_cells(features), _COMPARED_CELLS).flatten(2)
        scale = self.config.cells**-0.5  # keeps the sum over channels near 1
        return TemplateTensors(keys, values, _apart(cells.transpose(1, 2) * scale).flatten(1, 2))

    def track(self, *inputs: Tensor) -> Maps:
        """Find the template in search windows (B, 1, search_px, search_px) in [0, 1].

        Args:
            inputs: search, search_visible, keys, values, cells.
        """
        thermal, visible, keys, values, cells = inputs
        features, tokens = self._encoded((thermal, visible), self.search_place)
        side = thermal.shape[-1] // _TOKEN_PX
        fused = []
        for layer, block in enumerate(self.blocks):
            both = slice(2 * layer, 2 * layer + 2)
            tokens, _ = block(tokens, (keys[:, both].flatten(0, 1), values[:, both].flatten(0, 1)))
            tokens = self._met(tokens, layer, side)
            fused.append(self.joined[layer](*_apart(tokens).unbind(1)))
        seen = self.orders(torch.stack(fused, 1)).transpose(1, 2).unflatten(2, (side, side))
        return self._head(features, cells, seen)

    def graph_outputs(self, maps: Maps) -> dict[str, Tensor]:
        """Return the head's maps, the score as a probability."""
        return {
            "score": maps.score.sigmoid(),
            "offset": maps.offset,
            "size": maps.size,
            "spread": maps.spread,
        }

    def folded(self) -> None:
        """Fold the norm before the head into the 1x1 mix behind it."""
        self.mix[0] = norm_into_next(self.meeting_norm, self.mix[0])  # type: ignore[index,operator]
        self.meeting_norm = nn.Identity()  # type: ignore[assignment]

    def _encoded(self, windows: tuple[Tensor, ...], place: Tensor) -> tuple[Tensor, Tensor]:
        """Return stem maps and tokens of (2 B, ...): thermal and visible in turn."""
        features = self.stem(torch.stack(windows, 1).flatten(0, 1))
        return features, self.patches(features).flatten(2).transpose(1, 2) + place

    def _met(self, tokens: Tensor, layer: int, side: int) -> Tensor:
        if not self.config.difference:
            return tokens
        thermal, visible = _apart(tokens).unbind(1)
        mixed = self.differences[layer](thermal, visible, side)
        return torch.stack(mixed, 1).flatten(0, 1)

    def _head(self, features: Tensor, cells: Tensor, seen: Tensor) -> Maps:
        alike = cellwise_correlation(
            self.search_cells(features), cells.reshape(-1, _COMPARED_CELLS**2, cells.shape[-1])
        )
        own = torch.cat([alike, self.search_passed(features)], 1)
        fine = functional.interpolate(seen, scale_factor=2.0, mode="bilinear")
        met = torch.cat([fine, _apart(own).flatten(1, 2)], 1)
        shared = self.shared(self.mix(self.meeting_norm(met)))
        box = self.box(self.box_tower(shared))
        score = self.score(self.score_tower(shared))
        return Maps(score, box[:, :2], box[:, 2:4], box[:, 4:], self.mask(fine))


def _apart(both: Tensor) -> Tensor:
    """Cut (2 B, ...) into (B, 2, ...): thermal, visible."""
    return both.reshape(-1, 2, *both.shape[1:])


def _places(side_px: int, channels: int) -> Tensor:
    return 0.02 * torch.randn((side_px // _TOKEN_PX) ** 2, channels)


def _centre(features: Tensor, side: int) -> Tensor:
    margin = (features.shape[-1] - side) // 2
    return features[..., margin : margin + side, margin : margin + side]
