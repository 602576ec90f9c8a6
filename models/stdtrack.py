"""STDTrack, re-designed small: a token of the target is carried over a convolutional Siamese.

After the paper "STDTrack" (arXiv 2601.09078, AAAI 2026), not a reproduction: its token,
its multi-frame fusion, its mask and its multi-scale 1x1/3x3/5x5 head are kept; its
transformer trunk is replaced by plain convolutions that run on small boards, and size is
predicted relative to the template's box together with its own uncertainty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from thermedge.manifest import CropSpec
from thermedge.models.fuse import norm_into_next, stacked
from thermedge.models.layers.change import ChangeHead
from thermedge.models.layers.correlation import cellwise_correlation, depthwise_correlation
from thermedge.models.layers.rep_conv import RepConv
from thermedge.models.layers.tokens import TokenFusion, TokenMask
from thermedge.models.net import TrackerNet, check_widths
from thermedge.tokens import AGES, age_bucket


@dataclass(frozen=True, slots=True, kw_only=True)
class StdTrackConfig:
    """The widths of one size of the network, and what an ablation can leave out."""

    stem: int  # channels at stride 2
    middle: int  # channels at stride 4
    features: int  # channels at stride 8
    deep: int  # 3x3 layers at stride 8
    kernels: int  # channels of the depth-wise correlation
    cells: int  # channels of the cell-wise correlation
    passed: int  # search channels that go to the head as they are
    head: int  # channels of the head, and of the token
    heads: int  # parallel attentions of the token; a divisor of `head`
    capacity: int  # tokens that the store holds
    crop: CropSpec
    memory: bool = True  # off: the token stays the template's
    mask: bool = True  # off: no token is asked where the target is
    multi_scale: bool = True  # off: 3x3 kernels alone in place of 1x1, 3x3 and 5x5
    change: int = 24  # channels that tell how targets like this one change their size; 0: none

    def __post_init__(self) -> None:
        check_widths(self, may_be_0=("deep", "change"), multiples={"head": "heads"})


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
        heads=2,
        capacity=6,
        crop=CropSpec(template_px=88, search_px=160, template_factor=2.2, search_factor=4.0),
    ),
    "base": StdTrackConfig(
        stem=24,
        middle=48,
        features=96,
        deep=6,
        kernels=64,
        cells=64,
        passed=48,
        head=96,
        heads=3,
        capacity=6,
        crop=CropSpec(template_px=120, search_px=224, template_factor=2.2, search_factor=4.0),
    ),
}

_KERNEL_CELLS = 5  # the target fills 40 px of the nano's template window: 5 cells
_COMPARED_CELLS = 7  # one cell of surroundings on every side


class TemplateTensors(NamedTuple):
    """What the template leaves behind; constant between templates."""

    kernel: Tensor  # (B, kernels, 5, 5)
    cells: Tensor  # (B, 49, cells)
    first_token: Tensor  # (B, 1, head) the target as it looked at first


class Maps(NamedTuple):
    """What the head says about every cell of the (S, S) grid."""

    score: Tensor  # (B, 1, S, S) logits
    offset: Tensor  # (B, 2, S, S) target centre minus cell centre, cells
    size: Tensor  # (B, 2, S, S) ln(size in the window / the template target's)
    spread: Tensor  # (B, 2, S, S) ln of the Laplace scale of `size`
    mask: Tensor  # (B, 1, S, S) logits: where the token sees the target
    token: Tensor  # (B, 1, head) the target as it looks now
    # (B, 2, S, S) how far the size is expected to leave the first one; see `decode.Change`:
    # ln of the variance of small changes, logit of the share of a measured one that is believed
    change: Tensor | None = None


class StdTrack(TrackerNet):
    """A Siamese tracker with a memory of tokens.

    The state of the track graph: `token` (1, 1, C) of the frame before, `store`
    (1, n, C) of older ones, `store_bias` (1, 1, n), 0 for a filled place and -1e4 for an
    empty one, and `store_age` (1, n, 4), one-hot in the buckets of `layers.tokens`.
    """

    carried: ClassVar[Mapping[str, str]] = {"token": "token_next"}
    initial: ClassVar[Mapping[str, str]] = {"token": "first_token"}
    takes_clips: ClassVar[bool] = True

    config: StdTrackConfig

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
        self.shared = RepConv(c.head, c.head, kernels=(1, 3, 5) if c.multi_scale else (3,))
        self.first_token = nn.Linear(c.features, c.head)
        self.fusion = TokenFusion(c.head, c.heads) if c.memory else None
        self.mask = TokenMask(c.head) if c.mask else None
        self.tower = RepConv(c.head, c.head, kernels=(1, 3))
        self.score = nn.Conv2d(c.head, 1, 1)
        self.box = nn.Conv2d(c.head, 6, 1)
        nn.init.constant_(self.score.get_parameter("bias"), -4.0)  # few cells hold the target
        nn.init.normal_(self.box.weight, std=0.01)
        nn.init.zeros_(self.box.get_parameter("bias"))
        # Made last: the same seed gives the other layers the same weights with and without.
        self.change = ChangeHead(c.head, c.change) if c.change else None
        self.both: nn.Conv2d | None = None  # score and box in one, once they are folded

    @property
    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the token inputs, batch 1."""
        n, channels = self.config.capacity, self.config.head
        return {
            "token": (1, 1, channels),
            "store": (1, n, channels),
            "store_bias": (1, 1, n),
            "store_age": (1, n, AGES),
        }

    def template(self, *inputs: Tensor) -> TemplateTensors:
        """Encode template windows (B, 1, template_px, template_px) in [0, 1]."""
        (window,) = inputs
        features = self.trunk(window)
        kernel = _centre(self.template_kernel(features), _KERNEL_CELLS)
        cells = _centre(self.template_cells(features), _COMPARED_CELLS)
        scale = self.config.cells**-0.5  # keeps the sum over channels near 1
        middle = _centre(features, _KERNEL_CELLS).mean((2, 3))
        return TemplateTensors(
            kernel / _KERNEL_CELLS,
            cells.flatten(2).transpose(1, 2) * scale,
            self.first_token(middle)[:, None],
        )

    def track(self, *inputs: Tensor) -> Maps:
        """Find the template in search windows (B, 1, search_px, search_px) in [0, 1].

        Args:
            inputs: search, kernel, cells, token, store, store_bias, store_age.
        """
        window, kernel, cells, token, store, bias, age = inputs
        shared = self._compared(window, kernel, cells)
        if self.fusion is not None:
            token = self.fusion(token, _as_tokens(shared), store, bias, age)
        return self._head(shared, self._mask(shared, token), token)

    def answers(self, batch: Mapping[str, Tensor]) -> Maps:
        """Go through clips of T frames; the token of each frame enters the next one.

        Args:
            batch: `template` (B, 1, T, T), `search` (B, frames, 1, S, S), `present`
                (B, frames): what the runtime's quality gate would let into the store.
                Pairs, which lack the axis of frames, are clips of one frame.
        """
        kernel, cells, first = self.template(batch["template"])
        search, present = batch["search"], batch["present"]
        if search.ndim == 4:
            search, present = search[:, None], present[:, None]
        clips, frames = search.shape[:2]
        each = [part.repeat_interleave(frames, 0) for part in (kernel, cells)]
        shared = self._compared(search.flatten(0, 1), *each)
        shared_of = shared.reshape(clips, frames, *shared.shape[1:])
        token, masks, tokens, kept = first, [], [], [first]
        visible = [torch.ones_like(present[:, 0])]
        for frame in range(frames):
            held = _held(len(kept), self.config.capacity)
            store = torch.cat([kept[place] for place in held], 1)
            open_to = torch.stack([visible[place] for place in held], 1)
            age = _ages([len(kept) - place for place in held], store)
            now = token
            if self.fusion is not None:
                bias = (open_to[:, None] - 1) * 1e4
                now = self.fusion(token, _as_tokens(shared_of[:, frame]), store, bias, age)
            masks.append(self._mask(shared_of[:, frame], now))
            tokens.append(now)
            is_there = present[:, frame, None, None].bool()
            token = torch.where(is_there, now, token)
            kept.append(now)
            visible.append(present[:, frame])
        mask = torch.stack(masks, 1).flatten(0, 1)
        return self._head(shared, mask, torch.stack(tokens, 1).flatten(0, 1))

    def graph_outputs(self, maps: Maps) -> dict[str, Tensor]:
        """Return the head's maps, the score as a probability, and the token to carry on."""
        told = {
            "score": maps.score.sigmoid(),
            "offset": maps.offset,
            "size": maps.size,
            "spread": maps.spread,
        }
        if maps.change is not None:
            told["change"] = maps.change
        return {**told, "token_next": maps.token}

    def folded(self) -> None:
        """Fold the norm of the responses into the 1x1 mix behind it; read score and box at once."""
        self.mix[0] = norm_into_next(self.response_norm, self.mix[0])  # type: ignore[index,operator]
        self.response_norm = nn.Identity()  # type: ignore[assignment]
        self.both = stacked([self.score, self.box])
        del self.score, self.box

    def _compared(self, window: Tensor, kernel: Tensor, cells: Tensor) -> Tensor:
        features = self.trunk(window)
        compared = torch.cat(
            [
                depthwise_correlation(self.search_kernel(features), kernel),
                cellwise_correlation(self.search_cells(features), cells),
                self.search_passed(features),
            ],
            dim=1,
        )
        shared: Tensor = self.shared(self.mix(self.response_norm(compared)))
        return shared

    def _mask(self, shared: Tensor, token: Tensor) -> Tensor:
        if self.mask is None:
            return torch.zeros_like(shared[:, :1])
        logits: Tensor = self.mask(shared, token)
        return logits

    def _head(self, shared: Tensor, mask: Tensor, token: Tensor) -> Maps:
        raised = shared * (1 + mask.sigmoid())
        told = self.tower(raised)
        if self.both is None:
            both = torch.cat([self.score(told), self.box(told)], 1)
        else:
            both = self.both(told)
        change = None if self.change is None else self.change(told, shared, token)
        return Maps(both[:, :1], both[:, 1:3], both[:, 3:5], both[:, 5:], mask, token, change)


def _centre(features: Tensor, side: int) -> Tensor:
    margin = (features.shape[-1] - side) // 2
    return features[..., margin : margin + side, margin : margin + side]


def _as_tokens(features: Tensor) -> Tensor:
    return features.flatten(2).transpose(1, 2)


def _held(count: int, capacity: int) -> list[int]:
    """Return which of `count` tokens a store of `capacity` still holds: the first, the newest."""
    newest = range(max(1, count - capacity + 1), count)
    return [0, *newest]


def _ages(frames: list[int], like: Tensor) -> Tensor:
    """Return (B, n, AGES) one-hot of ages in frames."""
    buckets = torch.tensor([age_bucket(age) for age in frames], device=like.device)
    one_hot = nn.functional.one_hot(buckets, AGES)
    return one_hot.to(like.dtype).expand(len(like), -1, -1)
