"""Facts about the network's tensors, its fused form and its graphs."""

import copy
from collections import Counter
from dataclasses import replace

import onnx
import pytest
import torch
from torch import nn

from thermedge import models
from thermedge.export import graph, parity
from thermedge.models.fuse import fused
from thermedge.models.layers.parallel_attention import GatedAttention
from thermedge.models.siamcross import SIZES, Comparison, SiamCross
from thermedge.training.losses import loss_of, targets_of

NANO = SIZES["nano"]
SMALL = replace(
    NANO,  # the same network, in milliseconds
    stem=8,
    middle=8,
    features=8,
    deep=1,
    wide=1,
    keys=4,
    responses=4,
    squeezed=2,
    head=8,
    aligned=4,
    crop=replace(NANO.crop, template_px=56, search_px=96),
)
SWITCHES = {
    "as it is": {},
    "online": {"cross": "online"},
    "plain Siamese": {"cross": "none"},
    "no parallel attention": {"parallel": False},
    "no aligned score": {"aligned_share": 0.0},
    "none of them": {"cross": "none", "parallel": False, "aligned_share": 0.0},
}
# What ONNX Runtime and TensorRT both run.
ALLOWED = {
    *("Conv", "Gemm", "MatMul", "Add", "Sub", "Mul", "Div", "Min", "Relu", "Sigmoid", "Exp"),
    *("Sqrt", "Softmax", "ReduceMean", "ReduceMax", "ReduceSum", "Reshape", "Transpose"),
    *("Concat", "Slice", "Split", "Unsqueeze", "Squeeze", "Expand", "GridSample"),
}


def batch_of(config, count=2):
    smooth = torch.rand(2, count, 1, 8, 8)
    pictures = [
        nn.functional.interpolate(one, config.crop.search_px, mode="bicubic") for one in smooth
    ]
    search, context = ((one + 0.02 * torch.randn_like(one)).clamp(0, 1) for one in pictures)
    margin = (config.crop.search_px - config.crop.template_px) // 2
    half = config.crop.search_px / 2
    return {
        "search": search,
        "context": context,
        "template": context[..., margin:-margin, margin:-margin],
        "target_px": torch.tensor([[44.0, 32.0], [25.0, 50.0]])[:count],
        "target": torch.tensor([[half, half, 40.0, 30.0], [half + 9, half, 20.0, 40.0]])[:count],
        "present": torch.ones(count),
        "motion": torch.zeros(count, 2),
        "changed": torch.zeros(count, 2),
    }


def trained_like(config):
    """An untrained network with the batch norms and attention scales of a trained one."""
    torch.manual_seed(11)
    net = SiamCross(config).train()
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # a plain average over the passes
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.uniform_(norm.bias, -0.3, 0.3)
    with torch.no_grad():
        if config.cross != "none":
            net.mix_channels.scale.fill_(0.7)
            net.look_up.scale.uniform_(-1, 1)
        for _ in range(4):
            net.answers(batch_of(config))
    for norm in norms:
        norm.momentum = 0.1
    return net.eval()


@pytest.fixture(scope="module", params=SWITCHES)
def net(request):
    return trained_like(replace(SMALL, **SWITCHES[request.param]))


@pytest.fixture(scope="module")
def small():
    return trained_like(SMALL)


def known_of(net, batch):
    return net.template(*(batch[name] for name in net.template_inputs))


@torch.no_grad()
@pytest.mark.parametrize(("size", "cells", "kernel"), [("nano", 20, 3), ("base", 28, 5)])
def test_every_map_has_a_cell_per_8_px(size, cells, kernel):
    torch.manual_seed(0)
    net = models.build("siamcross", size).eval()
    batch = batch_of(net.config)
    known, maps = known_of(net, batch), net.answers(batch)
    side = net.config.crop.template_px // 8
    assert known.kernel.shape == (2, 2 * net.config.responses, kernel, kernel)
    assert known.keys.shape == (2, 32, side * side)
    assert known.inside.shape == (2, side * side, 1)
    assert [part.shape[1] for part in maps] == [1, 4, 1, 1]
    assert {part.shape[2:] for part in maps} == {(cells, cells)}


@torch.no_grad()
def test_each_pair_of_a_batch_is_on_its_own(net):
    batch = batch_of(SMALL)
    together = net.answers(batch)
    for i in range(2):
        alone = net.answers({name: part[i : i + 1] for name, part in batch.items()})
        for one, both in zip(alone, together, strict=True):
            if both is not None:
                torch.testing.assert_close(one[0], both[i], rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_an_untrained_network_finds_nothing_and_keeps_the_size():
    torch.manual_seed(0)
    batch = batch_of(NANO)
    maps = SiamCross(NANO).eval().answers(batch)
    assert maps.belief.max() < 0.2
    sides = maps.ltrb[:, :2] + maps.ltrb[:, 2:]
    expected = batch["target_px"][:, :, None, None].expand_as(sides)
    torch.testing.assert_close(sides, expected, rtol=0.25, atol=0)


@torch.no_grad()
def test_both_scores_are_mixed_by_the_share():
    for share in (0.0, 0.3, 1.0):
        net = trained_like(replace(SMALL, aligned_share=share))
        maps = net.answers(batch_of(SMALL))
        expected = maps.score.sigmoid()
        if share:
            expected = torch.lerp(expected, maps.aligned.sigmoid(), share)
        torch.testing.assert_close(maps.belief, expected)
        assert torch.equal(net.graph_outputs(maps)["score"], maps.belief)


@torch.no_grad()
def test_frozen_attention_follows_the_surroundings_and_nothing_else(small):
    batch = batch_of(SMALL)
    one = known_of(small, batch)
    other = known_of(small, {**batch, "context": batch["context"].flip(3)})
    assert (one.kernel - other.kernel).abs().max() > 1e-3
    for name in ("half_px", "keys", "inside"):
        assert torch.equal(getattr(one, name), getattr(other, name))


@torch.no_grad()
def test_online_and_frozen_attention_agree_when_the_surroundings_are_the_search_window(small):
    online = SiamCross(replace(SMALL, cross="online")).eval()
    online.load_state_dict(small.state_dict())
    batch = batch_of(SMALL)
    same = {**batch, "context": batch["search"]}
    for one, other in zip(online.answers(batch), small.answers(same), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    assert (online.answers(batch).score - small.answers(batch).score).abs().max() > 1e-3


@torch.no_grad()
def test_the_box_says_which_cells_the_look_up_counts(small):
    batch = batch_of(SMALL)
    one = small.answers(batch)
    other = small.answers({**batch, "target_px": batch["target_px"].flip(1)})
    assert (one.score - other.score).abs().max() > 1e-3


def test_a_step_of_training_moves_every_parameter(net):
    learning = copy.deepcopy(net).train()
    batch = batch_of(SMALL)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        maps = learning.answers(batch)
    parts = loss_of("siamcross")(maps, targets_of(batch))
    parts.total.backward()
    assert parts.total.isfinite()
    idle = [n for n, w in learning.named_parameters() if w.grad is None or not w.grad.abs().sum()]
    assert not idle


def test_the_aligned_loss_does_not_move_the_box():
    net = trained_like(SMALL)
    net.answers(batch_of(SMALL)).aligned.sum().backward()
    assert net.box.weight.grad is None
    assert net.sampling.mix.branches[0].grad.abs().sum() > 0


@torch.no_grad()
def test_the_fused_network_computes_the_same(net):
    plain, batch = fused(net), batch_of(SMALL)
    expected, came = known_of(net, batch), known_of(plain, batch)
    outputs, maps = net.answers(batch), plain.answers(batch)
    pairs = [*zip(expected, came, strict=True), *zip(outputs, maps, strict=True)]
    for want, value in pairs:
        if want is not None:
            assert (value - want).abs().max() < 1e-4 * want.abs().max()
            assert want.std() > 0  # a constant map would prove nothing


@torch.no_grad()
def test_the_norm_of_the_responses_leaves_the_kernel_as_it_is():
    torch.manual_seed(2)
    layer = Comparison(5, 3).eval()
    layer.norm.running_mean.uniform_(-1, 1)
    layer.norm.running_var.uniform_(0.3, 3)
    nn.init.uniform_(layer.norm.weight, -1.5, 1.5)
    nn.init.uniform_(layer.norm.bias, -1, 1)
    template, search = torch.randn(2, 5, 3, 3), torch.randn(2, 5, 6, 7)

    plain = layer.plain()

    assert torch.equal(plain.kernel(template), layer.kernel(template))
    expected = layer(search, layer.kernel(template))
    torch.testing.assert_close(
        plain(search, plain.kernel(template)), expected, rtol=1e-4, atol=1e-5
    )


def test_only_plain_layers_are_left(small):
    plain = fused(small)
    assert not [
        m for m in plain.modules() if isinstance(m, nn.BatchNorm2d) or hasattr(m, "branches")
    ]
    assert isinstance(plain.attention, GatedAttention)


def test_the_graphs_are_within_1e_4_and_made_of_plain_operators(net, tmp_path):
    plain, files = fused(net), (tmp_path / "template.onnx", tmp_path / "track.onnx")
    specs = graph.to_onnx(plain, *files)
    pairs = dict(zip(("template", "track"), zip(files, specs, strict=True), strict=True))
    parity.compare(net, plain, pairs)  # raises above 1e-4
    for path in files:
        nodes = onnx.load(path).graph.node
        kinds = Counter(node.op_type for node in nodes)
        assert not kinds.keys() - ALLOWED
        modes = [
            a.s for n in nodes if n.op_type == "GridSample" for a in n.attribute if a.name == "mode"
        ]
        assert all(mode == b"bilinear" for mode in modes)  # "linear" is another opset's name


@torch.no_grad()
def test_what_depends_on_the_template_alone_is_in_its_own_graph(net):
    inputs = {"frozen": ("template", "target_px", "context"), "online": ("template", "target_px")}
    known = set(graph.cached(net))
    if net.config.cross == "none":
        assert known == {"kernel", "half_px"}
    else:
        assert net.template_inputs == inputs[net.config.cross]
        assert known == {"kernel", "half_px", "keys", "inside"}


@pytest.mark.parametrize(("size", "trained"), [("nano", 365_144), ("base", 1_092_680)])
def test_the_network_has_the_size_that_is_told(size, trained):
    net = models.build("siamcross", size)
    assert sum(weight.numel() for weight in net.parameters()) == trained
