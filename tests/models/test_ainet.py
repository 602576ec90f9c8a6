"""Facts about the network's tensors, its fused form and its graphs."""

import copy
from dataclasses import replace

import onnx
import pytest
import torch
from torch import nn

from thermedge import models
from thermedge.export import graph, parity
from thermedge.models.ainet import SIZES, AiNet
from thermedge.models.fuse import fused
from thermedge.models.layers.rep_conv import RepConv
from thermedge.training.losses import loss_of, targets_of

NANO = SIZES["nano"]
SMALL = replace(
    NANO,  # the same network, in milliseconds
    stem=4,
    middle=4,
    features=8,
    channels=16,
    depth=2,
    gate=8,
    inner=32,
    cells=4,
    passed=4,
    head=8,
    crop=replace(NANO.crop, template_px=64, search_px=96),
)
SWITCHES = {
    "as it is": {},
    "no difference": {"difference": False},
    "natural order": {"order": "natural"},
    "reverse order": {"order": "reverse"},
    "dynamic order": {"order": "dynamic"},
}
# What ONNX Runtime and TensorRT both run.
ALLOWED = {
    *("Conv", "MatMul", "Gemm", "Add", "Sub", "Mul", "Div", "Min", "Max", "Relu", "Sigmoid"),
    *("Tanh", "Erf", "Exp", "Softmax", "LayerNormalization", "ReduceMean", "ReduceSum", "Resize"),
    *("Reshape", "Transpose", "Concat", "Slice", "Split", "Unsqueeze", "Squeeze", "Expand"),
}
NAMES = ("template", "template_visible", "search", "search_visible")


def windows(config, count=2):
    """Thermal and visible windows: smooth, each of its own look."""
    margin = (config.crop.search_px - config.crop.template_px) // 2
    made = {}
    for ending in ("", "_visible"):
        smooth = torch.rand(count, 1, 8, 8)
        picture = nn.functional.interpolate(smooth, config.crop.search_px, mode="bilinear")
        picture = (picture + 0.02 * torch.randn_like(picture)).clamp(0, 1)
        made[f"search{ending}"] = picture
        made[f"template{ending}"] = picture[..., margin:-margin, margin:-margin]
    return made


def thermal_only(batch):
    return batch | {f"{name}_visible": batch[name] for name in ("template", "search")}


def trained_like(config):
    """An untrained network with the batch norms of a trained one, and norms that are lively."""
    torch.manual_seed(11)
    net = AiNet(config).train()
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # a plain average over the passes
    for norm in (m for m in net.modules() if isinstance(m, (nn.BatchNorm2d, nn.LayerNorm))):
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.uniform_(norm.bias, -0.3, 0.3)
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
def small():
    return trained_like(SMALL)


@torch.no_grad()
def test_every_map_has_a_cell_per_8_px():
    torch.manual_seed(0)
    batch = windows(NANO)
    net = AiNet(NANO).eval()
    kept = net.template(batch["template"], batch["template_visible"])
    assert kept.keys.shape == kept.values.shape == (2, 6, 36, 64)
    assert kept.cells.shape == (2, 72, 32)
    maps = net.answers(batch)
    assert [part.shape for part in maps] == [(2, n, 20, 20) for n in (1, 2, 2, 2, 1)]
    assert maps.score.sigmoid().max() < 0.3  # untrained, it finds nothing and keeps the size
    assert maps.size.abs().max() < 0.5


@torch.no_grad()
def test_each_pair_of_a_batch_is_on_its_own(net):
    batch = windows(SMALL)
    together = net.answers(batch)
    for i in range(2):
        alone = net.answers({name: part[i : i + 1] for name, part in batch.items()})
        for one, both in zip(alone, together, strict=True):
            torch.testing.assert_close(one[0], both[i], rtol=1e-4, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("name", NAMES)
def test_every_window_counts(net, name):
    batch = windows(SMALL)
    before = net.answers(batch)
    after = net.answers(batch | {name: torch.rand_like(batch[name])})
    assert (after.score - before.score).abs().max() > 1e-4
    assert (after.size - before.size).abs().max() > 1e-5


@torch.no_grad()
def test_without_a_visible_picture_both_halves_of_the_encoder_say_the_same(net):
    batch = thermal_only(windows(SMALL))
    kept = net.template(batch["template"], batch["template_visible"])
    for part in (kept.keys, kept.values):
        torch.testing.assert_close(part[:, 0::2], part[:, 1::2])
    thermal, visible = kept.cells.unflatten(1, (2, -1)).unbind(1)
    torch.testing.assert_close(thermal, visible)


@torch.no_grad()
def test_the_difference_is_where_the_modalities_meet(small):
    """Without it, what the visible template shows never touches the thermal keys."""
    batch = windows(SMALL)
    other = batch | {"template_visible": torch.rand_like(batch["template_visible"])}
    alone = trained_like(replace(SMALL, difference=False))
    moved = []
    for net in (small, alone):
        one, two = (net.template(b["template"], b["template_visible"]).keys for b in (batch, other))
        thermal = (one - two)[:, 0::2]  # of the first layer, then of the second
        assert not thermal[:, 0].any()  # the first layer comes before the first fusion
        moved.append(float(thermal[:, 1].abs().max()))
    assert moved[0] > 1e-3
    assert moved[1] == 0


@torch.no_grad()
def test_the_template_never_sees_the_search_window(small):
    batch = windows(SMALL)
    kept = small.template(batch["template"], batch["template_visible"])
    direct = small.track(batch["search"], batch["search_visible"], *kept)
    small.track(torch.rand_like(batch["search"]), torch.rand_like(batch["search"]), *kept)
    again = small.track(batch["search"], batch["search_visible"], *kept)
    for one, two in zip(direct, again, strict=True):
        assert torch.equal(one, two)


@pytest.mark.parametrize("half", [False, True])
def test_every_parameter_learns_from_the_loss(net, half):
    learning = copy.deepcopy(net).train()
    box = torch.tensor([[50.0, 44.0, 30.0, 24.0], [30.0, 60.0, 20.0, 20.0]])
    batch = windows(SMALL) | {
        "target_px": torch.full((2, 2), 24.0),
        "target": box,
        "present": torch.ones(2),
        "motion": torch.zeros(2, 2),
        "changed": torch.zeros(2, 2),
    }
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
        maps = learning.answers(batch)
    parts = loss_of("ainet")(maps, targets_of(batch))
    parts.total.backward()
    assert torch.isfinite(parts.total)
    idle = [name for name, weight in learning.named_parameters() if weight.grad is None]
    assert not idle
    still = [name for name, w in learning.named_parameters() if not w.grad.abs().sum() > 0]
    assert not still


@torch.no_grad()
def test_half_precision_of_training_stays_close():
    # Decays are sums in an exponent: rounded to 8 bits they would be far off.
    torch.manual_seed(2)
    batch, net = windows(SMALL), trained_like(SMALL)
    exact = net.answers(batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = net.answers(batch)
    assert (rough.score - exact.score).abs().mean() < 0.1 * exact.score.std()


# --- the fused form and the graphs ---


@torch.no_grad()
def test_the_fused_network_computes_the_same(net):
    plain = fused(net)
    batch = windows(SMALL)
    kinds = {type(module) for module in plain.modules()}
    assert not kinds & {RepConv, nn.BatchNorm2d}
    for want, came in zip(net.answers(batch), plain.answers(batch), strict=True):
        assert (came - want).abs().max() < 1e-4 * want.abs().max()
        assert want.std() > 0  # a constant map would prove nothing


@pytest.fixture(
    scope="module",
    # An export takes seconds.
    params=[
        pytest.param(name, marks=[] if name == "as it is" else pytest.mark.slow)
        for name in SWITCHES
    ],
)
def exported(request, tmp_path_factory):
    net = trained_like(replace(SMALL, **SWITCHES[request.param]))
    folder = tmp_path_factory.mktemp("graphs")
    plain = fused(net)
    paths = folder / "template.onnx", folder / "track.onnx"
    specs = graph.to_onnx(plain, *paths)
    return net, plain, dict(zip(("template", "track"), zip(paths, specs, strict=True), strict=True))


def test_onnx_runtime_computes_the_same(exported):
    gaps, golden = parity.compare(*exported)  # raises above its limit
    assert set(gaps) == {"keys", "values", "cells", "score", "offset", "size", "spread"}
    assert all(value.std() > 0 for value in golden[0][1].values())


def test_the_graphs_take_four_windows_and_what_is_kept(exported):
    files = exported[2]
    names = {
        name: [[item.name for item in part] for part in (spec.inputs, spec.outputs)]
        for name, (_, spec) in files.items()
    }
    kept = ["keys", "values", "cells"]
    assert names == {
        "template": [["template", "template_visible"], kept],
        "track": [["search", "search_visible", *kept], ["score", "offset", "size", "spread"]],
    }


def test_only_operators_that_every_engine_knows_are_used(exported):
    for path, spec in exported[2].values():
        model = onnx.load(path)
        assert {node.op_type for node in model.graph.node} <= ALLOWED
        assert all(item.shape[0] == 1 for item in (*spec.inputs, *spec.outputs))


@pytest.mark.parametrize(
    ("size", "trained", "running"), [("nano", 474_184, 425_000), ("base", 995_328, 899_512)]
)
def test_the_networks_have_the_sizes_that_are_told(size, trained, running):
    net = models.build("ainet", size)
    assert isinstance(net, AiNet)
    assert sum(weight.numel() for weight in net.parameters()) == trained
    assert sum(weight.numel() for weight in fused(net).parameters()) == running
