"""Facts about the network of state-space scans."""

import copy
import dataclasses
import math

import onnx
import pytest
import torch

from thermedge import models
from thermedge.export import graph, parity
from thermedge.models.fuse import fused
from thermedge.models.smmt import SIZES, Smmt

# What every engine runs, and runs quickly.
PLAIN = {
    *("Conv", "Gemm", "MatMul", "Add", "Sub", "Mul", "Div", "Min", "Max", "Relu", "Sigmoid"),
    *("Tanh", "Exp", "Softmax", "ReduceSum", "AveragePool", "Resize", "Reshape", "Transpose"),
    *("Concat", "Slice", "Split", "Unsqueeze", "Squeeze", "Gather"),
}


@pytest.fixture(scope="module", params=SIZES)
def lively(request, lively_network):
    return lively_network("smmt", request.param)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return models.build("smmt", "nano").eval()


def batch(config, count=2):
    generator = torch.Generator().manual_seed(0)
    crop = config.crop
    return {
        "template": torch.rand(count, 1, crop.template_px, crop.template_px, generator=generator),
        "target_px": torch.tensor([[40.0, 40.0], [62.0, 26.0]])[:count],
        "search": torch.rand(count, 1, crop.search_px, crop.search_px, generator=generator),
    }


@torch.no_grad()
@pytest.mark.parametrize("size", SIZES)
def test_every_map_has_a_cell_per_8_px(size):
    net = models.build("smmt", size).eval()
    c = net.config
    windows = batch(c)
    known = net.template(windows["template"], windows["target_px"])
    maps = net.answers(windows)

    cells = c.crop.search_px // 8
    assert known.score_kernel.shape == known.box_kernel.shape
    assert known.box_kernel.shape == (2, c.kernels, c.kernel_cells, c.kernel_cells)
    assert maps.score.shape == (2, 1, cells, cells)
    assert maps.ltrb.shape == (2, 4, cells, cells)


@torch.no_grad()
def test_each_pair_of_a_batch_is_on_its_own(net):
    windows = batch(net.config)
    together = net.answers(windows)
    for i in range(2):
        alone = net.answers({name: part[i : i + 1] for name, part in windows.items()})
        for one, many in ((alone.score, together.score), (alone.ltrb, together.ltrb)):
            torch.testing.assert_close(one[0], many[i], rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_an_untrained_network_finds_nothing_and_keeps_the_templates_box(net):
    windows = batch(net.config)
    maps = net.answers(windows)
    assert maps.score.sigmoid().max() < 0.2
    expected = (windows["target_px"] / 2).repeat(1, 2)[:, :, None, None].expand_as(maps.ltrb)
    torch.testing.assert_close(maps.ltrb, expected, rtol=0.3, atol=0)


@torch.no_grad()
@pytest.mark.parametrize("answer", [1e4, -1e4])
def test_distances_are_positive_and_bounded_whatever_the_head_answers(net, answer):
    sure = copy.deepcopy(net)
    sure.box.out.bias.fill_(answer)
    ltrb = sure.answers(batch(net.config)).ltrb
    half = (batch(net.config)["target_px"] / 2).repeat(1, 2)[:, :, None, None]
    torch.testing.assert_close(ltrb, (half * math.exp(math.copysign(4, answer))).expand_as(ltrb))


@torch.no_grad()
def test_the_middle_of_the_kernel_lies_on_the_middle_of_the_template(net):
    # 12 cells a side: the middle is the corner between cells 5 and 6, and the kernel's cell 2
    # is made of the four cells around it.
    features = torch.randn(1, net.config.motion, 12, 12)
    around = net.score.template.weight
    middle = (features[:, :, 5:7, 5:7] * around[:, None]).sum((2, 3, 4))[:, 0]
    expected = (middle + net.score.template.bias) / 5
    torch.testing.assert_close(net.score.kernel(features)[0, :, 2, 2], expected)


@torch.no_grad()
def test_scale_weights_tell_wide_targets_from_high_ones(net):
    template = torch.rand(1, 1, 96, 96).expand(3, -1, -1, -1)
    target_px = torch.tensor([[40.0, 40.0], [80.0, 20.0], [20.0, 80.0]])
    weights = net.template(template, target_px).scale_weights
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 3))
    assert (weights[1] - weights[2]).abs().max() > 0.02


def test_columns_rows_template_and_search_share_one_stack(net):
    seen = []
    hook = net.shared.register_forward_hook(lambda _, came, out: seen.append(tuple(came[0].shape)))
    windows = batch(net.config)
    with torch.no_grad():
        net.answers(windows)
    hook.remove()
    width = net.config.motion
    assert seen == [(2 * 2, width, 12, 12), (2 * 2, width, 20, 20)]
    apart = [dict(part.named_parameters()) for part in (net.columns, net.rows)]
    assert apart[0].keys() == apart[1].keys()
    assert all(apart[0][name] is not apart[1][name] for name in apart[0])


def test_every_parameter_takes_part():
    torch.manual_seed(0)
    net = models.build("smmt", "nano")
    maps = net.answers(batch(net.config))
    (maps.score.square().sum() + maps.ltrb.square().mean()).backward()
    idle = [name for name, weight in net.named_parameters() if not weight.grad.abs().sum()]
    assert not idle


@pytest.mark.parametrize(
    ("left_out", "parts"),
    [({"scans": False}, {"rows", "columns"}), ({"attention": False}, {"attention"})],
)
def test_an_ablation_leaves_out_its_part_and_the_rest_learns_and_fuses(left_out, parts):
    torch.manual_seed(0)
    whole, net = Smmt(SIZES["nano"]), Smmt(dataclasses.replace(SIZES["nano"], **left_out))
    gone = whole.state_dict().keys() - net.state_dict().keys()
    assert {name.split(".")[0] for name in gone} == parts
    windows = batch(net.config)
    net.answers(windows).score.sum().backward()
    net.eval()
    with torch.no_grad():
        came, expected = fused(net).answers(windows), net.answers(windows)
    torch.testing.assert_close(came.score, expected.score, rtol=1e-4, atol=1e-4)


def test_the_gain_of_smeared_edges_reaches_the_loss():
    for gain in (0.0, 1.0):
        net = Smmt(dataclasses.replace(SIZES["nano"], edge_gain=gain)).eval()
        with torch.no_grad():
            assert net.answers(batch(net.config)).edge_gain == gain


def outputs(net, feeds):
    """All outputs of both graphs, by name."""
    template, track = graph.graphs(net)
    known = {name: torch.from_numpy(value) for name, value in feeds.items()}
    known |= template.named(*(known[name] for name in template.inputs))
    made = track.named(*(known[name] for name in track.inputs))
    return {name: known[name] for name in graph.cached(net)} | made


@torch.no_grad()
def test_the_fused_network_computes_the_same(lively):
    feeds = parity.feeds(lively)[0]
    came, expected = outputs(fused(lively), feeds), outputs(lively, feeds)
    for name, want in expected.items():
        assert (came[name] - want).abs().max() < 1e-4 * want.abs().max(), name
        assert want.std() > 0, name  # a constant map would prove nothing


def test_fusing_leaves_convolutions_and_products(lively):
    kinds = {type(module).__name__ for module in fused(lively).modules()}
    assert not kinds & {"RepConv", "LineConv", "BatchNorm2d"}


def test_onnx_runtime_computes_the_same_with_plain_operators(lively_network, tmp_path):
    net = lively_network("smmt", "nano")
    plain = fused(net)
    template, track = tmp_path / "template.onnx", tmp_path / "track.onnx"
    specs = graph.to_onnx(plain, template, track)
    assert [item.name for item in specs[1].inputs] == ["search", *graph.cached(net)]
    for path in (template, track):
        assert {node.op_type for node in onnx.load(path).graph.node} <= PLAIN
    files = {"template": (template, specs[0]), "track": (track, specs[1])}
    gaps, _ = parity.compare(net, plain, files)  # raises above 1e-4
    assert gaps.keys() == {*graph.cached(net), "score", "ltrb"}
