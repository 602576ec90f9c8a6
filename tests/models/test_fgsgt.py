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
from thermedge.models.fgsgt import SIZES, Fgsgt
from thermedge.models.fuse import fused
from thermedge.models.layers.level_mix import LevelMix
from thermedge.models.layers.parallel_block import RowColumnConv, StackedConv
from thermedge.models.layers.rep_conv import RepConv

NANO = SIZES["nano"]
SMALL = replace(
    NANO,  # the same network, in milliseconds
    stem=8,
    middle=8,
    inner=8,
    features=8,
    deep=1,
    compared=4,
    salient=4,
    neck=8,
    kernels=8,
    head=8,
    crop=replace(NANO.crop, template_px=56, search_px=80),
)
SWITCHES = {
    "as it is": {},
    "plain 3x3": {"parallel": False},
    "saliency only taught": {"saliency": "aux"},
    "no saliency": {"saliency": "off"},
}
# What ONNX Runtime and TensorRT both run.
ALLOWED = {
    *("Conv", "Gemm", "MatMul", "Add", "Sub", "Mul", "Div", "Relu", "LeakyRelu", "PRelu"),
    *("Sigmoid", "Exp", "Sqrt", "Softmax", "ReduceMean", "ReduceSum", "MaxPool", "AveragePool"),
    *("Resize", "Reshape", "Transpose", "Concat", "Slice", "Unsqueeze", "Gather"),
}


def windows(config, count=2):
    smooth = torch.rand(count, 1, 8, 8)
    picture = nn.functional.interpolate(smooth, config.crop.search_px, mode="bilinear")
    picture = (picture + 0.02 * torch.randn_like(picture)).clamp(0, 1)
    margin = (config.crop.search_px - config.crop.template_px) // 2
    return {
        "search": picture,
        "template": picture[..., margin:-margin, margin:-margin],
        "target_px": torch.tensor([[44.0, 32.0], [25.0, 50.0]])[:count],
    }


def trained_like(config):
    """An untrained network with the batch norms and level weights of a trained one."""
    torch.manual_seed(11)
    net = Fgsgt(config).train()
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # a plain average over the passes
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.uniform_(norm.bias, -0.3, 0.3)
    for mix in (module for module in net.modules() if isinstance(module, LevelMix)):
        nn.init.normal_(mix.level)
    with torch.no_grad():
        for _ in range(4):
            net.answers(windows(config))
    for norm in norms:
        norm.momentum = 0.1
    return net.eval()


@pytest.fixture(scope="module", params=SWITCHES)
def net(request):
    return trained_like(replace(SMALL, **SWITCHES[request.param]))


@pytest.fixture(scope="module")
def nano():
    return trained_like(NANO)


@torch.no_grad()
def test_every_map_has_a_cell_per_8_px_and_saliency_one_per_4(nano):
    batch = windows(NANO)
    maps = nano.answers(batch)
    known = nano.template(batch["template"], batch["target_px"])
    assert (known.kernel.shape, known.half_px.shape) == ((2, 96, 5, 5), (2, 4, 1, 1))
    assert (maps.score.shape, maps.ltrb.shape) == ((2, 1, 20, 20), (2, 4, 20, 20))
    assert [m.shape[-1] for m in maps.saliency] == [20, 40, 40]
    assert [m.shape[-1] for m in maps.template_saliency] == [11, 22, 22]
    assert maps.ltrb.min() > 0


@torch.no_grad()
def test_each_pair_of_a_batch_is_on_its_own(net):
    batch = windows(SMALL)
    together = net.answers(batch)
    for i in range(2):
        alone = net.answers({name: part[i : i + 1] for name, part in batch.items()})
        for one, both in ((alone.score, together.score), (alone.ltrb, together.ltrb)):
            torch.testing.assert_close(one[0], both[i], rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_an_untrained_network_finds_nothing_and_keeps_the_size():
    torch.manual_seed(0)
    batch = windows(NANO)
    maps = Fgsgt(NANO).train().answers(batch)
    assert maps.score.sigmoid().max() < 0.4
    sides = maps.ltrb[:, :2] + maps.ltrb[:, 2:]
    expected = batch["target_px"][:, :, None, None].expand_as(sides)
    torch.testing.assert_close(sides, expected, rtol=0.35, atol=0)


@torch.no_grad()
def test_boxes_are_multiples_of_the_templates_own_sides():
    net, batch = trained_like(SMALL), windows(SMALL)
    before = net.answers(batch)
    wider = batch["target_px"] * torch.tensor([2.0, 1.0])
    after = net.answers({**batch, "target_px": wider})
    times = torch.tensor([2.0, 1.0, 2.0, 1.0])[None, :, None, None]
    torch.testing.assert_close(after.ltrb, before.ltrb * times)
    torch.testing.assert_close(after.score, before.score)


def test_every_parameter_takes_part(net):
    learning = copy.deepcopy(net).train()
    maps = learning.answers(windows(SMALL))
    parts = [maps.score, maps.ltrb, *maps.saliency, *maps.template_saliency]
    sum(part.square().sum() for part in parts).backward()
    assert not [name for name, weight in learning.named_parameters() if weight.grad is None]


@torch.no_grad()
def test_saliency_leads_only_where_it_gates():
    batch = windows(SMALL)

    def change(**switches):
        """How much the score moves when all saliency rises."""
        net = trained_like(replace(SMALL, **switches))
        before = net.answers(batch).score
        net.saliency.first.bias += 4
        return (net.answers(batch).score - before).abs().max()

    assert change(saliency="gate") > 1e-3
    assert change(saliency="aux") == 0


@torch.no_grad()
def test_saliency_that_only_teaches_is_no_part_of_the_fused_network():
    off, aux = (
        fused(trained_like(replace(SMALL, saliency=saliency))) for saliency in ("off", "aux")
    )
    assert aux.saliency is None
    assert aux.state_dict().keys() == off.state_dict().keys()


@torch.no_grad()
def test_the_fused_network_computes_the_same(net):
    plain, batch = fused(net), windows(SMALL)
    expected, maps = net.answers(batch), plain.answers(batch)
    for want, came in ((expected.score, maps.score), (expected.ltrb, maps.ltrb)):
        assert want.std() > 0  # a constant map would prove nothing
        assert (came - want).abs().max() < 1e-4 * want.abs().max()


def test_nothing_of_training_is_left_after_fusing(net):
    kinds = {type(module) for module in fused(net).modules()}
    assert not kinds & {RepConv, RowColumnConv, StackedConv, LevelMix, nn.BatchNorm2d}


def test_the_parallel_kernels_cost_nothing_once_fused():
    with_them, without = (
        [p.shape for p in fused(trained_like(replace(SMALL, parallel=parallel))).parameters()]
        for parallel in (True, False)
    )
    assert with_them == without


def exported(net, folder):
    files = folder / "template.onnx", folder / "track.onnx"
    specs = graph.to_onnx(net, *files)
    return dict(zip(("template", "track"), zip(files, specs, strict=True), strict=True))


@pytest.fixture(scope="module")
def forms(tmp_path_factory):
    """The small network as trained, the same fused, and its graphs."""
    net = trained_like(SMALL)
    plain = fused(net)
    return net, plain, exported(plain, tmp_path_factory.mktemp("graphs"))


def test_onnx_runtime_computes_what_was_trained(forms):
    gaps, _ = parity.compare(*forms)  # raises above 1e-4
    assert gaps.keys() == {"kernel", "half_px", "score", "ltrb"}
    assert all(gap.onnx > 0 for name, gap in gaps.items() if name != "half_px")


def test_the_graphs_hold_operators_that_every_engine_knows(forms):
    for path, _ in forms[2].values():
        assert {node.op_type for node in onnx.load(path).graph.node} <= ALLOWED


def test_all_that_depends_on_the_template_alone_is_cached(forms):
    names = [value.name for value in onnx.load(forms[2]["track"][0]).graph.input]
    assert names == ["search", "kernel", "half_px"]


def test_maps_are_enlarged_as_every_engine_does(forms):
    for path, _ in forms[2].values():
        resizes = [node for node in onnx.load(path).graph.node if node.op_type == "Resize"]
        assert len(resizes) == 3
        for node in resizes:
            values = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            assert values["mode"] == b"linear"
            assert values["coordinate_transformation_mode"].endswith(b"half_pixel")


@pytest.mark.slow
@pytest.mark.parametrize("switch", SWITCHES)
def test_every_switch_can_be_exported(switch, tmp_path):
    net = trained_like(replace(SMALL, **SWITCHES[switch]))
    plain = fused(net)
    files = exported(plain, tmp_path)
    parity.compare(net, plain, files)
    kinds = {node.op_type for node in onnx.load(files["track"][0]).graph.node}
    assert kinds <= ALLOWED
    assert ("Resize" in kinds) == (plain.saliency is not None)


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_every_size_computes_the_same_in_all_three_forms(size, tmp_path):
    net = trained_like(SIZES[size])
    plain = fused(net)
    files = exported(plain, tmp_path)
    parity.compare(net, plain, files)
    kinds = Counter(node.op_type for node in onnx.load(files["track"][0]).graph.node)
    # trunk 2 + 3 + 2 + 2 + 2, gate 3, saliency 5 + 4 + 1 + 2 * 3, neck and encoders 6,
    # the correlation, the head 2 * 3
    assert kinds["Conv"] == 43
    assert sum(path.stat().st_size for path, _ in files.values()) < 7.5e6


@pytest.mark.parametrize(
    ("size", "trained", "running"),
    [("nano", 339_372, 333_456), ("base", 1_145_268, 1_127_088)],
)
def test_the_networks_have_the_sizes_that_are_told(size, trained, running):
    net = models.build("fgsgt", size)
    assert sum(weight.numel() for weight in net.parameters()) == trained
    assert sum(weight.numel() for weight in fused(net).parameters()) == running
